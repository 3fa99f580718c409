package zonefile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// peer returns the path of another name server's tool, or skips the test.
func peer(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("MANGROVE_PEERS") == "required" {
		t.Fatalf("%s is not here: install %s", name, pkg)
	}
	t.Skipf("%s is not here, so this is not held against it: install %s", name, pkg)
	return ""
}

// compile lets BIND read a zone file and returns what it makes of it; false where it refuses the file.
func compile(t *testing.T, dir, file string) (*zones.Zone, bool, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peer(t, "named-compilezone", "bind9-utils"),
		"-i", "none", "-k", "ignore", "-m", "ignore", "-n", "ignore", "-r", "ignore", "-M", "ignore", "-S", "ignore",
		"-s", "full", "-o", "-", "example.org", file)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if !strings.Contains(stderr.String(), "not loaded due to errors") {
			t.Fatalf("%s: %v: %s", cmd, err, &stderr)
		}
		return nil, false, stderr.String()
	}
	b := zones.NewBuilder(zones.MustParseName("example.org"))
	for line := range strings.Lines(stdout.String()) { // -s full: each record is one line
		// miekg/dns wants four digits in each group of a locator.
		line = strings.Replace(line, "NID\t10 14:", "NID\t10 0014:", 1)
		line = strings.Replace(line, "L64\t10 2001:db8:", "L64\t10 2001:0db8:", 1)
		rr, err := dns.NewRR(line)
		if err != nil || rr == nil {
			t.Fatalf("BIND's output cannot be read: %q: %v", line, err)
		}
		data, err := zones.Rdata(rr)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Add(zones.MustParseName(rr.Header().Name), rr.Header().Rrtype, rr.Header().Ttl, data); err != nil {
			t.Fatal(err)
		}
	}
	return b.Zone(), true, stderr.String()
}

// TestAsBIND reads files as BIND 9 does, where its way is the reference: $GENERATE, $INCLUDE, TTLs, quoting.
func TestAsBIND(t *testing.T) {
	parts := files{
		"hosts":  "\tAAAA 2001:db8::1\na A 192.0.2.2\n$ORIGIN deep\nb A 192.0.2.3\n$INCLUDE deeper\n",
		"deeper": "c 60 A 192.0.2.4\n",
		"ttl":    "$TTL 77\nm A 192.0.2.6\n",
	}
	for _, tt := range []struct {
		name, text string
		bad        bool // both refuse it
	}{
		{name: "everything", text: everything},
		{name: "include", text: top + "www A 192.0.2.1\n$INCLUDE hosts\n\tTXT back\n$INCLUDE \"hosts\" sub\nftp A 192.0.2.5\n$INCLUDE hosts sub2.example.org.\n$INCLUDE ttl\nlast A 192.0.2.7\n"},
		{name: "generate", text: top + "$GENERATE 1-3 h$ A 192.0.2.$\n$GENERATE 1-10/3 h${10} 60 IN A 192.0.2.${-1}\n$GENERATE 1-2 m$ MX \"10 h$\"\n"},
		{name: "generate, dollars", text: top + "$GENERATE 1-2 a\\$$ TXT \\$$\n$GENERATE 1-2 b$$ TXT $\n$GENERATE 1-2 c$ TXT $$$\n"},
		{name: "generate, bases", text: top + "$GENERATE 9-17 d${0,3,d} A 192.0.2.$\n$GENERATE 9-17 o${0,3,o} A 192.0.2.$\n$GENERATE 9-17 x${0,3,x} A 192.0.2.$\n$GENERATE 26-28 X${0} PTR X${0,4,X}\n$GENERATE 1-2 w${0,0}-${5} A 192.0.2.$\n"},
		{name: "generate, nibbles", text: top + "$GENERATE 0-17/17 ${0,1,n} A 192.0.2.$\n$GENERATE 254-258 ${0,3,n}.a A 192.0.2.1\n$GENERATE 254-258 ${0,7,N}.b A 192.0.2.1\n$GENERATE 1-2 ${0,0,n}.c A 192.0.2.1\n"},
		{name: "generate, even nibbles", text: top + "$GENERATE 1-2 ${0,4,n}a A 192.0.2.1\n$GENERATE 250-260 ${0,6,n}b A 192.0.2.1\n$GENERATE 250-260 ${0,2,n}c A 192.0.2.1\n"},
		{name: "generate, quotes", text: top + "$GENERATE 1-2 a$ TXT \"\\\"a b $\\\" c\"\n$GENERATE 1-2 b$ TXT \"a b $\"\n$GENERATE 1-2 c$ TXT \"a\\\\b\"\n"},
		{name: "generate between", text: "@ 300 SOA ns h 1 2 3 4 500\n@ NS ns.example.net.\na 70 TXT x\n$GENERATE 1-2 h$ 60 TXT $\n\tTXT y\nb TXT z\n$GENERATE 1-2 i$ TXT $\n"},
		{name: "generate to too high", text: top + "$GENERATE 250-260 h$ A 192.0.2.$\n", bad: true},
		{name: "generate backwards", text: top + "$GENERATE 3-1 h$ A 192.0.2.$\n", bad: true},
		{name: "TTLs", text: "@ SOA ns h 1 2 3 4 500\n@ NS ns.example.net.\na 60 A 192.0.2.1\nb A 192.0.2.1\n$TTL 1h30m\nc A 192.0.2.1\nd 1W2D A 192.0.2.1\ne A 192.0.2.1\n"},
		{name: "no TTL", text: "a A 192.0.2.1\n" + top, bad: true},
		{name: "TTL without unit", text: top + "a 1h30 A 192.0.2.1\n", bad: true},
		{name: "blank owner first", text: " A 192.0.2.1\n" + top, bad: true},
		{name: "quotes", text: top + "a TXT \"a b\"c\"d\" \"\" e\\\"f \"g;(\" ; comment\n"},
		{name: "quote over lines", text: top + "a TXT \"a\nb\"\n", bad: true},
		{name: "parentheses", text: top + "a ( 60\n IN ) A 192.0.2.1\n( c A\n192.0.2.1\n)\nd MX(10(x)) ; comment ( \n"},
		{name: "stray parenthesis", text: top + "a TXT )b\n", bad: true},
		{name: "open parenthesis", text: top + "a TXT ( b\n", bad: true},
		{name: "long string", text: top + "a TXT " + strings.Repeat("x", 256) + "\n", bad: true},
		{name: "octal address", text: top + "a A 192.0.02.1\n", bad: true},
		{name: "unknown directive", text: top + "$FOO x\n", bad: true},
		{name: "indented directive", text: top + " $TTL 5\n", bad: true},
		{name: "second SOA", text: top + "@ SOA ns hostmaster 2 3600 600 86400 300\n", bad: true},
		{name: "data behind the data", text: top + "a A 192.0.2.1 x\n", bad: true},
		{name: "escapes", text: top + `a\.b TXT x` + "\n" + `\065\$ TXT "\065\"\\"` + "\n" + `\@ CNAME e\032f` + "\n"},
		{name: "bad escape", text: top + `a\25x TXT x` + "\n", bad: true},
		{name: "RFC 3597", text: top + "a TYPE65280 \\# 4 0a000001\nb A \\# 4 c0 00 0201\nc CLASS1 TYPE1 192.0.2.1\nd TYPE65281 \\# 0\n"},
		{name: "RFC 3597 length", text: top + "a TYPE65280 \\# 3 0a000001\n", bad: true},
		{name: "LOC", text: top + "a LOC 52 N 4 53 E -2.00m\nb LOC 52 22 23.000 N 4 E 0m 1m 2m 3m\nc LOC 52 22 N 4 53 6.5 W 1m\n"},
		{name: "types in any order", text: top + "a CSYNC 66 3 AAAA NS A NS\n"},
		{name: "short digest", text: top + "a DS 1 8 2 0011\n", bad: true},
		{name: "no fingerprint", text: top + "a SSHFP 4 2\n", bad: true},
		{name: "mandatory key missing", text: top + "a HTTPS 1 . mandatory=alpn port=1\n", bad: true},
		{name: "CRLF", text: strings.ReplaceAll(top+"a TXT (\n x\n ) ; y\n b A 192.0.2.1\n", "\n b", "\nb")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "example.org.zone"), tt.text)
			for name, text := range parts {
				write(t, filepath.Join(dir, name), text)
			}
			want, ok, said := compile(t, dir, "example.org.zone")
			if ok == tt.bad {
				t.Fatalf("BIND accepts it: %v, want %v: %s", ok, !tt.bad, said)
			}
			r, err := Parse(filepath.Join(dir, "example.org.zone"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if tt.bad {
				if r.Zone != nil {
					t.Errorf("accepted; BIND says %s", said)
				}
				return
			}
			if r.Zone == nil {
				t.Fatalf("refused, BIND accepts it:\n%s", problemText(r))
			}
			sameZone(t, want, r.Zone)
		})
	}
}

