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
`

// signedChild is the secure delegation's zone, and the insecure one's.
func signedChild(origin string) string {
	return fmt.Sprintf("$ORIGIN %s\n$TTL 300\n@ IN SOA ns host 1 3600 900 604800 300\n@ IN NS ns\nns IN A 127.0.0.1\nwww IN A 192.0.2.9\n", origin)
}

// signedQuestions are the questions of each kind, with what a validator must say of the answer: "secure" or "insecure".
var signedQuestions = []struct{ name, typ, want string }{
	{"mail.signed.test.", "A", "secure"},
	{"signed.test.", "DNSKEY", "secure"},
	{"signed.test.", "MX", "secure"},
	{"mail.signed.test.", "TXT", "secure"},      // NODATA
	{"missing.signed.test.", "A", "secure"},     // NXDOMAIN
	{"a.b.missing.signed.test.", "A", "secure"}, //
	{"zzz.signed.test.", "A", "secure"},         // behind the last
	{"0.signed.test.", "A", "secure"},           // before the first
	{"x.wild.signed.test.", "A", "secure"},      // wildcard
	{"x.y.wild.signed.test.", "A", "secure"},    //
	{"x.wild.signed.test.", "TXT", "secure"},    // wildcard NODATA
	{"ent.signed.test.", "A", "secure"},         // empty non-terminal
	{"alias.signed.test.", "A", "secure"},       // CNAME
	{"gone.signed.test.", "A", "secure"},        // CNAME to nothing
	{"wide.signed.test.", "A", "secure"},        // CNAME to a wildcard
	{"a.tree.signed.test.", "A", "secure"},      // DNAME
	{"b.tree.signed.test.", "A", "secure"},      // DNAME to nothing
	{"www.secure.signed.test.", "A", "secure"},  // below a signed delegation
	{"secure.signed.test.", "DS", "secure"},     // at it
	{"no.secure.signed.test.", "A", "secure"},   //
	{"www.insecure.signed.test.", "A", "insecure"},
	{"insecure.signed.test.", "DS", "secure"}, // is proved to have none
}

// signings are the ways that zones are signed in, by the programs that people use.
var signings = []struct {
	name, tool, algorithm string
	options               []string
}{
	{"NSEC", "dnssec-signzone", "ECDSAP256SHA256", nil},
	{"NSEC RSA", "dnssec-signzone", "RSASHA256", nil},
	{"NSEC Ed25519", "dnssec-signzone", "ED25519", nil},
	{"NSEC3", "dnssec-signzone", "ECDSAP256SHA256", []string{"-3", "-", "-H", "0"}},
	{"NSEC3 salted", "dnssec-signzone", "ED25519", []string{"-3", "aabbcc", "-H", "5"}},
	{"NSEC3 opt-out", "dnssec-signzone", "ECDSAP256SHA256", []string{"-3", "-", "-H", "0", "-A"}},
	{"ldns NSEC", "ldns-signzone", "ECDSAP256SHA256", nil},
	{"ldns NSEC3 opt-out", "ldns-signzone", "ECDSAP256SHA256", []string{"-n", "-p", "-t", "1", "-s", "ab"}},
}

// tool runs a program in dir and returns what it wrote to standard output.
func tool(t *testing.T, dir, name string, args ...string) string {
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

// sign signs a zone and returns its text, its key as a trust anchor and its DS records.
func sign(t *testing.T, dir, origin, text, program, algorithm string, options []string) (signed, anchor, ds string) {
	t.Helper()
	bits := []string{}
	if algorithm == "RSASHA256" {
		bits = []string{"-b", "2048"}
	}
	key := strings.TrimSpace(tool(t, dir, "dnssec-keygen", append(append([]string{"-q", "-a", algorithm, "-f", "KSK"}, bits...), origin)...))
	ds = tool(t, dir, "dnssec-dsfromkey", "-2", key)
	public, err := os.ReadFile(filepath.Join(dir, key+".key"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(public)) {
		if !strings.HasPrefix(line, ";") {
			anchor = strings.TrimSpace(line)
		}
	}
	file := filepath.Join(dir, "zone")
	writeFile(t, file, text+anchor+"\n")
	if program == "ldns-signzone" {
		tool(t, dir, program, append(append([]string{"-o", origin, "-f", file + ".signed"}, options...), file, key)...)
	} else {
		tool(t, dir, program, append(append([]string{"-q", "-z", "-o", origin, "-f", file + ".signed"}, options...), file, key)...)
	}
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
			child, _, ds := sign(t, dir, "secure.signed.test.", signedChild("secure.signed.test."), s.tool, s.algorithm, s.options)
			parent, anchor, _ := sign(t, dir, "signed.test.", signedZone+ds, s.tool, s.algorithm, s.options)
			n := newNode(t, "")
			n.write("zones/signed.test.zone", parent)
			n.write("zones/secure.signed.test.zone", child)
			n.write("zones/insecure.signed.test.zone", signedChild("insecure.signed.test."))
			n.start()
			t.Run("unbound", func(t *testing.T) { validateByUnbound(t, n.addr, anchor, strings.Contains(s.name, "opt-out")) })
			t.Run("delv", func(t *testing.T) { validateByDelv(t, dir, n.addr, anchor, strings.Contains(s.name, "opt-out")) })
		})
	}
}

// validateByUnbound asks everything of an Unbound that has only us to ask. What is bogus it answers with SERVFAIL; what it takes
// for secure has AD, but with opt-out, where a record that covers a name proves nothing of it (RFC 5155 9.2).
func validateByUnbound(t *testing.T, server, anchor string, optOut bool) {
	path := peerBinary(t, "unbound")
	addr := startPeer(t, "signed.test.", func(dir, addr string) *process {
		host, port := splitAddr(t, addr)
		ourHost, ourPort := splitAddr(t, server)
		writeFile(t, filepath.Join(dir, "anchor"), anchor+"\n")
		conf := fmt.Sprintf(`
