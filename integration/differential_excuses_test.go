package integration

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// decision is a difference from what Knot, NSD and BIND agree on. docs/rfc.md has each, by its name, with the reason.
type decision struct {
	name string
	is   func(c *comparison, a aspect) bool
}

var decisions = []decision{
	{"DS of a zone that its parent does not delegate", undelegatedDS},
	{"aliases through all zones", acrossZones},
	{"answers that just fit", justFits},
	{"wildcards that are empty", emptyWildcard},
	{"NSEC of an alias in a zone with NSEC3", hashedAlias},
	{"ANY where DS stands without a delegation", anyWithDS},
}

// fileDecision is the same for zone files: mangrove refuses what the three load alike, and says nothing but this.
type fileDecision struct {
	name string
	says *regexp.Regexp
}

var fileDecisions = []fileDecision{
	{"TTLs above 2147483647", regexp.MustCompile(`bad TTL "(214748364[89]|[2-9][0-9]{9})": `)},
	{"carriage returns alone", regexp.MustCompile(`^carriage return (in|without)`)},
	{"NUL octets", regexp.MustCompile(`^NUL octet`)},
}

// recordDecision is a record that mangrove reads and the three refuse.
type recordDecision struct {
	name string
	is   *regexp.Regexp
}

var recordDecisions = []recordDecision{
	{"types and parameters that they do not know", regexp.MustCompile(`(?i)\b(UINFO|UID|GID) |\b(SVCB|HTTPS) .* ohttp\b`)},
}

// excuseRecord returns the name of the decision that a text with such a record is read by.
func excuseRecord(record string) string {
	for _, d := range recordDecisions {
		if d.is.MatchString(record) {
			return d.name
		}
	}
	return ""
}

// excuseFile returns the name of the decision that a file is refused by, the first of them, if all that is wrong with it is of
// such decisions.
func excuseFile(says []string) string {
	name := ""
	for _, text := range says {
		i := slices.IndexFunc(fileDecisions, func(d fileDecision) bool { return d.says.MatchString(text) })
		if i < 0 {
			return ""
		}
		if name == "" {
			name = fileDecisions[i].name
		}
	}
	return name
}

// excuse returns the name of the decision that a difference in one aspect comes from, if it is one.
func excuse(c *comparison, a aspect) string {
	for _, d := range decisions {
		if d.is(c, a) {
			return d.name
		}
	}
	return ""
}

// chain follows the aliases of an answer: the names that it leads through, the one asked for first.
func chain(m *dns.Msg) []string {
	names := []string{strings.ToLower(m.Question[0].Name)}
	for range m.Answer {
		for _, rr := range m.Answer {
			if c, ok := rr.(*dns.CNAME); ok && strings.EqualFold(c.Hdr.Name, names[len(names)-1]) {
				names = append(names, strings.ToLower(c.Target))
				break
			}
			// The CNAME that a DNAME makes is what does not fit, where an answer is cut off between the two.
			if d, ok := rr.(*dns.DNAME); ok && m.Truncated {
				owner, last := strings.ToLower(d.Hdr.Name), names[len(names)-1]
				if last != owner && dns.IsSubDomain(owner, last) {
					names = append(names, under(strings.TrimSuffix(last, owner), strings.ToLower(d.Target)))
					break
				}
			}
		}
	}
	return names
}

// zoneOf returns the apex of the nearest zone above a name, or "".
func zoneOf(apex map[string]bool, name string) string {
	for off, end := 0, false; !end; off, end = dns.NextLabel(name, off) {
		if apex[name[off:]] {
			return name[off:]
		}
	}
	if apex["."] {
		return "."
	}
	return ""
}

// soaOf returns the owner of the SOA record of a negative answer, or "".
func soaOf(m *dns.Msg) string {
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			return strings.ToLower(rr.Header().Name)
		}
	}
	return ""
}

// undelegatedDS is NODATA from the child for its DS, where the parent's zone, which we serve as well, has no cut there.
func undelegatedDS(c *comparison, a aspect) bool {
	m, other := c.answers["mangrove"], c.answers["bind"]
	if m == nil || other == nil || m.Question[0].Qtype != dns.TypeDS || m.Rcode != dns.RcodeSuccess || m.Truncated && a != aspectTruncated {
		return false
	}
	names := chain(m)
	name := names[len(names)-1]
	if !c.apex[name] || soaOf(m) != name || len(names) > len(chain(other)) {
		return false
	}
	for _, rr := range append(other.Answer, other.Ns...) {
		if t := rr.Header().Rrtype; (t == dns.TypeDS || t == dns.TypeNS) && strings.EqualFold(rr.Header().Name, name) {
			return false // it is delegated
		}
	}
	return true
}

