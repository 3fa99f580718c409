package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// realm is a few random zones, dense enough that their names hit cuts, DNAMEs, wildcards, chains and each other, below a
// name that no other realm has.
type realm struct {
	base string
	wild bool // with what no zone should have
	// signing are the options that its zones are signed with; nil: not at all.
	signing []string
	zones   []peerZone
	names   []string // owners and targets
	labels  []string
	rnd     *rand.Rand
}

var (
	plainLabels = []string{"a", "b", "c", "*", "ns"}
	oddLabels   = []string{"A", "_tcp", `x\.y`, `\000`, `\255`, `a\032b`, `\@`, `q\"q`, `\\`, `s\;s`, `\(`, "xn--bcher-kva", strings.Repeat("l", 63), "*x", "**", "0", "-", `\200\201`}
	// realmTypes are what zones are made of; some stand twice for their weight.
	realmTypes = []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeNS, dns.TypeNS, dns.TypeCNAME, dns.TypeCNAME, dns.TypeDNAME,
		dns.TypeMX, dns.TypeSRV, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeDS, dns.TypeCAA, dns.TypePTR, dns.TypeNAPTR, dns.TypeSSHFP, 65400}
	// askedTypes are asked for beside them.
	askedTypes = []uint16{dns.TypeANY, dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeDNSKEY, dns.TypeCAA, dns.TypeSPF, dns.TypeNAPTR, 65401, dns.TypeNSEC3, dns.TypeCDS, dns.TypeNSEC3PARAM}
)

// newRealm makes a realm; base has its final dot.
func newRealm(rnd *rand.Rand, base string) *realm {
	r := &realm{base: base, rnd: rnd, wild: rnd.IntN(8) == 0, labels: slices.Clone(plainLabels)}
	if rnd.IntN(3) == 0 {
		for range 1 + rnd.IntN(3) {
			r.labels = append(r.labels, pick(rnd, oddLabels))
		}
	}
	if rnd.IntN(3) == 0 {
		r.signing = pick(rnd, realmSignings)
	}
	origins := []string{base}
	for _, o := range []string{"b.", "a.b.", "y."} {
		if rnd.IntN(4) == 0 {
			origins = append(origins, under(o, base))
		}
	}
	for _, o := range origins {
		r.zones = append(r.zones, peerZone{o, r.zone(o)})
	}
	return r
}

func pick[T any](rnd *rand.Rand, list []T) T { return list[rnd.IntN(len(list))] }

// under puts labels, with their final dot, before a name.
func under(labels, name string) string {
	if name == "." {
		return labels
	}
	return labels + name
}

// zone makes the text of a zone.
func (r *realm) zone(origin string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d SOA ns.out.example. h.out.example. 1 3600 600 86400 %d\n", origin, 100+r.rnd.IntN(100), 100+r.rnd.IntN(100))
	fmt.Fprintf(&b, "%s 302 NS ns.out.example.\n", origin)
	if r.rnd.IntN(3) == 0 {
		fmt.Fprintf(&b, "%s 302 NS %s\n%[2]s 301 A 192.0.2.53\n", origin, under("ns.", origin))
	}
	z := &laying{origin: origin, types: map[string][]uint16{origin: {dns.TypeSOA, dns.TypeNS}, under("ns.", origin): {dns.TypeA}}, texts: map[string]bool{}}
	for range r.rnd.IntN(24) {
		owner, typ := r.name(origin), pick(r.rnd, realmTypes)
		if r.rnd.IntN(3) == 0 && len(r.names) > 0 { // sets of several records
			if n := pick(r.rnd, r.names); dns.IsSubDomain(origin, n) {
				owner = n
			}
		}
		if typ == dns.TypeDS && r.rnd.IntN(2) == 0 {
			typ = dns.TypeNS
		}
		if !z.allows(owner, typ) && !(r.wild && r.rnd.IntN(3) == 0) {
			continue
		}
		ttl := 300 + int(typ)%100
		if r.wild && r.rnd.IntN(10) == 0 {
			ttl += r.rnd.IntN(3)
		}
		text := fmt.Sprintf("%s %d %s %s", owner, ttl, dns.Type(typ), r.data(typ))
		if z.texts[strings.ToLower(text)] && !r.wild {
			continue
		}
		z.texts[strings.ToLower(text)] = true
		fmt.Fprintln(&b, text)
		if r.rnd.IntN(40) == 0 {
			r.enlarge(&b, owner, ttl, typ)
		}
		z.types[strings.ToLower(owner)] = append(z.types[strings.ToLower(owner)], typ)
		r.names = append(r.names, owner)
	}
	r.names = append(r.names, origin)
	return b.String()
}

