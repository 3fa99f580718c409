package route53

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// hostedZone is where a zone is held.
type hostedZone struct {
	id      string
	private bool
	servers []string // host names; nil: not asked for yet
}

// locate finds the zone's hosted zone, once.
func (d *Driver) locate(ctx context.Context, zone zones.Name) (hostedZone, error) {
	d.mu.Lock()
	z, ok := d.found[zone]
	d.mu.Unlock()
	if ok {
		return z, nil
	}
	var err error
	switch id, one := d.opts.ZoneIDs[zone], d.provider.HostedZoneID; {
	case id != "":
		z, err = d.describe(ctx, zone, bareID(id))
	case one != "":
		z, err = d.describe(ctx, zone, bareID(one))
	default:
		z, err = d.search(ctx, zone)
	}
	if err != nil {
		return hostedZone{}, err
	}
	d.remember(zone, z)
	return z, nil
}

func (d *Driver) remember(zone zones.Name, z hostedZone) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found[zone] = z
}

// forget drops what is known of the zone where err says that it is gone: it may have been made anew.
func (d *Driver) forget(zone zones.Name, err error) {
	if errors.Is(err, providers.ErrZoneNotFound) {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.found, zone)
	}
}

// describe asks for a hosted zone by its id, and that it is the zone's.
func (d *Driver) describe(ctx context.Context, zone zones.Name, id string) (hostedZone, error) {
	out, err := call(ctx, d, "get hosted zone "+id, d.api.GetHostedZone, &r53.GetHostedZoneInput{Id: aws.String(id)})
	if err != nil {
		return hostedZone{}, err
	}
	if out.HostedZone == nil {
		return hostedZone{}, fmt.Errorf("get hosted zone %s: %w: the answer has none", id, providers.ErrUnavailable)
	}
	name, err := decodeName(aws.ToString(out.HostedZone.Name))
	if err != nil || name != zone {
		return hostedZone{}, fmt.Errorf("hosted zone %s is %s, not %s: %w", id, aws.ToString(out.HostedZone.Name), zone, providers.ErrZoneNotFound)
	}
	z := hostedZone{id: id, private: isPrivate(*out.HostedZone), servers: []string{}}
	if out.DelegationSet != nil {
		z.servers = append(z.servers, out.DelegationSet.NameServers...)
	}
	return z, nil
}

func isPrivate(z types.HostedZone) bool { return z.Config != nil && z.Config.PrivateZone }

// search finds the one hosted zone of that name: the public one, else the private one. Several
// are for the operator to choose from.
func (d *Driver) search(ctx context.Context, zone zones.Name) (hostedZone, error) {
	var public, private []string
	in := &r53.ListHostedZonesByNameInput{DNSName: aws.String(encodeName(zone))}
	for {
		out, err := call(ctx, d, "list hosted zones", d.api.ListHostedZonesByName, in)
		if err != nil {
			return hostedZone{}, err
		}
		if out.MaxItems == nil {
			return hostedZone{}, fmt.Errorf("list hosted zones: %w", errNoAnswer)
		}
		last := false
		for _, z := range out.HostedZones {
			name, err := decodeName(aws.ToString(z.Name))
			switch {
			case err != nil || name != zone:
				last = true // the list is ordered by name and begins with ours
			case isPrivate(z):
				private = append(private, bareID(aws.ToString(z.Id)))
			default:
				public = append(public, bareID(aws.ToString(z.Id)))
			}
		}
		if last || !out.IsTruncated {
			break
		}
		if aws.ToString(out.NextDNSName) == aws.ToString(in.DNSName) && aws.ToString(out.NextHostedZoneId) == aws.ToString(in.HostedZoneId) {
			return hostedZone{}, fmt.Errorf("list hosted zones: %w: the next page is the same page", providers.ErrUnavailable)
		}
		in.DNSName, in.HostedZoneId = out.NextDNSName, out.NextHostedZoneId
	}
	ids, kind := public, "public"
	if len(ids) == 0 {
		ids, kind = private, "private"
	}
	switch len(ids) {
	case 0:
		return hostedZone{}, fmt.Errorf("%s: %w", zone, providers.ErrZoneNotFound)
	case 1:
		return hostedZone{id: ids[0], private: kind == "private"}, nil
	}
	return hostedZone{}, fmt.Errorf("%s has %d %s hosted zones (%s); set hosted_zone_id to the one that is meant: %w",
		zone, len(ids), kind, strings.Join(ids, ", "), providers.ErrRefused)
}

// Nameservers implements providers.Driver. A private zone cannot be asked.
func (d *Driver) Nameservers(ctx context.Context, zone zones.Name) ([]providers.Nameserver, error) {
	if len(d.opts.Nameservers) > 0 {
		out := make([]providers.Nameserver, len(d.opts.Nameservers))
		for i, a := range d.opts.Nameservers {
			out[i] = providers.Nameserver{Addr: a}
		}
		return out, nil
	}
	z, err := d.locate(ctx, zone)
	if err != nil {
		return nil, err
	}
	if z.private {
		return nil, nil
	}
	if z.servers == nil {
		if z, err = d.describe(ctx, zone, z.id); err != nil {
			d.forget(zone, err)
			return nil, err
		}
		d.remember(zone, z)
	}
	out := make([]providers.Nameserver, len(z.servers))
	for i, s := range z.servers {
		host := strings.TrimSuffix(s, ".")
		out[i] = providers.Nameserver{Name: host + ".", Addr: net.JoinHostPort(host, "53")}
	}
	return out, nil
}
