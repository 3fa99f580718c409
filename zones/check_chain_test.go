package zones

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// chainedZone is a zone in lines: insecure has no DS, secure has one, opted is an empty non-terminal above an insecure delegation.
const chainedZone = `@ 300 SOA ns1 host 1 3600 600 864000 300
@ NS ns1
@ NS ns2.example.net.
ns1 A 192.0.2.53
a.ent TXT x
insecure NS ns.example.net.
cut.opted NS ns.example.net.
secure NS ns.secure
secure DS 1 13 2 00
ns.secure A 192.0.2.54
www A 192.0.2.1
www MX 10 ns1
`

// chainedTypes are its names in canonical order with what a chain says of them; those with "-" are empty non-terminals, those with "?"
// may be opted out.
var chainedTypes = []struct{ name, nsec, nsec3 string }{
	{"", "NS SOA RRSIG NSEC", "NS SOA RRSIG NSEC3PARAM"},
	{"ent.", "-", ""},
	{"a.ent.", "TXT RRSIG NSEC", "TXT RRSIG"},
	{"insecure.", "NS RRSIG NSEC", "NS ?"},
	{"ns1.", "A RRSIG NSEC", "A RRSIG"},
	{"opted.", "-", "?"},
	{"cut.opted.", "NS RRSIG NSEC", "NS ?"},
	{"secure.", "NS DS RRSIG NSEC", "NS DS RRSIG"},
	{"www.", "A MX RRSIG NSEC", "A MX RRSIG"},
}

// chainLines are the lines of a chain for chainedZone. NSEC3 has the hashes' names as comments.
func chainLines(denial Denial, optOut bool) []string {
	const origin = "example.com."
	var lines, owners []string
	types, names := map[string]string{}, map[string]string{}
	for _, n := range chainedTypes {
		switch {
		case denial == NSEC && n.nsec != "-":
			owners = append(owners, n.name+origin)
			types[n.name+origin] = n.nsec
		case denial == NSEC3 && !(optOut && strings.Contains(n.nsec3, "?")):
			h := hashOf(n.name+origin, 0, "-") + "." + origin
			owners = append(owners, h)
			types[h], names[h] = strings.Trim(n.nsec3, " ?"), n.name+origin
		}
	}
	if denial == NSEC3 {
		slices.Sort(owners)
		lines = append(lines, "@ 0 NSEC3PARAM 1 0 0 -")
	}
	flags := 0
	if optOut {
		flags = 1
	}
	for i, o := range owners {
		next := owners[(i+1)%len(owners)]
		if denial == NSEC3 {
			lines = append(lines, fmt.Sprintf("%s 300 NSEC3 1 %d 0 - %s %s ; %s", o, flags, strings.TrimSuffix(next, "."+origin), types[o], names[o]))
		} else {
			lines = append(lines, fmt.Sprintf("%s 300 NSEC %s %s", o, next, types[o]))
		}
	}
	return lines
}

// signLines adds signatures of whatever has to have one.
func signLines(lines []string) []string {
	out := slices.Clone(lines)
	signed := map[string]bool{}
	for _, l := range lines {
		f := strings.Fields(l)
		owner, typ := f[0], f[1]
		if typ[0] < 'A' { // a TTL
			typ = f[2]
		}
		if strings.HasPrefix(owner, "ns.secure") || typ == "NS" && owner != "@" || signed[owner+" "+typ] {
			continue
		}
		signed[owner+" "+typ] = true
		out = append(out, owner+" "+fakeSignature(typ))
	}
	return out
}

