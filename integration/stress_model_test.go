package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// stressZone is a zone and which of its versions may be answered: those from done to begun.
type stressZone struct {
	number int
	origin zones.Name
	fill   int // further names, which no version changes
	churn  int // further names, which every version replaces
	begun  atomic.Uint32
	done   atomic.Uint32
	image  *zones.Zone // what is served, or was changed to what is served, where that lies in a mapped file

	mu      sync.Mutex
	serials map[uint32]uint32 // by version, as they were seen
}

// absent says whether a version is that the zone is not served.
func absent(v uint32) bool   { return v%7 == 6 }
func wildcard(v uint32) bool { return v%2 == 0 }
func gone(v uint32) bool     { return v%3 != 0 }
func delegated(v uint32) bool {
	return v%5 != 4
}

// a is an address that says which version it is of.
func a(k int, v uint32) string {
	return fmt.Sprintf("A %d.%d.%d.%d", 10+k, v>>16&255, v>>8&255, v&255)
}

// soa is the record that bears the version of negative answers; its serial is the publisher's.
func (z *stressZone) soa(v uint32) string {
	return fmt.Sprintf("SOA ns.%s host.%[1]s 0 %d 7200 1209600 60", z.origin, v)
}

// records returns what version v holds at the names that versions change, as "name data".
func (z *stressZone) records(v uint32) []string {
	rs := []string{
		"@ " + z.soa(v), fmt.Sprintf("txt TXT %d", v), "mail " + a(1, v),
		fmt.Sprintf("mx MX %d mail.%s", v&0x7fff, z.origin),
		fmt.Sprintf("alias CNAME real%d.%s", v, z.origin), fmt.Sprintf("real%d %s", v, a(2, v)),
		fmt.Sprintf("deep.w TXT %d", v),
	}
	for k := range 8 {
		rs = append(rs, "many "+a(10+k, v))
	}
	if wildcard(v) {
		rs = append(rs, "*.w "+a(3, v))
	}
	if !gone(v) {
		rs = append(rs, "gone "+a(4, v))
	}
	if delegated(v) {
		rs = append(rs, fmt.Sprintf("sub NS ns%d.sub.%s", v, z.origin), fmt.Sprintf("ns%d.sub %s", v, a(5, v)))
	} else {
		rs = append(rs, "www.sub "+a(6, v))
	}
	for k := range z.churn {
		rs = append(rs, fmt.Sprintf("churn%d-%d %s", v, k, a(7, v)))
	}
	return rs
}

// stressQuestions are what clients ask, below the zone's origin.
var stressQuestions = []struct {
	name string
	typ  uint16
	want func(z *stressZone, v uint32) []string
}{
	{"@", dns.TypeSOA, func(z *stressZone, v uint32) []string { return []string{"NOERROR aa", "an @ " + z.soa(v)} }},
	{"txt", dns.TypeTXT, func(_ *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an txt TXT %d", v)}
	}},
	{"txt", dns.TypeAAAA, func(z *stressZone, v uint32) []string { return z.negative("NOERROR", v) }},
	{"nothing", dns.TypeA, func(z *stressZone, v uint32) []string { return z.negative("NXDOMAIN", v) }},
	{"many", dns.TypeA, func(_ *stressZone, v uint32) []string {
		want := []string{"NOERROR aa"}
		for k := range 8 {
			want = append(want, "an many "+a(10+k, v))
		}
		return want
	}},
	{"mx", dns.TypeMX, func(z *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an mx MX %d mail.%s", v&0x7fff, z.origin), "ar mail " + a(1, v)}
	}},
	{"alias", dns.TypeA, func(z *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an alias CNAME real%d.%s", v, z.origin), fmt.Sprintf("an real%d %s", v, a(2, v))}
	}},
	{"x.w", dns.TypeA, func(z *stressZone, v uint32) []string {
		if wildcard(v) {
			return []string{"NOERROR aa", "an x.w " + a(3, v)}
		}
		return z.negative("NXDOMAIN", v)
	}},
	{"deep.w", dns.TypeTXT, func(_ *stressZone, v uint32) []string {
		return []string{"NOERROR aa", fmt.Sprintf("an deep.w TXT %d", v)}
	}},
	{"gone", dns.TypeA, func(z *stressZone, v uint32) []string {
		if gone(v) {
			return z.negative("NXDOMAIN", v)
		}
		return []string{"NOERROR aa", "an gone " + a(4, v)}
	}},
	{"www.sub", dns.TypeA, func(z *stressZone, v uint32) []string {
		if delegated(v) {
			return []string{"NOERROR", fmt.Sprintf("ns sub NS ns%d.sub.%s", v, z.origin), fmt.Sprintf("ar ns%d.sub %s", v, a(5, v))}
		}
		return []string{"NOERROR aa", "an www.sub " + a(6, v)}
	}},
}

func (z *stressZone) negative(code string, v uint32) []string {
	return []string{code + " aa", "ns @ " + z.soa(v)}
}

// want returns the answer of version v to a question, as rendered does.
func (z *stressZone) want(q int, v uint32) string {
	if absent(v) {
		return "REFUSED"
	}
	want := stressQuestions[q].want(z, v)
	slices.Sort(want[1:])
	return strings.Join(want, "\n")
}

// rendered returns an answer as text, sections sorted, names relative, without TTLs; and the serial of the SOA in it.
func (z *stressZone) rendered(m *dns.Msg) (text string, serial uint32) {
	head := dns.RcodeToString[m.Rcode]
	if m.Authoritative {
		head += " aa"
	}
	var lines []string
	for section, rrs := range map[string][]dns.RR{"an": m.Answer, "ns": m.Ns, "ar": m.Extra} {
		for _, rr := range rrs {
			if soa, ok := rr.(*dns.SOA); ok {
				serial, soa.Serial = soa.Serial, 0
			}
			name, err := zones.ParseName(rr.Header().Name)
			if err != nil {
				return err.Error(), 0
			}
			data := strings.TrimPrefix(rr.String(), rr.Header().String())
			data = strings.ReplaceAll(data, `"`, "")
			lines = append(lines, fmt.Sprintf("%s %s %s %s", section, name.Relative(z.origin), dns.TypeToString[rr.Header().Rrtype], data))
		}
	}
	slices.Sort(lines)
	return strings.Join(append([]string{head}, lines...), "\n"), serial
}

// versionOf returns the first version from..to with this answer to a question.
func (z *stressZone) versionOf(answer string, question int, from, to uint32) (v uint32, ok bool) {
	for v := from; v <= to; v++ {
		if z.want(question, v) == answer {
			return v, true
		}
	}
	return 0, false
}

// noteSerial holds that a version has one serial, and newer versions newer ones (RFC 1982).
func (z *stressZone) noteSerial(v, serial uint32) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	for w, other := range z.serials {
		if w == v && other != serial || w < v && int32(serial-other) <= 0 || w > v && int32(other-serial) <= 0 {
			return fmt.Errorf("%s: version %d has serial %d, version %d has %d", z.origin, v, serial, w, other)
		}
	}
	z.serials[v] = serial
	delete(z.serials, v-100)
	return nil
}
