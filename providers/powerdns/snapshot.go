package powerdns

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// held is a zone as the API showed it.
type held struct {
	sets       map[providers.Key]providers.RRset
	disabled   map[providers.Key][]recordJSON
	unreadable map[providers.Key][]string // contents; a REPLACE or DELETE would take them along
	foreign    []providers.Foreign
}

func newHeld() *held {
	return &held{sets: make(map[providers.Key]providers.RRset), disabled: make(map[providers.Key][]recordJSON),
		unreadable: make(map[providers.Key][]string)}
}

// Snapshot implements providers.Driver.
func (d *Driver) Snapshot(ctx context.Context, zone zones.Name) (*providers.Snapshot, error) {
	h, err := d.read(ctx, zone)
	if err != nil {
		return nil, err
	}
	snap := &providers.Snapshot{Time: time.Now(), Foreign: h.foreign}
	for _, s := range h.sets {
		snap.RRsets = append(snap.RRsets, s)
	}
	return snap, nil
}

func (d *Driver) read(ctx context.Context, zone zones.Name) (*held, error) {
	z, err := d.getZone(ctx, zone)
	if err != nil {
		return nil, err
	}
	h := newHeld()
	for _, s := range z.RRsets {
		name, err := zones.ParseName(s.Name)
		if err != nil || !name.Within(zone) {
			return nil, fmt.Errorf("%w: %s has an RRset at %q", providers.ErrUnavailable, zone, s.Name)
		}
		h.add(name, s)
	}
	return h, nil
}

// add sorts one RRset into what is served, what is disabled, and what is not an RRset of ours to understand.
func (h *held) add(name zones.Name, s rrsetJSON) {
	typ, err := zones.ParseType(s.Type)
	if err != nil || typ == zones.TypeALIAS { // LUA; an ALIAS of PowerDNS's own is none of ours
		for _, r := range s.Records {
			h.foreign = append(h.foreign, providers.Foreign{Name: name, Text: s.Type + " " + r.Content})
		}
		return
	}
	k := providers.Key{Name: name, Type: typ}
	set := zones.RRset{Name: name, Type: typ, TTL: s.TTL}
	for _, r := range s.Records {
		data, err := parseContent(name, s.Type, r.Content)
		switch {
		case r.Disabled:
			h.disabled[k] = append(h.disabled[k], r)
			h.foreign = append(h.foreign, providers.Foreign{Name: name, Text: fmt.Sprintf("disabled: %s %s", s.Type, r.Content)})
		case err != nil:
			h.unreadable[k] = append(h.unreadable[k], r.Content)
			h.foreign = append(h.foreign, providers.Foreign{Name: name, Type: typ, Text: fmt.Sprintf("%s that can't be read: %s", s.Type, r.Content)})
		default:
			set.Data = append(set.Data, data)
		}
	}
	if !set.IsZero() {
		h.sets[k] = providers.RRset{RRset: set}
	}
}

// parseContent reads RDATA in PowerDNS' spelling, which is that of a zone file with absolute names.
func parseContent(name zones.Name, typ, content string) ([]byte, error) {
	rr, err := dns.NewRR(fmt.Sprintf("%s 0 IN %s %s", name, typ, content))
	if err != nil {
		return nil, err
	}
	if rr == nil {
		return nil, fmt.Errorf("no record in %q", content)
	}
	return zones.Rdata(rr)
}
