package route53

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A zone is one hosted zone: what the API holds, and what its name servers
// already answer (the changes that are INSYNC). Record sets are never changed
// once they are in a map, only replaced.
type zone struct {
	id        string
	name      name
	reference string
	comment   string
	private   bool
	servers   []string // delegation set, without trailing dots
	sets      map[setKey]*recordSet
	visible   map[setKey]*recordSet
	pending   []*change // oldest first
}

// A setKey is what is unique in a zone.
type setKey struct{ name, rrtype, identifier string }

// A recordSet is one ResourceRecordSet with its values parsed.
type recordSet struct {
	xmlRecordSet
	owner name
	rdata []dns.RR
}

func (r *recordSet) key() setKey {
	return setKey{r.owner.key(), r.Type, deref(r.SetIdentifier)}
}

func newZone(number int, n name, reference, comment string, private bool) *zone {
	z := &zone{
		id: identifier('Z', number), name: n, reference: reference, comment: comment, private: private,
		sets: map[setKey]*recordSet{}, servers: delegationSet(number),
	}
	var ns []string
	for _, server := range z.servers {
		ns = append(ns, server+".")
	}
	z.put(n, "NS", 172800, ns...)
	z.put(n, "SOA", 900, ns[0]+" awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")
	z.visible = maps.Clone(z.sets)
	return z
}

// put adds a set that is known to be valid.
func (z *zone) put(owner name, rrtype string, ttl int64, values ...string) {
	r := &recordSet{owner: owner, xmlRecordSet: xmlRecordSet{Name: owner.String(), Type: rrtype, TTL: &ttl}}
	r.ResourceRecords = &xmlRecords{}
	for _, v := range values {
		r.ResourceRecords.Records = append(r.ResourceRecords.Records, xmlRecord{Value: v})
		rr, err := parseValue(rrtype, v)
		if err != nil {
			panic("route53 emulator: " + err.Error())
		}
		r.rdata = append(r.rdata, rr)
	}
	z.sets[r.key()] = r
}

// identifier makes an id as the service's look: a letter, then upper-case
// letters and digits, not in the order of creation.
func identifier(letter byte, number int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := []byte{letter}
	v := uint64(number) * 0x9e3779b97f4a7c15
	for range 19 {
		v ^= v >> 29
		v *= 0xbf58476d1ce4e5b9
		b = append(b, alphabet[(v>>40)%uint64(len(alphabet))])
	}
	return string(b) + fmt.Sprint(number)
}

// delegationSet names four servers, one under each of the four TLDs.
func delegationSet(number int) []string {
	var servers []string
	for i, tld := range []string{"com", "net", "org", "co.uk"} {
		n := (number*37 + i*101) % 512
		servers = append(servers, fmt.Sprintf("ns-%d.awsdns-%02d.%s", i*512+n, n/8, tld))
	}
	return servers
}

// sorted are the zone's sets in the order of ListResourceRecordSets: name by
// reversed labels, type, set identifier.
func sorted(sets map[setKey]*recordSet) []*recordSet {
	return slices.SortedFunc(maps.Values(sets), compareSets)
}

func compareSets(a, b *recordSet) int {
	return cmp.Or(
		strings.Compare(a.owner.sortKey(), b.owner.sortKey()),
		strings.Compare(a.Type, b.Type),
		strings.Compare(deref(a.SetIdentifier), deref(b.SetIdentifier)))
}

// required reports whether a zone cannot be without the set.
func (z *zone) required(r *recordSet) bool {
	return r.owner.equal(z.name) && (r.Type == "SOA" || r.Type == "NS")
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