// acrossZones is an alias that mangrove follows into another zone, as RFC 1034 4.3.2 step 3a says, and where the
// others stop.
func acrossZones(c *comparison, a aspect) bool {
	m, other := c.answers["mangrove"], c.answers["bind"]
	if m == nil || other == nil || a == aspectQuestion || a == aspectEDNS {
		return false
	}
	if a == aspectRcode && m.Truncated && other.Truncated && len(m.Answer) == 0 && m.Rcode == dns.RcodeNameError {
		zone := zoneOf(c.apex, strings.ToLower(m.Question[0].Name))
		for child := range c.apex {
			if zone != "" && child != zone && dns.IsSubDomain(zone, child) {
				return true // where the alias leads to did not fit
			}
		}
		return false
	}
	names := chain(other)
	if len(names) < 2 {
		return false
	}
	from, to := zoneOf(c.apex, names[len(names)-2]), zoneOf(c.apex, names[len(names)-1])
	if from == to || to == "" {
		return false
	}
	// What they have, mangrove has as well.
	for _, rr := range other.Answer {
		if !strings.Contains("\n"+texts(m.Answer)+"\n", "\n"+recordText(rr)+"\n") {
			return false
		}
	}
	return true
}

// justFits is an answer that is whole, and at most a name smaller than what may be sent: mangrove compresses names where
// the others give up.
func justFits(c *comparison, a aspect) bool {
	limit := dns.MinMsgSize
	if o := c.asked().IsEdns0(); o != nil {
		limit = min(max(limit, int(o.UDPSize())), 1232)
	}
	m := c.answers["mangrove"]
	return a == aspectTruncated && m != nil && !m.Truncated && c.sizes["mangrove"] <= limit && c.sizes["mangrove"] > limit-255
}

// hashedAlias is a question for NSEC that comes to an alias in a zone with NSEC3: mangrove follows it, since nothing proves that the alias has no
// NSEC record (RFC 5155 8.5), and the others stop there.
func hashedAlias(c *comparison, _ aspect) bool {
	m, other := c.answers["mangrove"], c.answers["bind"]
	if m == nil || other == nil || m.Question[0].Qtype != dns.TypeNSEC || soaOf(other) == "" {
		return false
	}
	names, stopped := chain(m), chain(other)
	if len(names) <= len(stopped) || !slices.Equal(names[:len(stopped)], stopped) {
		return false
	}
	zone := zoneOf(c.apex, stopped[len(stopped)-1])
	return slices.ContainsFunc(c.realm.zones, func(z peerZone) bool {
		return strings.EqualFold(z.origin, zone) && strings.Contains(z.text, "NSEC3PARAM")
	})
}

// anyWithDS is a question for ANY over TCP at a name with DS records and one other RRset: mangrove answers with both, BIND leaves DS out, and
// the two others answer with one RRset always.
func anyWithDS(c *comparison, a aspect) bool {
	m, other := c.answers["mangrove"], c.answers["bind"]
	if m == nil || other == nil || m.Question[0].Qtype != dns.TypeANY || c.question.network != "tcp" || a != aspectAnswer && a != aspectOrder {
		return false
	}
	theirs := "\n" + texts(other.Answer) + "\n"
	more := slices.DeleteFunc(slices.Clone(m.Answer), func(rr dns.RR) bool { return strings.Contains(theirs, "\n"+recordText(rr)+"\n") })
	for _, rr := range more {
		if sig, ok := rr.(*dns.RRSIG); rr.Header().Rrtype != dns.TypeDS && !(ok && sig.TypeCovered == dns.TypeDS) {
			return false
		}
	}
	return len(more) > 0 && len(m.Answer)-len(more) == len(other.Answer)
}

