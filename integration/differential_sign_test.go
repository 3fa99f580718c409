package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The ways that zones of a realm are signed in, by dnssec-signzone.
var realmSignings = [][]string{
	{},                           // NSEC
	{"-3", "-", "-H", "0"},       // NSEC3
	{"-3", "aabb", "-H", "3"},    //
	{"-3", "-", "-H", "0", "-A"}, // with opt-out
}

// signer signs zones with one key, which has the name of each.
type signer struct {
	program string
	dir     string
	tag     string // "+013+12345"
	public  string // the DNSKEY record behind its owner
	private []byte
}

// newSigner makes a key.
func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{program: peerBinary(t, "dnssec-signzone"), dir: shortDir(t)}
	name := strings.TrimSpace(tool(t, s.dir, "dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "owner.invalid."))
	s.tag = strings.TrimPrefix(name, "Kowner.invalid.")
	public, err := os.ReadFile(filepath.Join(s.dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(public)) {
		if !strings.HasPrefix(line, ";") {
			s.public = strings.TrimPrefix(line, "owner.invalid.")
		}
	}
	if s.private, err = os.ReadFile(filepath.Join(s.dir, name+".private")); err != nil {
		t.Fatal(err)
	}
	return s
}

// sign returns a zone signed, or as it is where dnssec-signzone refuses it.
func (s *signer) sign(t *testing.T, dir string, z peerZone, how []string) peerZone {
	t.Helper()
	key := filepath.Join(dir, "K"+z.origin+s.tag)
	file := filepath.Join(dir, "zone")
	writeFile(t, key+".key", z.origin+s.public)
	writeFile(t, key+".private", string(s.private))
	writeFile(t, file, z.text+z.origin+s.public)
	args := append([]string{"-q", "-P", "-z", "-o", z.origin, "-f", file + ".signed"}, how...)
	cmd := exec.CommandContext(t.Context(), s.program, append(args, file, key)...)
	cmd.Dir = dir // where it leaves DS records
	if cmd.Run() != nil {
		return z
	}
	signed, err := os.ReadFile(file + ".signed")
	if err != nil {
		t.Fatal(err)
	}
	return peerZone{z.origin, string(signed)}
}

// signRealms signs the zones of those realms that are to be signed, and returns how many that are.
func signRealms(t *testing.T, realms []*realm) (count int) {
	t.Helper()
	s := newSigner(t)
	work := make(chan *realm)
	var wait sync.WaitGroup
	for range askers {
		dir := shortDir(t)
		wait.Go(func() {
			for r := range work {
				for i := range r.zones {
					r.zones[i] = s.sign(t, dir, r.zones[i], r.signing)
				}
			}
		})
	}
	for _, r := range realms {
		if r.signing != nil {
			work <- r
		}
	}
	close(work)
	wait.Wait()
	for _, r := range realms {
		for _, z := range r.zones {
			if strings.Contains(z.text, "RRSIG") {
				count++
			}
		}
	}
	return count
}
