package zonemd_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
	"github.com/mangrove-dns/mangrove/zones/zonemd"
)

// TestRandomAsLDNS has ldns digest random zones: delegations with glue, names that they occlude, DNAMEs, wildcards, records that stand
// twice, names in capitals, several digests. MANGROVE_SEED repeats a run, MANGROVE_ZONES is how many zones there are.
func TestRandomAsLDNS(t *testing.T) {
	const program = "ldns-signzone"
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("MANGROVE_PEERS") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	seed, count := uint64(time.Now().UnixNano()), 20
	if n, err := strconv.ParseUint(os.Getenv("MANGROVE_SEED"), 10, 64); err == nil {
		seed = n
	}
	if n, err := strconv.Atoi(os.Getenv("MANGROVE_ZONES")); err == nil {
		count = n
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	for i := range count {
		text := randomZone(rnd)
		file := filepath.Join(dir, fmt.Sprintf("zone%d", i))
		if err := os.WriteFile(file, []byte("$ORIGIN example.org.\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), path, "-Z", "-z", "sha384", "-z", "sha512", "-f", file+".out", "-o", "example.org", file).CombinedOutput(); err != nil {
			t.Fatalf("seed %d: %v: %s\n%s", seed, err, out, text)
		}
		theirs, err := os.ReadFile(file + ".out")
		if err != nil {
			t.Fatal(err)
		}
		r, err := zonefile.ParseBytes("theirs", theirs, zonefile.Options{Origin: zones.MustParseName("example.org")})
		if err != nil || r.Zone == nil {
			t.Fatalf("seed %d: %v %v\n%s", seed, err, r, theirs)
		}
		got, err := zonemd.New(parse(t, "example.org", text), zonemd.SHA384, zonemd.SHA512)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := r.Zone.RRset(r.Origin, got.Type)
		if !ok || len(want.Data) != 2 {
			t.Fatalf("seed %d: no digest of ldns:\n%s", seed, theirs)
		}
		if !want.SameData(got) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s\n%s", seed, got, want, text)
		}
		if v := zonemd.Verify(r.Zone); v.Status != zonemd.Verified {
			t.Errorf("seed %d: %+v\n%s", seed, v, theirs)
		}
	}
	t.Logf("seed %d: %d zones", seed, count)
}

func randomZone(rnd *rand.Rand) string {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	var b bytes.Buffer
	b.WriteString("@ 300 IN SOA Ns1 Host 7 3600 600 86400 60\n@ 300 IN NS Ns1.Example.NET.\n@ 300 IN NS ns2\nns2 60 IN A 192.0.2.2\n")
	owner := func() string {
		name := pick("a", "B", "*", "c.a", "sub", "x.sub", "NS.sub", "d.e.f", "d", "y.d", `\000`, `q\.r`, "_x._tcp", "z")
		return name
	}
	seen := make(map[string]string) // TTLs of RRsets: those that differ are another matter
	for range 1 + rnd.IntN(30) {
		o := owner()
		data := pick("A 192.0.2.1", "A 192.0.2.1", "A 192.0.2.200", "AAAA 2001:db8::1", `TXT "A" "b"`, `TXT "a"`, "MX 10 Mail.Example.ORG.", "MX 9 mail", "NS Ns.sub",
			"SRV 1 2 3 Target", `CAA 0 issue "CA"`, `TYPE65400 \# 3 00FF0a`, "LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", `NAPTR 1 2 "A" "B" "" Name`,
			"PTR Name", "RP Admin Text", "SSHFP 4 2 123456789ABCDEF67890123456789ABCDEF67890123456789ABCDEF123456789", "DNAME Other.")
		key := strings.ToLower(o) + " " + strings.Fields(data)[0]
		if seen[key] == "" {
			seen[key] = pick("0", "60", "300", "86400")
		}
		fmt.Fprintf(&b, "%s %s IN %s\n", o, seen[key], data)
		if strings.HasPrefix(data, "DNAME") || strings.HasPrefix(data, "TXT") && rnd.IntN(3) == 0 {
			fmt.Fprintf(&b, "%s %s IN %s\n", o, seen[key], data)
		}
	}
	return b.String()
}
