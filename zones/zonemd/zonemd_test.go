package zonemd_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
	"github.com/mangrove-dns/mangrove/zones/zonemd"
)

func parse(t *testing.T, origin, text string) *zones.Zone {
	t.Helper()
	res, err := zonefile.ParseBytes("test", []byte(text), zonefile.Options{Origin: zones.MustParseName(origin)})
	if err != nil {
		t.Fatal(err)
	}
	if res.Zone == nil {
		t.Fatalf("errors: %v", res.Problems)
	}
	return res.Zone
}

// vectors are the zones of RFC 8976 appendix A.
var vectors = []struct{ file, origin string }{
	{"a1-simple.example.zone", "example"},
	{"a2-complex.example.zone", "example"},
	{"a3-multiple.example.zone", "example"},
	{"a4-signed.uri.arpa.zone", "uri.arpa"},
	{"a5-root-servers.net.zone", "root-servers.net"},
}

// TestRFC8976 verifies each of them, finds every record of a known scheme and hash right, and finds a change of anything wrong.
func TestRFC8976(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", v.file))
			if err != nil {
				t.Fatal(err)
			}
			z := parse(t, v.origin, string(text))
			if got := zonemd.Verify(z); got.Status != zonemd.Verified {
				t.Fatalf("got %+v, want it verified", got)
			}
			set, _ := z.RRset(z.Origin(), dns.TypeZONEMD)
			judged := 0
			for _, rdata := range set.Data {
				if rdata[4] != 1 || rdata[5] > 2 {
					continue
				}
				judged++
				digest, err := zonemd.Digest(z, zonemd.Algorithm(rdata[5]))
				if err != nil || !bytes.Equal(digest, rdata[6:]) {
					t.Errorf("%s: got %x, want %x (%v)", zonemd.Algorithm(rdata[5]), digest, rdata[6:], err)
				}
			}
			if judged == 0 {
				t.Error("no record was judged")
			}
			for s := range z.RRsets() {
				if s.Name == z.Origin() && (s.Type == dns.TypeZONEMD || s.Type == dns.TypeRRSIG) {
					continue
				}
				s.TTL++
				other, err := z.With([]zones.Change{{Name: s.Name, Type: s.Type, New: s}})
				if err != nil {
					t.Fatal(err)
				}
				if got := zonemd.Verify(other); got.Status != zonemd.Failed && s.Type != dns.TypeRRSIG {
					t.Errorf("%s %s with another TTL: got %+v, want a failure", s.Name, zones.TypeString(s.Type), got)
				}
			}
		})
	}
}

const plain = `$TTL 300
@ SOA ns1 host 7 1 2 3 4
@ NS ns1.Example.NET.
`

// digestText is the digest of a zone without ZONEMD, in hexadecimal digits.
func digestText(t *testing.T, text string, a zonemd.Algorithm) string {
	t.Helper()
	d, err := zonemd.Digest(parse(t, "example.org", text), a)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", d)
}