// enlarge makes a set one that fits into no datagram, or nearly fits into one; what would not stay a good zone it leaves.
func (r *realm) enlarge(b *strings.Builder, owner string, ttl int, typ uint16) {
	count := pick(r.rnd, []int{10, 20, 30, 40, 60, 100})
	for i := range count {
		var data string
		switch typ {
		case dns.TypeA:
			data = fmt.Sprintf("192.0.3.%d", i)
		case dns.TypeAAAA:
			data = fmt.Sprintf("2001:db8:1::%x", i)
		case dns.TypeTXT:
			data = fmt.Sprintf("%d-%s", i, strings.Repeat("z", r.rnd.IntN(40)))
		case dns.TypeMX:
			data = fmt.Sprintf("%d m%d.%s", 10+i, i, r.base)
		case dns.TypeNS:
			data = under(fmt.Sprintf("n%d.", i), fitting(under(fmt.Sprintf("n%d.", i), owner), r.base))
			if wireLength(data) > 255 || r.rnd.IntN(2) == 0 {
				data = fmt.Sprintf("n%d.out.example.", i)
			}
		case dns.TypeSRV:
			data = fmt.Sprintf("1 1 %d s%d.%s", i, i%3, r.base)
		default:
			return
		}
		fmt.Fprintf(b, "%s %d %s %s\n", owner, ttl, dns.Type(typ), data)
	}
}

// laying knows what a zone holds so far.
type laying struct {
	origin string
	types  map[string][]uint16 // by owner in lower case
	texts  map[string]bool
}

// allows says whether a good zone may have one more record: a CNAME is alone, there is one DNAME, nothing below it and
// no cut beside it, and DS stand at cuts.
func (z *laying) allows(owner string, typ uint16) bool {
	owner = strings.ToLower(owner)
	here := z.types[owner]
	if slices.Contains(here, dns.TypeCNAME) || typ == dns.TypeCNAME && len(here) > 0 {
		return false
	}
	cut := slices.Contains(here, dns.TypeNS) && owner != z.origin
	switch typ {
	case dns.TypeDS:
		if !cut {
			return false
		}
	case dns.TypeNS:
		if slices.Contains(here, dns.TypeDNAME) || owner[0] == '*' {
			return false // BIND refuses cuts at wildcards
		}
	case dns.TypeDNAME:
		if slices.Contains(here, dns.TypeDNAME) || cut {
			return false
		}
		for name := range z.types {
			if name != owner && dns.IsSubDomain(owner, name) {
				return false
			}
		}
	}
	for name, types := range z.types {
		if name != owner && slices.Contains(types, dns.TypeDNAME) && dns.IsSubDomain(name, owner) {
			return false
		}
	}
	return true
}

// name is a random name within origin.
func (r *realm) name(origin string) string {
	name := origin
	depth := r.rnd.IntN(4)
	if r.rnd.IntN(20) == 0 {
		depth += r.rnd.IntN(8) // empty non-terminals in each other, and wildcards below them
	}
	for range depth {
		name = fitting(under(pick(r.rnd, r.labels)+".", name), name)
	}
	if r.rnd.IntN(50) == 0 {
		name = r.long(name)
	}
	return fitting(name, origin)
}

// long makes a name as long as names can be, or nearly.
func (r *realm) long(name string) string {
	for {
		free := 255 - wireLength(name)
		if free < 2 {
			return name
		}
		n := min(63, free-1)
		if n < 63 {
			n -= r.rnd.IntN(min(3, n))
			return under(strings.Repeat("w", n)+".", name)
		}
		name = under(strings.Repeat("w", n)+".", name)
	}
}

func wireLength(name string) int {
	var b [512]byte
	n, err := dns.PackDomainName(name, b[:], 0, nil, false)
	if err != nil {
		return 512
	}
	return n
}

// fitting returns name, or other where name is none.
func fitting(name, other string) string {
	if wireLength(name) > 255 {
		return other
	}
	return name
}

// anyName is a random name, mostly in one of the realm's zones or of its texts.
func (r *realm) anyName() string {
	switch n := r.rnd.IntN(20); {
	case n == 0:
		return "out.example."
	case n < 10 && len(r.names) > 0:
		return pick(r.rnd, r.names)
	case len(r.zones) > 0 && n < 13:
		return r.name(pick(r.rnd, r.zones).origin)
	}
	return r.name(r.base)
}