func TestCheckChain(t *testing.T) {
	without := func(part string) func([]string) []string {
		return func(lines []string) []string {
			return slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, part) })
		}
	}
	replace := func(part, old, new string) func([]string) []string {
		return func(lines []string) []string {
			for i, l := range lines {
				if strings.Contains(l, part) {
					lines[i] = strings.Replace(l, old, new, 1)
				}
			}
			return lines
		}
	}
	with := func(more ...string) func([]string) []string {
		return func(lines []string) []string { return append(lines, more...) }
	}
	hash := func(name string) string { return hashOf(name+"example.com.", 0, "-") }
	refused := "; resolvers that validate take what is between for absent, or its denials for forged; sign the zone again"
	missing := "stands at a name without an %s record; resolvers that validate take it for absent, or its denials for forged; sign the zone again"
	forged := "; resolvers that validate take answers for forged; sign the zone again"
	// next is the owner behind that of a name in the NSEC3 chain without opt-out.
	next := func(name string, n int) string {
		var all []string
		for _, c := range chainedTypes {
			all = append(all, hash(c.name))
		}
		slices.Sort(all)
		return all[(slices.Index(all, hash(name))+n+len(all))%len(all)]
	}
	tests := []struct {
		name   string
		denial Denial
		optOut bool
		edit   func([]string) []string
		want   []string // at which record, and what
	}{
		{"sound", NSEC, false, with(), nil},
		{"sound", NSEC3, false, with(), nil},
		{"sound, opt-out", NSEC3, true, with(), nil},
		{"a record lost", NSEC, false, without("ns1.example.com. 300 NSEC"), []string{"ns1.example.com. A " + fmt.Sprintf(missing, "NSEC")}},
		{"the last record lost", NSEC, false, without("www.example.com. 300 NSEC example"), []string{"www.example.com. A " + fmt.Sprintf(missing, "NSEC")}},
		{"a name come", NSEC, false, with("new 300 TXT x"), []string{"new.example.com. TXT " + fmt.Sprintf(missing, "NSEC")}},
		{"a name passed over", NSEC, false, replace("insecure.example.com. 300 NSEC", "ns1.", "cut.opted."),
			[]string{"insecure.example.com. NSEC leads to cut.opted.example.com., and the next name is ns1.example.com." + refused}},
		{"an end too early", NSEC, false, replace("secure.example.com. 300 NSEC www", "www.", ""),
			[]string{"secure.example.com. NSEC leads to example.com., and the next name is www.example.com." + refused}},
		{"no end", NSEC, false, replace("www.example.com. 300 NSEC", "example.com. A", "zzz.example.com. A"),
			[]string{"www.example.com. NSEC leads to zzz.example.com., and the next name is example.com." + refused}},
		{"in upper case", NSEC, false, replace("insecure.example.com. 300 NSEC", "ns1.example", "NS1.EXAmple"), nil},
		{"a type come", NSEC, false, with("www TXT x"), []string{"www.example.com. NSEC denies TXT records, which are there" + forged}},
		{"types gone", NSEC, false, replace("www.example.com. 300 NSEC", "A MX", "A MX TXT AAAA"),
			[]string{"www.example.com. NSEC says that there are TXT and AAAA records, which are not" + forged}},
		{"a type for another", NSEC, false, replace("a.ent.example.com. 300 NSEC", "TXT", "A"), []string{
			"a.ent.example.com. NSEC denies TXT records, which are there" + forged, "a.ent.example.com. NSEC says that there are A records, which are not" + forged}},
		{"no DS any more", NSEC, false, without("secure DS"), []string{"secure.example.com. NSEC says that there are DS records, which are not" + forged}},
		{"glue in a bitmap", NSEC, false, func(l []string) []string {
			return with("insecure A 192.0.2.7")(replace("insecure.example.com. 300 NSEC", "NS RRSIG", "A NS RRSIG")(l))
		}, []string{"insecure.example.com. NSEC says that there are A records, which are not" + forged}},
		{"itself denied", NSEC, false, replace("ns1.example.com. 300 NSEC", " RRSIG NSEC", ""),
			[]string{"ns1.example.com. NSEC denies RRSIG and NSEC records, which are there" + forged}},
		{"two records", NSEC, false, with("www 300 NSEC example.com. A MX TXT RRSIG NSEC"),
			[]string{"www.example.com. NSEC is one of 2 of this name; a chain has one for each name; sign the zone again"}},
		{"kept too long", NSEC, false, replace("300 NSEC", "300 NSEC", "301 NSEC"), []string{"example.com. NSEC has a TTL of 301 s, and the SOA lets denials be kept for 300 s (the lower of " +
			"its TTL and MINIMUM): resolvers that deny by this record go on for longer; it must be the same (RFC 9077 3) (and 6 more likewise)"}},
		{"NSEC3 kept too long", NSEC3, false, replace("300 NSEC3", "300 NSEC3", "3600 NSEC3"), []string{"? NSEC3 has a TTL of 3600 s, and the SOA lets denials be " +
			"kept for 300 s (the lower of its TTL and MINIMUM): resolvers that deny by this record go on for longer; it must be the same (RFC 9077 3) (and 8 more likewise)"}},
		{"an NSEC3 record lost", NSEC3, false, without("; www."), []string{"www.example.com. A " + fmt.Sprintf(missing, "NSEC3"),
			next("www.", -1) + ".example.com. NSEC3 leads to the hash " + hash("www.") + ", and the next one is " + next("www.", 1) + refused}},
		{"that of an insecure delegation", NSEC3, false, without("; insecure."), []string{"insecure.example.com. NS " + fmt.Sprintf(missing, "NSEC3"),
			next("insecure.", -1) + ".example.com. NSEC3 leads to the hash " + hash("insecure.") + ", and the next one is " + next("insecure.", 1) + refused}},
		{"that of an empty non-terminal", NSEC3, false, without("; ent."), []string{
			next("ent.", -1) + ".example.com. NSEC3 denies ent.example.com., which has names below and no NSEC3 record; resolvers that validate take them for absent, or its denials for forged; sign the zone again",
			next("ent.", -1) + ".example.com. NSEC3 leads to the hash " + hash("ent.") + ", and the next one is " + next("ent.", 1) + refused}},
		{"a hash passed over", NSEC3, false, replace("; ns1.", next("ns1.", 1), next("ns1.", 2)), []string{
			hash("ns1.") + ".example.com. NSEC3 leads to the hash " + next("ns1.", 2) + ", and the next one is " + next("ns1.", 1) + refused}},
		{"types of a hash", NSEC3, false, replace("; www.", "A MX", "A TXT"), []string{
			hash("www.") + ".example.com. NSEC3 denies of www.example.com. MX records, which are there" + forged,
			hash("www.") + ".example.com. NSEC3 says of www.example.com. that there are TXT records, which are not" + forged}},
		{"a signature at an insecure delegation", NSEC3, false, replace("; insecure.", " NS ", " NS RRSIG "), []string{
			hash("insecure.") + ".example.com. NSEC3 says of insecure.example.com. that there are RRSIG records, which are not" + forged}},
		{"a hash of nothing", NSEC3, false, without("www "), []string{hash("www.") + ".example.com. NSEC3 is that of no name in the zone; sign the zone again"}},
		{"a DS come", NSEC3, true, with("insecure DS 1 13 2 00"), []string{"insecure.example.com. NS " + fmt.Sprintf(missing, "NSEC3")}},
		{"an address come below what is opted out", NSEC3, true, with("here.opted A 192.0.2.9"), []string{"here.opted.example.com. A " + fmt.Sprintf(missing, "NSEC3"),
			"? NSEC3 denies opted.example.com., which has names below and no NSEC3 record; resolvers that validate take them for absent, or its denials for forged; sign the zone again"}},
		{"another chain", NSEC, false, with("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom 300 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A", "1p9mhaveqvm6t7vbl5lop2u3t2rp3tom 300 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A"),
			[]string{"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.com. NSEC3 is of no use: no NSEC3PARAM record at example.com. says that the zone has such a chain (RFC 5155 4); sign the zone again (and 1 more likewise)"}},
		{"both", NSEC3, false, with("@ NSEC www NS SOA RRSIG NSEC"), []string{"example.com. NSEC is of no use: the zone has NSEC3 records and NSEC3PARAM too, and denies with them (RFC 5155 10.4); sign the zone again with one of the two"}},
		{"no chain", NSEC, false, without(" NSEC "), []string{"example.com. SOA is that of a zone with signatures, and without NSEC or NSEC3 records that can be used: it proves nothing that does not exist, " +
			"and resolvers that validate take its denials for forged; sign the zone again"}},
		{"more parameters", NSEC3, false, with("@ 0 NSEC3PARAM 1 0 1 ab"), []string{"example.com. NSEC3PARAM speaks of NSEC3 records that are not there: none has the hash of example.com., which is " + hashOf("example.com.", 1, "ab") + "; sign the zone again"}},
		{"a wildcard beside what is opted out", NSEC3, true, with("* TXT x"), []string{"*.example.com. TXT " + fmt.Sprintf(missing, "NSEC3"),
			"? NSEC3 opts out opted.example.com., and there is a wildcard below example.com.: nothing can prove that it does not stand for names below the one, and of the resolvers that validate " +
				"some answer SERVFAIL for these (Unbound), others take their denial for unsigned (BIND); sign the zone without opt-out"}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.name, " ", tt.denial), func(t *testing.T) {
			lines := strings.Split(strings.TrimSpace(chainedZone), "\n")
			lines = signLines(tt.edit(append(lines, chainLines(tt.denial, tt.optOut)...)))
			z, o := checkedZone(t, strings.Join(lines, "\n"))
			got := []string{}
			for _, p := range Check(z, o) {
				f := strings.Fields(p.Text)
				if strings.Contains(p.Text, "has no signature") || strings.Contains(p.Text, "covers") || strings.Contains(p.Text, "stands at a delegation") || f[1] == "NS" && !strings.Contains(p.Text, "NSEC") {
					continue
				}
				if p.Severity != Warning {
					t.Errorf("it is an error: %s", p)
				}
				if p.Pos.Line == 0 || !strings.Contains(strings.ToLower(lines[p.Pos.Line-1]), " "+strings.ToLower(f[1])+" ") {
					t.Errorf("its place is %v: %s", p.Pos, p)
				}
				if strings.Contains(p.Text, "opts out") || strings.Contains(p.Text, "denies opted") || strings.Contains(p.Text, "TTL of 3600") {
					p.Text = "? " + strings.Join(f[1:], " ")
				}
				got = append(got, p.Text)
			}
			slices.Sort(got)
			want := append([]string{}, tt.want...)
			slices.Sort(want)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got:\n%s\n%s", d, strings.Join(lines, "\n"))
			}
		})
	}
}

