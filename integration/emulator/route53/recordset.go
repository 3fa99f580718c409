package route53

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// label names a set as the API's messages do.
func (r *recordSet) label() string {
	id := ""
	if r.SetIdentifier != nil {
		id = fmt.Sprintf(", set identifier='%s'", *r.SetIdentifier)
	}
	return fmt.Sprintf("[name='%s', type='%s'%s]", r.Name, r.Type, id)
}

// same reports whether two sets agree in everything that a DELETE must repeat.
// Values are compared as text, in any order.
func (r *recordSet) same(o *recordSet) bool {
	a, b := r.values(), o.values()
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b) && equalPtr(r.TTL, o.TTL) && equalPtr(r.SetIdentifier, o.SetIdentifier) &&
		equalPtr(r.Weight, o.Weight) && equalPtr(r.Region, o.Region) && equalPtr(r.Failover, o.Failover) &&
		equalPtr(r.GeoLocation, o.GeoLocation) && equalPtr(r.HealthCheckID, o.HealthCheckID) &&
		deref(r.MultiValueAnswer) == deref(o.MultiValueAnswer) && sameAlias(r.AliasTarget, o.AliasTarget)
}

func equalPtr[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func sameAlias(a, b *xmlAliasTarget) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.HostedZoneID == b.HostedZoneID && a.DNSName == b.DNSName &&
		deref(a.EvaluateTargetHealth) == deref(b.EvaluateTargetHealth)
}

// parseSet checks one record set by itself and returns it as it will be
// stored, or nil and the reasons.
func (z *zone) parseSet(x *xmlRecordSet) (*recordSet, []string) {
	owner, err := parseName(x.Name)
	if err != nil {
		return nil, []string{fmt.Sprintf("FATAL problem: %s encountered with '%s'", err, x.Name)}
	}
	if !owner.within(z.name) {
		return nil, []string{fmt.Sprintf("RRSet with DNS name %s is not permitted in zone %s", owner, z.name)}
	}
	r := &recordSet{xmlRecordSet: *x, owner: owner}
	r.Name = owner.String()
	problems := z.checkPlace(r)
	if r.AliasTarget != nil {
		return r.orNil(append(problems, r.storeAlias()...))
	}
	return r.orNil(append(problems, r.parseValues()...))
}

func (r *recordSet) orNil(problems []string) (*recordSet, []string) {
	if len(problems) > 0 {
		return nil, problems
	}
	return r, nil
}

// checkPlace refuses types where the zone's tree does not allow them.
func (z *zone) checkPlace(r *recordSet) []string {
	apex := r.owner.equal(z.name)
	where := fmt.Sprintf("RRSet of type %s with DNS name %s is not permitted", r.Type, r.Name)
	switch {
	case apex && (r.Type == "CNAME" || r.Type == "DS"):
		return []string{where + " at apex in zone " + z.name.String()}
	case !apex && r.Type == "SOA":
		return []string{where + " in zone " + z.name.String() + ": only the apex has a SOA record"}
	case r.Type == "NS" && len(r.owner) > 0 && r.owner[0] == "*":
		return []string{where + ": a wildcard cannot have NS records"}
	}
	return nil
}

func (r *recordSet) parseValues() []string {
	var problems []string
	seen := map[string]bool{}
	records := r.ResourceRecords.Records
	if len(records) > maxSetRecords {
		return []string{fmt.Sprintf("Cannot have more than %d records in a RRSet.", maxSetRecords)}
	}
	for _, rec := range records {
		rr, err := parseValue(r.Type, rec.Value)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		wire := wireText(rr)
		if seen[wire] {
			problems = append(problems, fmt.Sprintf("Duplicate Resource Record: '%s'", rec.Value))
		}
		seen[wire] = true
		r.rdata = append(r.rdata, rr)
	}
	if len(records) > 1 && (r.Type == "CNAME" || r.Type == "SOA") {
		problems = append(problems, fmt.Sprintf("RRSet of type %s with DNS name %s has more than one resource record", r.Type, r.Name))
	}
	return problems
}

// wireText is a record's canonical form, for comparison.
func wireText(rr dns.RR) string {
	return strings.ToLower(strings.TrimPrefix(rr.String(), rr.Header().String())) + caseSensitive(rr)
}

// caseSensitive is the part of a record in which case matters.
func caseSensitive(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.TXT:
		return strings.Join(rr.Txt, "\x00")
	case *dns.SPF:
		return strings.Join(rr.Txt, "\x00")
	case *dns.CAA:
		return rr.Value
	case *dns.NAPTR:
		return rr.Regexp
	}
	return ""
}
