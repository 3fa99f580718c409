package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// signedZone has what can be answered in different ways from a zone that comes signed.
const signedZone = `$ORIGIN signed.test.
$TTL 300
@ IN SOA ns host 1 3600 900 604800 300
@ IN NS ns
@ IN MX 10 mail
ns IN A 127.0.0.1
mail IN A 192.0.2.1
mail IN AAAA 2001:db8::1
*.wild IN A 192.0.2.2
a.ent IN A 192.0.2.3
alias IN CNAME mail
gone IN CNAME missing
wide IN CNAME x.wild
tree IN DNAME ent
insecure IN NS ns.insecure
ns.insecure IN A 127.0.0.1
secure IN NS ns.secure
ns.secure IN A 127.0.0.1
*.widealias IN CNAME mail
x.y.z.deep IN A 192.0.2.4
a.*.hollow IN A 192.0.2.5
far.off.lonely IN NS ns.far.off.lonely
ns.far.off.lonely IN A 127.0.0.1
out IN CNAME www.insecure
over IN CNAME www.secure
@ IN CSYNC 1 3 A NS AAAA
`

// signedChildren are the zones below that are not signed.
var signedChildren = []string{"insecure.signed.test.", "far.off.lonely.signed.test."}

// signedChild is the secure delegation's zone, and the insecure one's.
func signedChild(origin string) string {
	return fmt.Sprintf("$ORIGIN %s\n$TTL 300\n@ IN SOA ns host 1 3600 900 604800 300\n@ IN NS ns\nns IN A 127.0.0.1\nwww IN A 192.0.2.9\n", origin)
}

// signedQuestions are the questions of each kind, with what a validator must say of the answer. With opt-out, a record that
// covers a name proves nothing of it (RFC 5155 9.2): answers that rest on one are "covered", which else is secure. "spared"
// are those to names that a signer may then leave out of the chain, as dnssec-signzone does, and ldns-signzone does not.
var signedQuestions = []struct{ name, typ, want string }{
	{"mail.signed.test.", "A", "secure"},
	{"signed.test.", "DNSKEY", "secure"},
	{"signed.test.", "MX", "secure"},
	{"signed.test.", "SOA", "secure"},
	{"signed.test.", "CSYNC", "secure"},
	{"signed.test.", "NSEC3PARAM", "secure"}, // there, or NODATA
	{"signed.test.", "CDS", "secure"},        // NODATA
	{"signed.test.", "CDNSKEY", "secure"},
	{"mail.signed.test.", "TXT", "secure"},         // NODATA
	{"missing.signed.test.", "A", "covered"},       // NXDOMAIN
	{"missing.signed.test.", "DS", "covered"},      //
	{"a.b.missing.signed.test.", "A", "covered"},   //
	{"zzz.signed.test.", "A", "covered"},           // behind the last
	{"0.signed.test.", "A", "covered"},             // before the first
	{"below.mail.signed.test.", "A", "covered"},    // below what is no empty non-terminal
	{"x.wild.signed.test.", "A", "covered"},        // wildcard
	{"x.y.wild.signed.test.", "A", "covered"},      //
	{"x.wild.signed.test.", "TXT", "covered"},      // wildcard NODATA
	{"*.wild.signed.test.", "A", "secure"},         // by its own name
	{"x.*.wild.signed.test.", "A", "covered"},      // below it
	{"x.widealias.signed.test.", "A", "covered"},   // wildcard CNAME
	{"x.widealias.signed.test.", "TXT", "covered"}, // and NODATA behind it
	{"x.widealias.signed.test.", "CNAME", "covered"},
	{"x.hollow.signed.test.", "A", "covered"},      // a wildcard that is an empty non-terminal
	{"*.hollow.signed.test.", "A", "secure"},       //
	{"b.*.hollow.signed.test.", "A", "covered"},    //
	{"ent.signed.test.", "A", "secure"},            // empty non-terminal
	{"z.deep.signed.test.", "A", "secure"},         // one in another
	{"deep.signed.test.", "A", "secure"},           //
	{"q.z.deep.signed.test.", "A", "covered"},      // beside what is in it
	{"q.r.deep.signed.test.", "A", "covered"},      //
	{"alias.signed.test.", "A", "secure"},          // CNAME
	{"alias.signed.test.", "TXT", "secure"},        // CNAME to NODATA
	{"alias.signed.test.", "CNAME", "secure"},      //
	{"gone.signed.test.", "A", "covered"},          // CNAME to nothing
	{"wide.signed.test.", "A", "covered"},          // CNAME to a wildcard
	{"a.tree.signed.test.", "A", "secure"},         // DNAME
	{"a.tree.signed.test.", "TXT", "secure"},       // DNAME to NODATA
	{"b.tree.signed.test.", "A", "covered"},        // DNAME to nothing
	{"b.a.tree.signed.test.", "A", "covered"},      //
	{"tree.signed.test.", "DNAME", "secure"},       //
	{"tree.signed.test.", "A", "secure"},           // NODATA at it
	{"www.secure.signed.test.", "A", "secure"},     // below a signed delegation
	{"secure.signed.test.", "DS", "secure"},        // at it
	{"secure.signed.test.", "NS", "secure"},        //
	{"no.secure.signed.test.", "A", "covered"},     //
	{"over.signed.test.", "A", "secure"},           // CNAME into it
	{"www.insecure.signed.test.", "A", "insecure"}, // below an insecure delegation
	{"no.insecure.signed.test.", "A", "insecure"},  //
	{"out.signed.test.", "A", "insecure"},          // CNAME into it
	{"insecure.signed.test.", "DS", "spared"},      // is proved to have none
	{"www.far.off.lonely.signed.test.", "A", "insecure"},
	{"far.off.lonely.signed.test.", "DS", "spared"}, // below what opt-out makes unknown
	{"off.lonely.signed.test.", "A", "spared"},      // which is an empty non-terminal
	{"no.off.lonely.signed.test.", "A", "covered"},  //
}

