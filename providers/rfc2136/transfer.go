package rfc2136

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Snapshot implements providers.Driver: a transfer, from SOA to SOA (RFC 5936 2.2), or an error.
func (d *Driver) Snapshot(ctx context.Context, zone zones.Name) (*providers.Snapshot, error) {
	rrs, err := d.transfer(ctx, zone)
	if err != nil {
		return nil, err
	}
	sets, err := zones.FromRRs(rrs)
	if err != nil {
		return nil, fmt.Errorf("%w: transfer of %s: %w", providers.ErrUnavailable, zone, err)
	}
	snap := &providers.Snapshot{Time: time.Now()}
	for _, s := range sets {
		if !s.Name.Within(zone) {
			return nil, fmt.Errorf("%w: transfer of %s has %s", providers.ErrUnavailable, zone, s.Name)
		}
		snap.RRsets = append(snap.RRsets, providers.RRset{RRset: s})
	}
	return snap, nil
}

// transfer returns the records of a zone, the closing SOA left out.
func (d *Driver) transfer(ctx context.Context, zone zones.Name) ([]dns.RR, error) {
	l, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	q := new(dns.Msg)
	q.SetAxfr(zone.String())
	if err := l.send(q); err != nil {
		return nil, err
	}
	var rrs []dns.RR
	for {
		r, err := l.receive(q.Id)
		if err != nil {
			return nil, fmt.Errorf("transfer of %s: %w", zone, err)
		}
		if r.Rcode != dns.RcodeSuccess {
			return nil, d.refusal(ctx, r, zone)
		}
		for _, rr := range r.Answer {
			soa := rr.Header().Rrtype == dns.TypeSOA
			if len(rrs) == 0 && !soa {
				return nil, fmt.Errorf("%w: transfer of %s does not begin with a SOA", providers.ErrUnavailable, zone)
			}
			if len(rrs) > 0 && soa {
				return rrs, nil
			}
			rrs = append(rrs, rr)
		}
		if len(rrs) == 0 {
			return nil, fmt.Errorf("%w: transfer of %s is empty", providers.ErrZoneNotFound, zone)
		}
	}
}
