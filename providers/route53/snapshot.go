package route53

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// pageSize is the most that one answer may list.
const pageSize = 300

// key names an RRset.
type key struct {
	name zones.Name
	typ  uint16
}

// token is what a Snapshot carries to Apply: the sets letter by letter as they were listed,
// since a DELETE must name them so.
type token struct {
	zoneID string
	sets   map[key]types.ResourceRecordSet
}

// Snapshot implements providers.Driver.
func (d *Driver) Snapshot(ctx context.Context, zone zones.Name) (*providers.Snapshot, error) {
	z, err := d.locate(ctx, zone)
	if err != nil {
		return nil, err
	}
	snap, err := d.read(ctx, zone, z.id)
	d.forget(zone, err)
	return snap, err
}

// read lists the hosted zone, all pages of it.
func (d *Driver) read(ctx context.Context, zone zones.Name, id string) (*providers.Snapshot, error) {
	start := time.Now()
	tok := token{id, make(map[key]types.ResourceRecordSet)}
	snap := &providers.Snapshot{Time: start, Token: tok}
	in := &r53.ListResourceRecordSetsInput{HostedZoneId: aws.String(id), MaxItems: aws.Int32(pageSize)}
	pages := 0
	for {
		out, err := call(ctx, d, "list records of "+zone.String(), d.api.ListResourceRecordSets, in)
		if err != nil {
			return nil, err
		}
		if out.MaxItems == nil {
			return nil, fmt.Errorf("list records of %s: %w", zone, errNoAnswer)
		}
		pages++
		for _, set := range out.ResourceRecordSets {
			if err := take(snap, tok, zone, set); err != nil {
				return nil, fmt.Errorf("list records of %s: %w", zone, err)
			}
		}
		if !out.IsTruncated {
			if _, ok := tok.sets[key{zone, dns.TypeSOA}]; !ok { // every hosted zone has one
				return nil, fmt.Errorf("list records of %s: %w: the list has no SOA, so it is not the whole zone", zone, providers.ErrUnavailable)
			}
			d.log.DebugContext(ctx, "route53 zone read", "zone", zone.String(), "id", id, "pages", pages, "rrsets", len(snap.RRsets), "foreign", len(snap.Foreign))
			return snap, nil
		}
		if aws.ToString(out.NextRecordName) == "" || sameStart(in, out) {
			return nil, fmt.Errorf("list records of %s: %w: the answer is cut short and does not say where to go on", zone, providers.ErrUnavailable)
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier
	}
}

func sameStart(in *r53.ListResourceRecordSetsInput, out *r53.ListResourceRecordSetsOutput) bool {
	return aws.ToString(in.StartRecordName) == aws.ToString(out.NextRecordName) && in.StartRecordType == out.NextRecordType &&
		aws.ToString(in.StartRecordIdentifier) == aws.ToString(out.NextRecordIdentifier)
}

// take puts one listed set where it belongs.
func take(snap *providers.Snapshot, tok token, zone zones.Name, set types.ResourceRecordSet) error {
	name, err := decodeName(aws.ToString(set.Name))
	if err != nil {
		return err
	}
	typ, err := zones.ParseType(string(set.Type))
	if err != nil {
		snap.Foreign = append(snap.Foreign, providers.Foreign{Name: name, Text: "type " + string(set.Type)})
		return nil
	}
	if !name.Within(zone) {
		return fmt.Errorf("%s is not within the zone", name)
	}
	k := key{name, typ}
	why := special(set)
	var data [][]byte
	if why == "" {
		if data, err = values(typ, set); err != nil {
			why = err.Error()
		}
	}
	if why != "" {
		snap.Foreign = append(snap.Foreign, providers.Foreign{Name: name, Type: typ, Text: why})
		return nil
	}
	if _, twice := tok.sets[k]; twice {
		return fmt.Errorf("%s %s is listed twice", name, set.Type)
	}
	tok.sets[k] = set
	snap.RRsets = append(snap.RRsets, providers.RRset{RRset: zones.RRset{Name: name, Type: typ, TTL: uint32(aws.ToInt64(set.TTL)), Data: data}})
	return nil
}

// special says, in words, what makes a set more than an ordinary RRset; "" for nothing.
func special(set types.ResourceRecordSet) string {
	id := ""
	if set.SetIdentifier != nil {
		id = fmt.Sprintf(" %q", *set.SetIdentifier)
	}
	policy := ""
	switch {
	case set.Weight != nil:
		policy = fmt.Sprintf("weighted set%s, weight %d", id, *set.Weight)
	case set.Failover != "":
		policy = fmt.Sprintf("failover set%s, %s", id, strings.ToLower(string(set.Failover)))
	case set.Region != "":
		policy = fmt.Sprintf("latency set%s, %s", id, set.Region)
	case set.GeoLocation != nil:
		policy = fmt.Sprintf("geolocation set%s", id)
	case set.GeoProximityLocation != nil:
		policy = fmt.Sprintf("geoproximity set%s", id)
	case set.CidrRoutingConfig != nil:
		policy = fmt.Sprintf("IP-based set%s", id)
	case aws.ToBool(set.MultiValueAnswer):
		policy = fmt.Sprintf("multivalue set%s", id)
	case set.SetIdentifier != nil:
		policy = fmt.Sprintf("set%s of a routing policy", id)
	case set.TrafficPolicyInstanceId != nil:
		policy = "set of traffic policy instance " + *set.TrafficPolicyInstanceId
	case set.HealthCheckId != nil:
		policy = "set with the provider's own health check " + *set.HealthCheckId
	}
	if set.AliasTarget == nil {
		return policy
	}
	alias := "alias to " + aws.ToString(set.AliasTarget.DNSName)
	if policy != "" {
		return policy + ", " + alias
	}
	return alias
}

// values reads all values of a set. No value stands twice in what it returns.
func values(typ uint16, set types.ResourceRecordSet) ([][]byte, error) {
	ttl := aws.ToInt64(set.TTL)
	switch {
	case !isHeld(typ):
		return nil, fmt.Errorf("type %s", set.Type)
	case set.TTL == nil || len(set.ResourceRecords) == 0:
		return nil, fmt.Errorf("set without values")
	case ttl < 0 || ttl > maxTTL:
		return nil, fmt.Errorf("set with TTL %d", ttl)
	}
	var out [][]byte
	for _, r := range set.ResourceRecords {
		data, err := decodeValue(typ, aws.ToString(r.Value))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(out, func(d []byte) bool { return bytes.Equal(d, data) }) {
			out = append(out, data)
		}
	}
	return out, nil
}