// signing is a way that zones are signed in, by the programs that people use.
type signing struct {
	name, tool, algorithm string
	options               []string
	split                 bool // a key for keys and one for zones
}

func (s signing) optOut() bool { return strings.Contains(s.name, "opt-out") }

var signings = []signing{
	{"NSEC", "dnssec-signzone", "ECDSAP256SHA256", nil, false},
	{"NSEC RSA", "dnssec-signzone", "RSASHA256", nil, true},
	{"NSEC Ed25519", "dnssec-signzone", "ED25519", nil, false},
	{"NSEC Ed448", "dnssec-signzone", "ED448", nil, false},
	{"NSEC3", "dnssec-signzone", "ECDSAP256SHA256", []string{"-3", "-", "-H", "0"}, true},
	{"NSEC3 RSA", "dnssec-signzone", "RSASHA256", []string{"-3", "-", "-H", "0"}, false},
	{"NSEC3 Ed25519, salted", "dnssec-signzone", "ED25519", []string{"-3", "aabbcc", "-H", "5"}, false},
	{"NSEC3 P-384, as often as may be", "dnssec-signzone", "ECDSAP384SHA384", []string{"-3", "aabbcc", "-H", "150"}, false},
	{"NSEC3 opt-out", "dnssec-signzone", "ECDSAP256SHA256", []string{"-3", "-", "-H", "0", "-A"}, false},
	{"NSEC3 opt-out RSA", "dnssec-signzone", "RSASHA256", []string{"-3", "-", "-H", "0", "-A"}, false},
	{"NSEC3 opt-out Ed25519", "dnssec-signzone", "ED25519", []string{"-3", "ff", "-H", "1", "-A"}, true},
	{"ldns NSEC", "ldns-signzone", "ECDSAP256SHA256", nil, false},
	{"ldns NSEC RSA", "ldns-signzone", "RSASHA256", nil, true},
	{"ldns NSEC3 Ed25519", "ldns-signzone", "ED25519", []string{"-n", "-t", "0", "-s", "ab"}, false},
	{"ldns NSEC3 opt-out", "ldns-signzone", "ECDSAP256SHA256", []string{"-n", "-p", "-t", "1", "-s", "ab"}, false},
}

