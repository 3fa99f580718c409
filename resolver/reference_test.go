package resolver

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// reference is the algorithm of RFC 1034 4.3.2 with RFC 2308, 4592, 6672, 8482 and 9460 on lists of records: slow,
// obvious, and written apart from the answering path, which is compared with it.
type reference struct {
	zones map[string][]dns.RR // by origin
}

// verdict is an answer without regard to sizes.
type verdict struct {
	Rcode      string
	AA         bool
	Answer     []string
	Authority  []string // sorted
	Additional []string // sorted
}

func (r reference) ask(qname string, qtype uint16, via Transport, do bool) verdict {
	var v verdict
	var answer, authority, additional []dns.RR
	// with adds the signatures of sets that owner has, under the name that they are answered with.
	with := func(zone []dns.RR, owner string, set []dns.RR) []dns.RR {
		if do && len(set) > 0 {
			set = append(slices.Clip(set), signaturesOf(zone, owner, set[0])...)
		}
		return set
	}
	rcode := dns.RcodeSuccess
	name := strings.ToLower(qname)
	visited := map[string]bool{}

steps:
	for step := 0; step < maxSteps; step++ {
		origin, ok := r.zoneFor(name, qtype)
		if !ok {
			if step == 0 {
				rcode = dns.RcodeRefused
			}
			break
		}
		zone := r.zones[origin]
		soa := with(zone, origin, []dns.RR{negativeSOA(zone, origin)})
		proof := proofs{zone: zone, origin: origin, name: name, on: do}
		prove := func(owners ...string) {
			for _, o := range owners {
				authority = append(authority, with(zone, o, append(records(zone, o, dns.TypeNSEC), records(zone, o, dns.TypeNSEC3)...))...)
			}
		}
		owner, found := descend(zone, origin, name, qtype)
		switch found {
		case "cut":
			ns := records(zone, owner, dns.TypeNS)
			authority = append(authority, ns...)
			v.AA = step > 0
			for _, rr := range ns {
				additional = append(additional, signedAddresses(zone, rr.(*dns.NS).Ns, do)...)
			}
			if ds := records(zone, owner, dns.TypeDS); proof.denies() && len(ds) > 0 {
				authority = append(authority, with(zone, owner, ds)...)
			} else {
				prove(proof.exact(owner)...)
			}
			break steps
		case "dname":
			v.AA = true
			dname := records(zone, owner, dns.TypeDNAME)[0].(*dns.DNAME)
			if !slices.ContainsFunc(answer, func(a dns.RR) bool { return a.String() == dname.String() }) {
				answer = append(answer, with(zone, owner, []dns.RR{dname})...)
			}
			prefix := name
			if owner != "." {
				prefix = strings.TrimSuffix(name, owner)
			}
			target := prefix + strings.TrimPrefix(strings.ToLower(dname.Target), ".")
			if wireLen(target) > 255 {
				rcode = dns.RcodeYXDomain
				break steps
			}
			answer = append(answer, &dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: dname.Hdr.Ttl}, Target: target})
			visited[name] = true
			if qtype == dns.TypeCNAME || qtype == dns.TypeANY || visited[target] {
				break steps
			}
			name = target
			continue
		case "none":
			v.AA = true
			rcode = dns.RcodeNameError
			authority = append(authority, soa...)
			prove(proof.none()...)
			break steps
		}
		if owner != name {
			prove(proof.noCloser()...)
		}
		// The data of owner, which is name or the wildcard that stands for it.
		v.AA = true
		at := func(typ uint16) []dns.RR { return renamed(records(zone, owner, typ), name) }
		nodata := func() {
			authority = append(authority, soa...)
			if owner == name {
				prove(proof.exact(name)...)
			} else {
				prove(proof.none()...)
			}
		}
		if qtype == dns.TypeRRSIG {
			all := at(dns.TypeRRSIG)
			if via == UDP && len(all) > 0 { // those of one type
				lowest := slices.MinFunc(all, func(a, b dns.RR) int { return int(a.(*dns.RRSIG).TypeCovered) - int(b.(*dns.RRSIG).TypeCovered) })
				all = slices.DeleteFunc(all, func(rr dns.RR) bool { return rr.(*dns.RRSIG).TypeCovered != lowest.(*dns.RRSIG).TypeCovered })
			}
			if len(all) == 0 {
				nodata()
			}
			answer = append(answer, all...)
			break
		}
		if qtype == dns.TypeANY {
			all := at(dns.TypeANY)
			if via == UDP && len(all) > 0 {
				first := all[0].Header().Rrtype
				for _, rr := range all { // not that of signatures
					if first == dns.TypeRRSIG {
						first = rr.Header().Rrtype
					}
				}
				all = at(first)
				all = with(zone, owner, all)
			}
			if len(all) == 0 {
				nodata()
			}
			answer = append(answer, all...)
			break
		}
		if set := at(qtype); len(set) > 0 {
			answer = append(answer, with(zone, owner, set)...)
			additional = courtesies(zone, origin, owner, set, do)
			break
		}
		cname := at(dns.TypeCNAME)
		if len(cname) == 0 || qtype == dns.TypeNSEC && len(records(zone, origin, dns.TypeNSEC3PARAM)) == 0 {
			nodata()
			break
		}
		answer = append(answer, with(zone, owner, cname)...)
		visited[name] = true
		target := strings.ToLower(cname[0].(*dns.CNAME).Target)
		if visited[target] {
			break
		}
		name = target
	}
	v.Rcode = rcodeString(rcode)
	v.Answer, v.Authority, v.Additional = texts(answer), texts(authority), texts(additional)
	slices.Sort(v.Additional)
	v.Additional = slices.Compact(v.Additional)
	slices.Sort(v.Authority)
	v.Authority = slices.Compact(v.Authority)
	if qtype == dns.TypeANY || qtype == dns.TypeRRSIG {
		slices.Sort(v.Answer)
	}
	return v
}