func TestVerify(t *testing.T) {
	d1, d2 := digestText(t, plain, zonemd.SHA384), digestText(t, plain, zonemd.SHA512)
	bad := strings.Repeat("ab", 48)
	for _, tt := range []struct {
		name    string
		records []string
		want    zonemd.Verdict
	}{
		{"none", nil, zonemd.Verdict{}},
		{"SHA-384", []string{"7 1 1 " + d1}, zonemd.Verdict{Status: zonemd.Verified}},
		{"SHA-512", []string{"7 1 2 " + d2}, zonemd.Verdict{Status: zonemd.Verified}},
		{"one of two is right", []string{"7 1 1 " + bad, "7 1 2 " + d2}, zonemd.Verdict{Status: zonemd.Verified}},
		{"wrong", []string{"7 1 1 " + bad}, zonemd.Verdict{Status: zonemd.Failed, Text: "has another SHA-384 digest than the zone: the zone was changed behind it, or damaged"}},
		{"another serial", []string{"6 1 1 " + d1}, zonemd.Verdict{Status: zonemd.Failed, Text: "is for serial 6, and the zone has 7"}},
		{"wrong, and unknown before it", []string{"7 1 240 " + bad, "7 1 1 " + bad}, zonemd.Verdict{Status: zonemd.Failed, Record: 1, Text: "has another SHA-384 digest than the zone: the zone was changed behind it, or damaged"}},
		{"wrong in two ways", []string{"6 1 1 " + bad, "7 1 2 " + strings.Repeat("ab", 64)}, zonemd.Verdict{Status: zonemd.Failed, Text: "is for serial 6, and the zone has 7"}},
		{"unknown scheme", []string{"7 241 1 " + bad}, zonemd.Verdict{Status: zonemd.Unproven, Text: "proves nothing: scheme 241 is not known"}},
		{"unknown hash", []string{"7 1 240 " + bad}, zonemd.Verdict{Status: zonemd.Unproven, Text: "proves nothing: hash 240 is not known"}},
		{"the same twice", []string{"7 1 1 " + d1, "7 1 1 " + bad}, zonemd.Verdict{Status: zonemd.Unproven, Text: "proves nothing: there are 2 with SHA-384; there are 2 with SHA-384"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := plain
			for _, r := range tt.records {
				text += "@ ZONEMD " + r + "\n"
			}
			if got := zonemd.Verify(parse(t, "example.org", text)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestCanonical: what counts for the digest, and what does not.
func TestCanonical(t *testing.T) {
	base := digestText(t, plain+"a SRV 1 2 3 B.c.\na NAPTR 1 2 \"A\" \"\" \"\" D.\na TXT \"A\"\na HTTPS 1 E.\n", zonemd.SHA512)
	for _, tt := range []struct {
		name, text string
		same       bool
	}{
		{"names in another case", "A SRV 1 2 3 b.C.\na NAPTR 1 2 \"A\" \"\" \"\" d.\na TXT \"A\"\na HTTPS 1 E.\n", true},
		{"a record twice, with a name in another case", "a SRV 1 2 3 B.c.\na SRV 1 2 3 b.c.\na NAPTR 1 2 \"A\" \"\" \"\" D.\na TXT \"A\"\na HTTPS 1 E.\n", true},
		{"another order", "a HTTPS 1 E.\na TXT \"A\"\na NAPTR 1 2 \"A\" \"\" \"\" D.\na SRV 1 2 3 B.c.\n", true},
		{"a string in another case", "a SRV 1 2 3 B.c.\na NAPTR 1 2 \"a\" \"\" \"\" D.\na TXT \"A\"\na HTTPS 1 E.\n", false},
		{"a name of a later type in another case", "a SRV 1 2 3 B.c.\na NAPTR 1 2 \"A\" \"\" \"\" D.\na TXT \"A\"\na HTTPS 1 e.\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := digestText(t, plain+tt.text, zonemd.SHA512) == base; got != tt.same {
				t.Errorf("the same digest: %v, want %v", got, tt.same)
			}
		})
	}
}

func TestNew(t *testing.T) {
	z := parse(t, "example.org", plain)
	set, err := zonemd.New(z, zonemd.SHA384, zonemd.SHA512, zonemd.SHA384)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Data) != 2 || set.TTL != 300 || binary.BigEndian.Uint32(set.Data[0]) != 7 {
		t.Errorf("got %v", set)
	}
	for _, only := range [][][]byte{set.Data[:1], set.Data[1:], set.Data} {
		s := set
		s.Data = slices.Clone(only)
		with, err := z.With([]zones.Change{{Name: s.Name, Type: s.Type, New: s}})
		if err != nil {
			t.Fatal(err)
		}
		if got := zonemd.Verify(with); got.Status != zonemd.Verified {
			t.Errorf("%v: got %+v", s, got)
		}
	}
	if _, err := zonemd.New(z, 3); !errors.Is(err, zonemd.ErrAlgorithm) {
		t.Errorf("got %v, want %v", err, zonemd.ErrAlgorithm)
	}
	if _, err := zonemd.New(parse(t, "example.org", "@ 300 A 192.0.2.1\n"), zonemd.SHA384); !errors.Is(err, zonemd.ErrSOA) {
		t.Errorf("got %v, want %v", err, zonemd.ErrSOA)
	}
}

// TestAsLDNS has ldns verify what we generate, and refuse it spoilt.
func TestAsLDNS(t *testing.T) {
	const program = "ldns-verify-zone"
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("MANGROVE_PEERS") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, v := range vectors {
		if v.origin == "uri.arpa" {
			continue // its signatures ended long ago, which ldns tells first
		}
		text, err := os.ReadFile(filepath.Join("testdata", v.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []zonemd.Algorithm{zonemd.SHA384, zonemd.SHA512} {
			z := parse(t, v.origin, string(text))
			set, err := zonemd.New(z, a)
			if err != nil {
				t.Fatal(err)
			}
			for _, spoil := range []bool{false, true} {
				s := set
				if spoil {
					s.Data = [][]byte{bytes.Clone(set.Data[0])}
					s.Data[0][10] ^= 1
				}
				with, err := z.With([]zones.Change{{Name: s.Name, Type: s.Type, New: s}})
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), "zone")
				var b bytes.Buffer
				if err := zonefile.Write(&b, with, zonefile.WriteOptions{}); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := exec.CommandContext(t.Context(), path, "-Z", file).CombinedOutput()
				if wrong := err != nil; wrong != spoil {
					t.Errorf("%s %s, spoilt %v: %s says %v\n%s", v.file, a, spoil, program, err, out)
				}
			}
		}
	}
}