// tool runs a program in dir and returns what it wrote to standard output.
func tool(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peerBinary(t, name), args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// makeKey makes a key, and returns its name and its record.
func (s signing) makeKey(t *testing.T, dir, origin string, more ...string) (name, record string) {
	t.Helper()
	args := append([]string{"-q", "-a", s.algorithm}, more...)
	if s.algorithm == "RSASHA256" {
		args = append(args, "-b", "2048")
	}
	name = strings.TrimSpace(tool(t, dir, "dnssec-keygen", append(args, origin)...))
	public, err := os.ReadFile(filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(public)) {
		if !strings.HasPrefix(line, ";") {
			record = strings.TrimSpace(line)
		}
	}
	return name, record
}

// sign signs a zone and returns its text, its key as a trust anchor and its DS records.
func (s signing) sign(t *testing.T, dir, origin, text string) (signed, anchor, ds string) {
	t.Helper()
	key, anchor := s.makeKey(t, dir, origin, "-f", "KSK")
	ds = tool(t, dir, "dnssec-dsfromkey", "-2", key)
	keys, records := []string{key}, anchor+"\n"
	if s.split {
		zsk, record := s.makeKey(t, dir, origin)
		keys, records = append(keys, zsk), records+record+"\n"
	}
	file := filepath.Join(dir, "zone")
	writeFile(t, file, text+records)
	args := append([]string{"-o", origin, "-f", file + ".signed"}, s.options...)
	if s.tool == "dnssec-signzone" {
		args = append(args, "-q")
		if !s.split {
			args = append(args, "-z")
		}
	}
	tool(t, dir, s.tool, append(append(args, file), keys...)...)
	out, err := os.ReadFile(file + ".signed")
	if err != nil {
		t.Fatal(err)
	}
	return string(out), anchor, ds
}

// TestSignedZones signs zones in all the ways there are, serves them, and has Unbound and delv validate answers of every kind.
func TestSignedZones(t *testing.T) {
	for _, s := range signings {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			peerBinary(t, s.tool)
			child, _, ds := s.sign(t, dir, "secure.signed.test.", signedChild("secure.signed.test."))
			parent, anchor, _ := s.sign(t, dir, "signed.test.", signedZone+ds)
			n := newNode(t, "")
			n.write("zones/signed.test.zone", parent)
			n.write("zones/secure.signed.test.zone", child)
			for _, origin := range signedChildren {
				n.write("zones/"+origin+"zone", signedChild(origin))
			}
			n.start()
			t.Run("unbound", func(t *testing.T) { validateByUnbound(t, n.addr, anchor, s.optOut()) })
			t.Run("delv", func(t *testing.T) { validateByDelv(t, n.addr, anchor, s.optOut()) })
		})
	}
}

// validateByUnbound asks everything of an Unbound that has only us to ask. What is bogus it answers with SERVFAIL; what it takes
// for secure has AD.
func validateByUnbound(t *testing.T, server, anchor string, optOut bool) {
	anchors := filepath.Join(shortDir(t), "anchor")
	writeFile(t, anchors, anchor+"\n")
	setup := peerSetup{
		zones: []peerZone{{origin: "signed.test."}, {origin: "secure.signed.test."}},
		server: `
			trust-anchor-file: "` + anchors + `"
			module-config: "validator iterator"
			val-log-level: 2
			aggressive-nsec: no
			qname-minimisation: no`,
		zone: "stub-addr: " + unboundAddr(t, server),
	}
	for _, origin := range signedChildren {
		setup.zones = append(setup.zones, peerZone{origin: origin})
	}
	addr := unboundPeer.start(t, setup).addr
	for _, q := range signedQuestions {
		m := new(dns.Msg).SetQuestion(q.name, dns.StringToType[q.typ])
		m.SetEdns0(1232, true)
		r, err := exchange(addr, "udp", m)
		switch {
		case err != nil:
			t.Errorf("%s %s: %v", q.name, q.typ, err)
		case r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError:
			t.Errorf("%s %s: %s: it is bogus\n%v", q.name, q.typ, dns.RcodeToString[r.Rcode], r)
		case optOut && q.want == "spared":
		case r.AuthenticatedData != (q.want == "spared" || q.want == "secure" || q.want == "covered" && !optOut):
			t.Errorf("%s %s: AD is %v, the answer is to be %s\n%v", q.name, q.typ, r.AuthenticatedData, q.want, r)
		}
	}
}

// validateByDelv has BIND's validator ask us. It needs no delegation, so that what is below one is left out.
func validateByDelv(t *testing.T, server, anchor string, optOut bool) {
	ask := newDelv(t, server, anchor)
	for _, q := range signedQuestions {
		if strings.HasSuffix(q.name, ".secure.signed.test.") || q.name == "secure.signed.test." && q.typ == "NS" || q.name == "over.signed.test." || q.want == "insecure" {
			continue
		}
		out := ask(q.name, q.typ)
		// BIND takes most of what opt-out leaves open for proved, and says of the rest that it is not signed.
		if !strings.Contains(out, "fully validated") && !(optOut && (q.want == "covered" || q.want == "spared") && strings.Contains(out, "unsigned answer")) {
			t.Errorf("%s %s:\n%s", q.name, q.typ, out)
		}
	}
}

// newDelv returns what asks a server, and validates the answers by a trust anchor, the DNSKEY record of signed.test.
func newDelv(t *testing.T, server, anchor string) func(name, typ string) string {
	t.Helper()
	host, port := splitAddr(t, server)
	_, data, _ := strings.Cut(anchor, "DNSKEY")
	key := strings.Fields(data)
	dir := shortDir(t)
	file := filepath.Join(dir, "delv.anchors")
	writeFile(t, file, fmt.Sprintf("trust-anchors { signed.test. static-key %s %s %s %q; };\n", key[0], key[1], key[2], strings.Join(key[3:], "")))
	return func(name, typ string) string {
		t.Helper()
		return tool(t, dir, "delv", "@"+host, "-p", port, "-a", file, "+root=signed.test.", "-t", typ, name)
	}
}
