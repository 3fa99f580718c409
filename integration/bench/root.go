package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"
)

const tldCount = 1500

// tlds are the made-up top-level domains: two to twelve letters, none twice, always the same.
func tlds() []string {
	r := rand.New(rand.NewPCG(7, 7))
	seen := map[string]bool{"test": true}
	var out []string
	for len(out) < tldCount {
		n := 2 + r.IntN(11)
		if len(out) < 250 {
			n = 2 // as many countries
		}
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		if s := string(b); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// writeRoot writes a zone like the root: two to six name servers a TLD with addresses of both families, nine in ten
// with a DS.
func writeRoot(dir string) error {
	z, err := newZone(dir, ".", 1)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(8, 8))
	for i, tld := range tlds() {
		for n := range 2 + r.IntN(5) {
			ns := fmt.Sprintf("%c.nic.%s.", 'a'+n, tld)
			z.linef("%s. NS %s\n%s A %s\n%s AAAA 2001:db8:6:%x::%x", tld, ns, ns, ip4(i*8+n), ns, i, n)
		}
		if r.IntN(10) > 0 {
			z.linef("%s. DS %d 13 2 %064X", tld, 1+r.IntN(65535), r.Uint64())
		}
	}
	return z.close()
}

func askRoot(r *rand.Rand, q *questions, count int) {
	names := tlds()
	there := map[string]bool{"ns1": true, "ns2": true, "test": true}
	for _, n := range names {
		there[n] = true
	}
	for range count {
		if r.Float64() < 0.4 {
			tld := names[r.IntN(len(names))]
			q.add(fmt.Sprintf("www.example%d.%s", r.IntN(1e5), tld), [2]uint16{dns.TypeA, dns.TypeAAAA}[r.IntN(2)], expect{cut: tld})
			continue
		}
		// What the root is asked in vain: single labels of people's own networks.
		label := make([]byte, 4+r.IntN(10))
		for i := range label {
			label[i] = byte('a' + r.IntN(26))
		}
		if !there[string(label)] {
			q.add(string(label), dns.TypeA, expect{rcode: dns.RcodeNameError})
		}
	}
}

// signZone signs a zone file in place with one ECDSA P-256 key and NSEC, by BIND's dnssec-signzone.
func signZone(keys, zone, path string) error {
	if err := os.RemoveAll(keys); err != nil {
		return err
	}
	if err := os.MkdirAll(keys, 0o755); err != nil {
		return err
	}
	out, err := output("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", keys, zone)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(keys, strings.TrimSpace(string(out))+".key"))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(key) {
		if !bytes.HasPrefix(line, []byte(";")) {
			text = append(text, line...)
		}
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	if _, err := output("dnssec-signzone", "-z", "-x", "-O", "full", "-e", "+31536000", "-K", keys, "-d", keys,
		"-o", zone, "-f", path+".signed", path); err != nil {
		return err
	}
	return os.Rename(path+".signed", path)
}

// output runs a command and returns what it prints; what it says to standard error is in its error.
func output(name string, args ...string) ([]byte, error) {
	var talk bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(talk.String()))
	}
	return out, nil
}