// emptyWildcard is a name that a wildcard stands for which is an empty non-terminal, in a zone with NSEC: mangrove proves that it is empty too, by one more record,
// which leads from before the wildcard to a name below it. Where that no longer fits, all that the others have is there, and TC.
func emptyWildcard(c *comparison, a aspect) bool {
	m, other := c.answers["mangrove"], c.answers["bind"]
	if m == nil || other == nil || m.Rcode != dns.RcodeSuccess || soaOf(m) == "" {
		return false
	}
	names := chain(m)
	name := names[len(names)-1]
	theirs := "\n" + c.verdicts["bind"][aspectAuthority] + "\n"
	switch a {
	case aspectTruncated:
		closer := slices.ContainsFunc(m.Ns, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeNSEC && !strings.EqualFold(rr.Header().Name, name)
		})
		known := func(rr dns.RR) bool { return strings.Contains(theirs, "\n"+recordText(rr)+"\n") }
		return m.Truncated && closer && len(m.Ns) == len(other.Ns) && !slices.ContainsFunc(m.Ns, func(rr dns.RR) bool { return !known(rr) })
	case aspectAuthority:
	default:
		return false
	}
	var proof *dns.NSEC
	more := 0
	for _, rr := range m.Ns {
		if strings.Contains(theirs, "\n"+recordText(rr)+"\n") {
			continue
		}
		switch rr := rr.(type) {
		case *dns.NSEC:
			if proof != nil {
				return false
			}
			proof = rr
		case *dns.RRSIG:
			if rr.TypeCovered != dns.TypeNSEC {
				return false
			}
		default:
			return false
		}
		more++
	}
	if proof == nil || len(m.Ns)-more != len(other.Ns) {
		return false
	}
	_, encloser, ok := strings.Cut(strings.ToLower(proof.NextDomain), ".*.")
	return ok && encloser != name && dns.IsSubDomain(encloser, name)
}