// sameZone compares without regard to the case of names in data, which BIND may change for its compression.
func sameZone(t *testing.T, want, got *zones.Zone) {
	t.Helper()
	for _, c := range zones.Diff(want, got) {
		if lower(c.Old) != lower(c.New) {
			t.Errorf("%s %s:\nwant %s\n got %s", c.Name, zones.TypeString(c.Type), c.Old, c.New)
		}
	}
}

func lower(s zones.RRset) string { return strings.ToLower(s.String()) }

// TestWrittenForPeers lets the other name servers read what Write makes of a zone with every type.
func TestWrittenForPeers(t *testing.T) {
	r := parseGood(t, everything)
	dir := t.TempDir()
	for i, o := range []WriteOptions{{}, {Absolute: true, DefaultTTL: 3600, Header: []string{"made by a test"}}} {
		var text bytes.Buffer
		if err := Write(&text, r.Zone, o); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("written%d.zone", i)
		write(t, filepath.Join(dir, name), text.String())
		t.Run(fmt.Sprintf("BIND/%d", i), func(t *testing.T) {
			got, ok, said := compile(t, dir, name)
			if !ok {
				t.Fatalf("BIND refuses it: %s", said)
			}
			sameZone(t, r.Zone, got)
		})
		t.Run(fmt.Sprintf("NSD/%d", i), func(t *testing.T) {
			run(t, exec.CommandContext(t.Context(), peer(t, "nsd-checkzone", "nsd"), "example.org", filepath.Join(dir, name)))
		})
		t.Run(fmt.Sprintf("Knot/%d", i), func(t *testing.T) {
			conf := filepath.Join(dir, "knot.conf")
			write(t, conf, fmt.Sprintf("server:\n  rundir: %[1]s\ndatabase:\n  storage: %[1]s\nzone:\n- domain: example.org\n  storage: %[1]s\n  file: %[2]s\n", dir, name))
			run(t, exec.CommandContext(t.Context(), peer(t, "knotc", "knot"), "-c", conf, "zone-check", "example.org"))
		})
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("error")) {
		t.Errorf("%s: %v\n%s", cmd, err, out)
	}
}
