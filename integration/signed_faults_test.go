package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// faultyZone is what the tests of signed zones with faults sign.
const faultyZone = `$ORIGIN signed.test.
$TTL 300
@ IN SOA ns host 1 3600 900 604800 300
@ IN NS ns
@ IN NS ns.elsewhere.
ns IN A 127.0.0.1
mail IN A 192.0.2.1
a.b IN A 192.0.2.3
w IN TXT "w"
a.*.w IN A 192.0.2.4
`

// resigned is a zone that was signed in several ways with one key, a record a line.
type resigned struct {
	dir, key, anchor string
	t                *testing.T
}

func newResigned(t *testing.T) *resigned {
	t.Helper()
	for _, p := range []string{"dnssec-keygen", "dnssec-signzone", "delv"} {
		peerBinary(t, p)
	}
	r := &resigned{dir: shortDir(t), t: t}
	r.key, r.anchor = signing{algorithm: "ECDSAP256SHA256"}.makeKey(t, r.dir, "signed.test.", "-f", "KSK")
	return r
}

// sign returns the lines of the zone.
func (r *resigned) sign(text string, options ...string) []string {
	r.t.Helper()
	file := filepath.Join(r.dir, "zone")
	writeFile(r.t, file, text+r.anchor+"\n")
	tool(r.t, r.dir, "dnssec-signzone", append(append([]string{"-q", "-z", "-O", "full", "-o", "signed.test.", "-f", file + ".signed"}, options...), file, r.key)...)
	out, err := os.ReadFile(file + ".signed")
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(out), "\n"), func(l string) bool { return l == "" || l[0] == ';' })
}

// recordType returns the type of the record in a line, with "RRSIG " before what a signature covers.
func recordType(line string) string {
	f := strings.Fields(line)
	if f[3] == "RRSIG" {
		return "RRSIG " + f[4]
	}
	return f[3]
}

func recordOwner(line string) string { return strings.Fields(line)[0] }

// lines returns those lines that keep says yes to.
func lines(all []string, keep func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(all), func(l string) bool { return !keep(l) })
}

// TestSignedFaults serves zones that are signed in ways that are not usual, or wrong. What can be proved BIND's validator must take for proved, and
// check must say what is wrong.
func TestSignedFaults(t *testing.T) {
	r := newResigned(t)
	nsec, nsec3 := r.sign(faultyZone), r.sign(faultyZone, "-3", "-", "-H", "0")
	at := func(owner, typ string) func(string) bool {
		return func(l string) bool { return recordOwner(l) != owner || recordType(l) != typ }
	}
	ofNSEC := lines(nsec, func(l string) bool { return strings.HasSuffix(recordType(l), "NSEC") })
	const (
		nodata   = "mail.signed.test. TXT"
		nxdomain = "missing.signed.test. A"
		behind   = "a.b.missing.signed.test. A"
		ent      = "b.signed.test. A"
		wild     = "x.w.signed.test. A" // stood for by an empty non-terminal
		apex     = "signed.test."
	)
	all := []string{nodata, nxdomain, behind, ent, wild}
	cases := []struct {
		name     string
		zone     []string
		proved   []string
		warnings []string // of signatures and chains; what each must have
	}{
		{"NSEC", nsec, all, nil},
		{"NSEC3", nsec3, all, nil},
		{"NSEC beside NSEC3", append(slices.Clip(nsec3), ofNSEC...), all, []string{"signed.test. NSEC is of no use"}},
		{"NSEC3PARAM without a signature", lines(nsec3, at(apex, "RRSIG NSEC3PARAM")), all, []string{"signed.test. NSEC3PARAM has no signature"}},
		{"a chain's end, its parameters gone first", append(slices.Clip(nsec), lines(nsec3, func(l string) bool { return strings.HasSuffix(recordType(l), "NSEC3") })...),
			all, []string{"NSEC3 is of no use: no NSEC3PARAM record"}},
		{"the signature of the apex's NSEC lost", lines(nsec, at(apex, "RRSIG NSEC")), []string{nodata, wild}, []string{"signed.test. NSEC has no signature"}},
		{"parameters without a chain", append([]string{"signed.test. 0 IN NSEC3PARAM 1 0 1 00"}, nsec3...), all,
			[]string{"speaks of NSEC3 records that are not there", "signed.test. NSEC3PARAM has no signature that holds"}},
		{"a hole", lines(nsec, at("mail.signed.test.", "NSEC")), nil, []string{"mail.signed.test. A stands at a name without an NSEC record", "mail.signed.test. RRSIG covers NSEC records"}},
		{"no chain", lines(nsec, func(l string) bool { return !strings.HasSuffix(recordType(l), "NSEC") }), nil, []string{"signed.test. SOA is that of a zone with signatures, and without NSEC or NSEC3 records"}},
		{"a changed address", append(lines(nsec, at("mail.signed.test.", "A")), "mail.signed.test. 300 IN A 192.0.2.99"), []string{nxdomain},
			[]string{"mail.signed.test. A has no signature that holds"}},
		{"a type come", append(slices.Clip(nsec), "mail.signed.test. 300 IN TXT new"), []string{nxdomain}, []string{"mail.signed.test. TXT has no signature in", "mail.signed.test. NSEC denies TXT records"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, "")
			n.write("zones/signed.test.zone", strings.Join(c.zone, "\n")+"\n")
			var got []string
			for line := range strings.Lines(n.must("check")) {
				if strings.Contains(line, ": warning: ") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if len(got) != len(c.warnings) {
				t.Errorf("got %d warnings, want %d: %q", len(got), len(c.warnings), got)
			}
			for _, w := range c.warnings {
				i := slices.IndexFunc(got, func(g string) bool { return strings.Contains(g, w) })
				if i < 0 {
					t.Errorf("no warning that it %s: %q", w, got)
				} else if !strings.Contains(got[i], ".zone:") || strings.Contains(got[i], ".zone: ") {
					t.Errorf("a warning has no line: %s", got[i])
				}
			}
			n.start()
			validated(t, n.addr, r.anchor, c.proved)
		})
	}
}