// TestCheckFaults: a zone that is wrong everywhere is told of a few times.
func TestCheckFaults(t *testing.T) {
	zone := sound + "@ " + fakeSignature("SOA") + "\n@ NSEC @ NS SOA RRSIG NSEC\n"
	for i := range 60 {
		zone += fmt.Sprintf("h%d TXT x\n", i)
	}
	z, o := checkedZone(t, zone)
	counts := map[string]int{}
	var last string
	for _, p := range Check(z, o) {
		switch {
		case strings.Contains(p.Text, "without an NSEC record"):
			counts["chain"]++
			last = p.Text
		case strings.Contains(p.Text, "has no signature"):
			counts["signature"]++
		}
	}
	if d := cmp.Diff(map[string]int{"chain": faultsTold, "signature": faultsTold}, counts); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if want := fmt.Sprintf("(and %d more likewise)", 61-faultsTold); !strings.HasSuffix(last, want) {
		t.Errorf("the last one is %q, want it to end with %q", last, want)
	}
}

// TestBitmapTypes holds it to another implementation.
func TestBitmapTypes(t *testing.T) {
	rr := &dns.NSEC{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNSEC, Class: 1}, NextDomain: ".", TypeBitMap: []uint16{1, 2, 15, 46, 47, 255, 256, 257, 65280, 65535}}
	sets, err := FromRRs([]dns.RR{rr})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(bitmapTypes(sets[0].Data[0][1:]))
	if d := cmp.Diff(rr.TypeBitMap, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for n := range sets[0].Data[0][1:] {
		_ = slices.Collect(bitmapTypes(sets[0].Data[0][1 : 1+n])) // whatever is left of it
	}
}