// TestEmptyWildcardExcused holds the difference to what it is of.
func TestEmptyWildcardExcused(t *testing.T) {
	answer := func(rcode int, question string, records ...string) *dns.Msg {
		m := new(dns.Msg).SetQuestion(question, dns.TypeA)
		m.Response, m.Rcode = true, rcode
		for _, r := range append(records, "example. 60 SOA a. b. 1 2 3 4 60") {
			rr, err := dns.NewRR(r)
			if err != nil {
				t.Fatal(err)
			}
			m.Ns = append(m.Ns, rr)
		}
		return m
	}
	const (
		closer = "a.*.w.example. 60 NSEC zz.example. A RRSIG NSEC"
		empty  = "w.example. 60 NSEC a.*.w.example. TXT RRSIG NSEC"
		sig    = "w.example. 60 RRSIG NSEC 13 2 60 20300101000000 20200101000000 1 example. AAAA"
	)
	for _, tt := range []struct {
		name         string
		ours, theirs *dns.Msg
		want         bool
	}{
		{"one more", answer(0, "x.w.example.", closer, empty, sig), answer(0, "x.w.example.", closer), true},
		{"of a name deeper", answer(0, "x.y.w.example.", closer, empty, sig), answer(0, "x.y.w.example.", closer), true},
		{"none", answer(0, "x.w.example.", closer), answer(0, "x.w.example.", closer), false},
		{"NXDOMAIN", answer(dns.RcodeNameError, "x.w.example.", closer, empty, sig), answer(dns.RcodeNameError, "x.w.example.", closer), false},
		{"one of theirs missing", answer(0, "x.w.example.", empty, sig), answer(0, "x.w.example.", closer), false},
		{"of a wildcard elsewhere", answer(0, "x.v.example.", closer, empty, sig), answer(0, "x.v.example.", closer), false},
		{"that proves something else", answer(0, "x.w.example.", closer, "w.example. 60 NSEC x.w.example. TXT RRSIG NSEC"), answer(0, "x.w.example.", closer), false},
		{"two more", answer(0, "x.w.example.", closer, empty, "b.example. 60 NSEC c.*.w.example."), answer(0, "x.w.example.", closer), false},
	} {
		c := &comparison{answers: map[string]*dns.Msg{"mangrove": tt.ours, "bind": tt.theirs}, verdicts: map[string]verdict{"bind": {aspectAuthority: texts(tt.theirs.Ns)}}}
		if got := emptyWildcard(c, aspectAuthority); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		name         string
		ours, theirs *dns.Msg
		want         bool
	}{
		{"all of theirs", answer(0, "x.w.example.", closer), answer(0, "x.w.example.", closer), true},
		{"not all of theirs", answer(0, "x.w.example."), answer(0, "x.w.example.", closer), false},
		{"the name's own proof", answer(0, "w.example.", empty), answer(0, "w.example.", empty), false},
	} {
		tt.ours.Truncated = true
		c := &comparison{answers: map[string]*dns.Msg{"mangrove": tt.ours, "bind": tt.theirs}, verdicts: map[string]verdict{"bind": {aspectAuthority: texts(tt.theirs.Ns)}}}
		if got := emptyWildcard(c, aspectTruncated); got != tt.want {
			t.Errorf("truncated, %s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestHashedAlias(t *testing.T) {
	answer := func(qtype uint16, records ...string) *dns.Msg {
		m := new(dns.Msg).SetQuestion("www.example.", qtype)
		for _, r := range records {
			rr, err := dns.NewRR(r)
			if err != nil {
				t.Fatal(err)
			}
			if rr.Header().Rrtype == dns.TypeSOA {
				m.Ns = append(m.Ns, rr)
			} else {
				m.Answer = append(m.Answer, rr)
			}
		}
		return m
	}
	const soa, alias, next = "example. 60 SOA a. b. 1 2 3 4 60", "www.example. 60 CNAME a.example.", "a.example. 60 CNAME b.example."
	for _, tt := range []struct {
		name         string
		ours, theirs *dns.Msg
		signing      string
		want         bool
	}{
		{"the name itself", answer(dns.TypeNSEC, alias, soa), answer(dns.TypeNSEC, soa), "NSEC3PARAM", true},
		{"further on", answer(dns.TypeNSEC, alias, next, soa), answer(dns.TypeNSEC, alias, soa), "NSEC3PARAM", true},
		{"in a zone with NSEC", answer(dns.TypeNSEC, alias, soa), answer(dns.TypeNSEC, soa), "NSEC", false},
		{"another type", answer(dns.TypeA, alias, soa), answer(dns.TypeA, soa), "NSEC3PARAM", false},
		{"as far", answer(dns.TypeNSEC, alias, soa), answer(dns.TypeNSEC, alias, soa), "NSEC3PARAM", false},
		{"no denial", answer(dns.TypeNSEC, alias, soa), answer(dns.TypeNSEC), "NSEC3PARAM", false},
	} {
		c := &comparison{answers: map[string]*dns.Msg{"mangrove": tt.ours, "bind": tt.theirs}, apex: map[string]bool{"example.": true},
			realm: &realm{zones: []peerZone{{"example.", "@ 0 " + tt.signing + " 1 0 0 -"}}}}
		if got := hashedAlias(c, aspectAnswer); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAnyWithDS(t *testing.T) {
	answer := func(qtype uint16, records ...string) *dns.Msg {
		m := new(dns.Msg).SetQuestion("www.example.", qtype)
		for _, r := range records {
			rr, err := dns.NewRR(r)
			if err != nil {
				t.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		return m
	}
	const a, ds, txt = "www.example. 60 A 192.0.2.1", "www.example. 60 DS 1 13 2 00", "www.example. 60 TXT x"
	for _, tt := range []struct {
		name         string
		ours, theirs *dns.Msg
		network      string
		want         bool
	}{
		{"DS more", answer(dns.TypeANY, a, ds), answer(dns.TypeANY, a), "tcp", true},
		{"over UDP", answer(dns.TypeANY, a, ds), answer(dns.TypeANY, a), "udp", false},
		{"another type", answer(dns.TypeA, a, ds), answer(dns.TypeA, a), "tcp", false},
		{"more than DS", answer(dns.TypeANY, a, ds, txt), answer(dns.TypeANY, a), "tcp", false},
		{"one of theirs missing", answer(dns.TypeANY, a, ds), answer(dns.TypeANY, a, txt), "tcp", false},
		{"alike", answer(dns.TypeANY, a), answer(dns.TypeANY, a), "tcp", false},
	} {
		c := &comparison{question: question{network: tt.network}, answers: map[string]*dns.Msg{"mangrove": tt.ours, "bind": tt.theirs}}
		if got := anyWithDS(c, aspectAnswer); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestDifferencesAreDocumented holds the list above to what docs/rfc.md says.
func TestDifferencesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Differences\n")
	if !ok {
		t.Fatal("docs/rfc.md has no section Differences")
	}
	var names []string
	for _, d := range decisions {
		names = append(names, d.name)
	}
	for _, d := range fileDecisions {
		names = append(names, d.name)
	}
	for _, d := range recordDecisions {
		names = append(names, d.name)
	}
	for _, name := range names {
		if !strings.Contains(section, "\n- **"+name+"**: ") {
			t.Errorf("docs/rfc.md does not have the difference %q", name)
		}
	}
	if got := strings.Count(section, "\n- **"); got != len(names) {
		t.Errorf("docs/rfc.md has %d differences, the code %d", got, len(names))
	}
}