// zoneFor returns the nearest zone, for DS the nearest above that delegates the name.
func (r reference) zoneFor(name string, qtype uint16) (origin string, ok bool) {
	var all []string
	for o := range r.zones {
		if dns.IsSubDomain(o, name) {
			all = append(all, o)
		}
	}
	if len(all) == 0 {
		return "", false
	}
	slices.SortFunc(all, func(a, b string) int { return dns.CountLabel(b) - dns.CountLabel(a) })
	if qtype == dns.TypeDS && all[0] == name && len(all) > 1 {
		parent := all[1]
		for _, a := range ancestors(parent, name) {
			if a != parent && len(records(r.zones[parent], a, dns.TypeNS)) > 0 {
				return parent, true
			}
			if a != name && len(records(r.zones[parent], a, dns.TypeDNAME)) > 0 {
				break
			}
		}
	}
	return all[0], true
}

// descend walks from origin to name (RFC 1034 4.3.2 step 3), and says what it ends at and whose records count.
func descend(zone []dns.RR, origin, name string, qtype uint16) (owner, found string) {
	last := origin
	for _, a := range ancestors(origin, name) {
		if !exists(zone, a) {
			wild := "*." + last
			if last == "." {
				wild = "*."
			}
			if exists(zone, wild) {
				return wild, "node"
			}
			return "", "none"
		}
		if a != origin && len(records(zone, a, dns.TypeNS)) > 0 && !(a == name && qtype == dns.TypeDS) {
			return a, "cut"
		}
		if a != name && len(records(zone, a, dns.TypeDNAME)) > 0 {
			return a, "dname"
		}
		last = a
	}
	return name, "node"
}

// ancestors are the names from origin down to name, both included.
func ancestors(origin, name string) []string {
	out := []string{name}
	for out[0] != origin {
		labels := dns.SplitDomainName(out[0])
		out = slices.Insert(out, 0, dns.Fqdn(strings.Join(labels[1:], ".")))
	}
	return out
}

func exists(zone []dns.RR, name string) bool {
	return slices.ContainsFunc(zone, func(rr dns.RR) bool { return dns.IsSubDomain(name, rr.Header().Name) })
}

// records returns those of one name and type, by ascending type for ANY.
func records(zone []dns.RR, name string, typ uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range zone {
		if strings.EqualFold(rr.Header().Name, name) && (typ == dns.TypeANY || rr.Header().Rrtype == typ) {
			out = append(out, rr)
		}
	}
	slices.SortStableFunc(out, func(a, b dns.RR) int { return int(a.Header().Rrtype) - int(b.Header().Rrtype) })
	return out
}

func renamed(rrs []dns.RR, name string) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		out[i].Header().Name = name
	}
	return out
}

func negativeSOA(zone []dns.RR, origin string) dns.RR {
	soa := dns.Copy(records(zone, origin, dns.TypeSOA)[0]).(*dns.SOA)
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	return soa
}

func addresses(zone []dns.RR, host string) []dns.RR {
	return append(records(zone, host, dns.TypeA), records(zone, host, dns.TypeAAAA)...)
}

// signedAddresses are the addresses of a host and, with DO, the signatures of those that have some.
func signedAddresses(zone []dns.RR, host string, do bool) []dns.RR {
	out := addresses(zone, host)
	for _, rr := range out {
		if do {
			out = append(out, signaturesOf(zone, host, rr)...)
		}
	}
	return out
}

// courtesies are the addresses that go with an answer.
func courtesies(zone []dns.RR, origin, owner string, set []dns.RR, do bool) []dns.RR {
	var out []dns.RR
	addresses := func(zone []dns.RR, host string) []dns.RR { return signedAddresses(zone, host, do) }
	for _, rr := range set {
		host := ""
		switch rr := rr.(type) {
		case *dns.NS:
			out = append(out, addresses(zone, rr.Ns)...)
			continue
		case *dns.MX:
			host = rr.Mx
		case *dns.SRV:
			host = rr.Target
		case *dns.HTTPS:
			host = rr.Target
			if host == "." && rr.Priority > 0 {
				out = append(out, renamed(addresses(zone, owner), rr.Hdr.Name)...)
				continue
			}
		}
		host = strings.ToLower(host)
		if host == "" || host == "." || !dns.IsSubDomain(origin, host) {
			continue
		}
		at, found := descend(zone, origin, host, dns.TypeA)
		if found != "node" {
			continue
		}
		out = append(out, renamed(addresses(zone, at), host)...)
		if https, ok := rr.(*dns.HTTPS); ok && https.Priority == 0 {
			more := records(zone, at, dns.TypeHTTPS)
			if do && len(more) > 0 {
				more = append(more, signaturesOf(zone, at, more[0])...)
			}
			out = append(out, renamed(more, host)...)
		}
	}
	return out
}

func wireLen(name string) int {
	var buf [300]byte
	n, err := dns.PackDomainName(name, buf[:], 0, nil, false)
	if err != nil {
		return 256
	}
	return n
}

// texts are records to compare: case is a matter of compression.
func texts(rrs []dns.RR) []string {
	out := []string{}
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			out = append(out, strings.ToLower(strings.Join(strings.Fields(rr.String()), " ")))
		}
	}
	return out
}