server:
	directory: %[1]q
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	interface: %[2]s@%[3]s
	access-control: 127.0.0.0/8 allow_snoop
	do-not-query-localhost: no
	trust-anchor-file: "anchor"
	module-config: "validator iterator"
	val-log-level: 2
	aggressive-nsec: no
	qname-minimisation: no
	local-zone: "test." nodefault
	num-threads: 1
remote-control:
	control-enable: no
stub-zone:
	name: "signed.test."
	stub-addr: %[4]s@%[5]s
	stub-no-cache: no
stub-zone:
	name: "secure.signed.test."
	stub-addr: %[4]s@%[5]s
stub-zone:
	name: "insecure.signed.test."
	stub-addr: %[4]s@%[5]s
`, dir, host, port, ourHost, ourPort)
		writeFile(t, filepath.Join(dir, "unbound.conf"), conf)
		return startProcess(t, "unbound", nil, path, "-d", "-c", filepath.Join(dir, "unbound.conf"))
	})
	for _, q := range signedQuestions {
		m := new(dns.Msg).SetQuestion(q.name, dns.StringToType[q.typ])
		m.SetEdns0(1232, true)
		r, err := exchange(addr, "udp", m)
		switch {
		case err != nil:
			t.Errorf("%s %s: %v", q.name, q.typ, err)
		case r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError:
			t.Errorf("%s %s: %s: it is bogus\n%v", q.name, q.typ, dns.RcodeToString[r.Rcode], r)
		case r.AuthenticatedData == (q.want == "insecure") && !optOut:
			t.Errorf("%s %s: AD is %v, want %s\n%v", q.name, q.typ, r.AuthenticatedData, q.want, r)
		}
	}
}

// validateByDelv has BIND's validator ask us. It needs no delegation, so that what is below one is left out.
func validateByDelv(t *testing.T, dir, server, anchor string, optOut bool) {
	host, port := splitAddr(t, server)
	f := strings.Fields(anchor)
	at := len(f) - 4
	for i := range f {
		if f[i] == "DNSKEY" {
			at = i + 1
		}
	}
	file := filepath.Join(dir, "delv.anchors")
	writeFile(t, file, fmt.Sprintf("trust-anchors { signed.test. static-key %s %s %s %q; };\n", f[at], f[at+1], f[at+2], strings.Join(f[at+3:], "")))
	for _, q := range signedQuestions {
		if strings.Contains(q.name, "secure.signed.test.") {
			continue
		}
		out := tool(t, dir, "delv", "@"+host, "-p", port, "-a", file, "+root=signed.test.", "-t", q.typ, q.name)
		if !strings.Contains(out, "fully validated") && !(optOut && strings.Contains(out, "unsigned answer")) {
			t.Errorf("%s %s:\n%s", q.name, q.typ, out)
		}
	}
}