// validated has BIND's validator ask for what does not exist.
func validated(t *testing.T, server, anchor string, questions []string) {
	t.Helper()
	ask := newDelv(t, server, anchor)
	for _, q := range questions {
		name, typ, _ := strings.Cut(q, " ")
		if out := ask(name, typ); !strings.Contains(out, "negative response, fully validated") {
			t.Errorf("%s:\n%s", q, out)
		}
	}
}

// TestManyIterations serves a zone whose names are hashed 500 times, as the others do: with all that proves what is not there.
func TestManyIterations(t *testing.T) {
	peerBinary(t, "ldns-signzone")
	dir := shortDir(t)
	s := signing{tool: "ldns-signzone", algorithm: "ECDSAP256SHA256", options: []string{"-n", "-t", "500", "-s", "ab"}}
	zone, _, _ := s.sign(t, dir, "signed.test.", faultyZone)
	n := newNode(t, "")
	n.write("zones/signed.test.zone", zone)
	if out := n.must("check"); !strings.Contains(out, "NSEC3PARAM has names hashed 500 times more") || !strings.Contains(out, "1 zone checked: no errors, 1 warning") {
		t.Errorf("check says\n%s", out)
	}
	n.start()
	m := new(dns.Msg).SetQuestion("missing.signed.test.", dns.TypeA)
	m.SetEdns0(1232, true)
	a, err := exchange(n.addr, "udp", m)
	if err != nil {
		t.Fatal(err)
	}
	matches, covers, denies := false, false, false
	for _, rr := range a.Ns {
		if n3, ok := rr.(*dns.NSEC3); ok {
			matches = matches || n3.Match("signed.test.")
			covers = covers || n3.Cover("missing.signed.test.")
			denies = denies || n3.Cover("*.signed.test.")
		}
	}
	if a.Rcode != dns.RcodeNameError || !matches || !covers || !denies {
		t.Errorf("matches %v, covers %v, denies %v:\n%v", matches, covers, denies, a)
	}
}

// TestSignedUnsuspected: what people sign their zones with makes nothing that check has a warning for, but where it is told.
func TestSignedUnsuspected(t *testing.T) {
	for _, s := range signings {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			peerBinary(t, s.tool)
			dir := shortDir(t)
			_, _, ds := s.sign(t, dir, "secure.signed.test.", signedChild("secure.signed.test."))
			zone, _, _ := s.sign(t, dir, "signed.test.", signedZone+ds)
			n := newNode(t, "")
			n.write("zones/signed.test.zone", zone)
			expected := []string{}
			if s.algorithm == "ED448" {
				expected = append(expected, "signatures were not verified")
			}
			if strings.Contains(s.name, "as often as may be") {
				expected = append(expected, "has names hashed 150 times more")
			}
			for line := range strings.Lines(n.must("check")) {
				if !strings.Contains(line, "NSEC") && !strings.Contains(line, "signature") || strings.Contains(line, "expires") {
					continue
				}
				i := slices.IndexFunc(expected, func(e string) bool { return strings.Contains(line, e) })
				if i < 0 {
					t.Errorf("check says: %s", line)
					continue
				}
				expected = slices.Delete(expected, i, i+1)
			}
			if len(expected) > 0 {
				t.Errorf("check does not say: %q", expected)
			}
		})
	}
}