func (r *realm) data(typ uint16) string {
	n := r.rnd.IntN(8)
	switch typ {
	case dns.TypeA:
		return fmt.Sprintf("192.0.2.%d", n)
	case dns.TypeAAAA:
		return fmt.Sprintf("2001:db8::%d", n)
	case dns.TypeTXT:
		if n == 0 {
			return `"` + strings.Repeat("x", 255) + `" "` + strings.Repeat("y", r.rnd.IntN(256)) + `"`
		}
		return fmt.Sprintf("t%d", n)
	case dns.TypeMX:
		return fmt.Sprintf("%d %s", n%2+1, r.anyName())
	case dns.TypeSRV:
		return fmt.Sprintf("0 0 %d %s", n%3, r.anyName())
	case dns.TypeHTTPS, dns.TypeSVCB:
		if n < 2 {
			return "0 " + r.anyName()
		}
		return fmt.Sprintf("%d %s port=%d", n%2+1, r.anyName(), n)
	case dns.TypeDS:
		return fmt.Sprintf("%d 13 2 %064x", n, n)
	case dns.TypeNAPTR:
		return fmt.Sprintf(`%d 1 "s" "SIP+D2U" "" %s`, n, r.anyName())
	case dns.TypeSSHFP:
		return fmt.Sprintf("4 2 %064x", n)
	case dns.TypeCAA:
		return fmt.Sprintf(`0 issue "ca%d.example"`, n)
	case 65400:
		return fmt.Sprintf(`\# 2 00%02x`, n)
	}
	return r.anyName()
}

// askedName is a random name to be asked for: an owner, one beside, above or below it, in any case of letters.
func (r *realm) askedName() string {
	name := r.anyName()
	switch r.rnd.IntN(12) {
	case 0, 1:
		name = fitting(under(pick(r.rnd, r.labels)+".", name), name)
	case 2:
		name = fitting(under("new."+pick(r.rnd, r.labels)+".", name), name)
	case 3:
		if i, end := dns.NextLabel(name, 0); !end {
			name = name[i:]
		}
	case 4:
		name = strings.ToUpper(name)
	case 5:
		if i, end := dns.NextLabel(name, 0); !end {
			name = fitting(under(pick(r.rnd, r.labels)+".", name[i:]), name)
		}
	case 6:
		if r.rnd.IntN(3) == 0 {
			name = r.long(name)
		}
	case 7: // a letter here and there
		b := []byte(name)
		for i, c := range b {
			if (c|0x20 >= 'a' && c|0x20 <= 'z') && r.rnd.IntN(2) == 0 {
				b[i] ^= 0x20
			}
		}
		name = string(b)
	}
	return name
}

// ask makes a random question.
func (r *realm) ask() (*dns.Msg, string) {
	m := new(dns.Msg)
	m.Id = 1
	types := realmTypes
	if r.rnd.IntN(4) == 0 {
		types = askedTypes
	}
	m.Question = []dns.Question{{Name: r.askedName(), Qtype: pick(r.rnd, types), Qclass: dns.ClassINET}}
	m.RecursionDesired = r.rnd.IntN(4) == 0
	m.CheckingDisabled = r.rnd.IntN(16) == 0
	m.AuthenticatedData = r.rnd.IntN(16) == 0
	if r.rnd.IntN(200) == 0 {
		m.Question[0].Qclass = pick(r.rnd, []uint16{dns.ClassANY, dns.ClassCHAOS, dns.ClassHESIOD, dns.ClassNONE, 4711})
	}
	if r.rnd.IntN(8) > 0 {
		m.SetEdns0(pick(r.rnd, []uint16{1232, 1232, 1232, 4096, 512, 512, 0, 300, 65535, 700, uint16(513 + r.rnd.IntN(800))}), r.rnd.IntN(2) == 0)
		o := m.IsEdns0()
		switch r.rnd.IntN(40) {
		case 0:
			o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: dns.EDNS0LOCALSTART, Data: []byte("unknown")})
		case 1:
			o.SetVersion(1 + uint8(r.rnd.IntN(255)))
		case 2:
			o.SetZ(uint16(r.rnd.IntN(1 << 15)))
		}
	}
	if r.rnd.IntN(4) == 0 {
		return m, "tcp"
	}
	return m, "udp"
}
