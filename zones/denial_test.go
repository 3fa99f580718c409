package zones

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// hashOf is a name within example.com. as NSEC3 owners have it, by another implementation.
func hashOf(name string, iterations uint16, salt string) string {
	if salt == "-" {
		salt = ""
	}
	return strings.ToLower(dns.HashName(name, dns.SHA1, iterations, salt))
}

// fakeSignature is a signature of a type that nobody can verify.
func fakeSignature(typ string) string {
	return "RRSIG " + typ + " 13 2 300 20300101000000 20200101000000 1 example.com. AAAA"
}

// proofOf says what a zone proves denial with, and which records it would use for apex and nx.example.com.
func proofOf(t *testing.T, z *Zone) string {
	t.Helper()
	owner := func(name string) string {
		var k Key
		k.Set(MustParseName(name))
		switch z.Denial() {
		case NSEC:
			return z.Name(z.Covering(&k, k.Labels(), false)).Relative(z.Origin())
		case NSEC3:
			n, matches := z.Hashed(&k, k.Labels(), false, NoNode)
			set, _ := z.Set(n, dns.TypeNSEC3)
			return fmt.Sprintf("%v by %x", matches, set.Wire[recordHead+1:recordHead+5])
		}
		return "nothing"
	}
	return [...]string{"unsigned", "NSEC", "NSEC3"}[z.Denial()] + ": " + owner("example.com.") + ", " + owner("nx.example.com.")
}

func TestDenialChosen(t *testing.T) {
	const (
		sets = sound + "www A 192.0.2.1\nwww NSEC @ A RRSIG NSEC\n"
		nsec = "@ NSEC www NS SOA RRSIG NSEC\n"
	)
	signed := sets + "@ " + fakeSignature("SOA") + "\n"
	chain := func(iterations uint16, salt string) string {
		var b strings.Builder
		for _, name := range []string{"example.com.", "ns1.example.com.", "www.example.com."} {
			fmt.Fprintf(&b, "%s NSEC3 1 0 %d %s 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n", hashOf(name, iterations, salt), iterations, salt)
		}
		return b.String()
	}
	param := func(iterations uint16, salt string) string {
		return fmt.Sprintf("@ NSEC3PARAM 1 0 %d %s\n", iterations, salt)
	}
	tests := []struct{ name, zone, want string }{
		{"no signatures", sets + nsec, "unsigned: nothing, nothing"},
		{"no signatures, NSEC3", sets + param(0, "-") + chain(0, "-"), "unsigned: nothing, nothing"},
		{"signatures below the apex alone", sets + nsec + "www " + fakeSignature("A"), "unsigned: nothing, nothing"},
		{"no chain", signed, "unsigned: nothing, nothing"},
		{"NSEC", signed + nsec + "@ " + fakeSignature("NSEC"), "NSEC: @, @"},
		{"NSEC whose signature is lost", signed + nsec, "NSEC: @, @"},
		{"NSEC3", signed + param(0, "-") + chain(0, "-") + "@ " + fakeSignature("NSEC3PARAM"), "NSEC3: true by 00000000, false by 00000000"},
		{"NSEC3PARAM without a signature", signed + param(0, "-") + chain(0, "-"), "NSEC3: true by 00000000, false by 00000000"},
		{"both", signed + nsec + param(0, "-") + chain(0, "-"), "NSEC3: true by 00000000, false by 00000000"},
		{"NSEC, and NSEC3 without parameters yet", signed + nsec + chain(0, "-"), "NSEC: @, @"},
		{"NSEC, and parameters without a chain", signed + nsec + param(0, "-"), "NSEC: @, @"},
		{"parameters without a chain", signed + param(0, "-"), "unsigned: nothing, nothing"},
		{"chain without parameters", signed + chain(0, "-"), "unsigned: nothing, nothing"},
		{"two parameters, the first without a chain", signed + param(1, "00") + param(0, "-") + chain(0, "-"), "NSEC3: true by 00000000, false by 00000000"},
		{"two parameters, the first with another apex", signed + param(1, "00") + param(0, "-") + chain(0, "-") +
			hashOf("www.example.com.", 1, "00") + " NSEC3 1 0 1 00 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n", "NSEC3: true by 00000000, false by 00000000"},
		{"two chains", signed + param(3, "ab") + param(0, "-") + chain(3, "ab") + chain(0, "-"), "NSEC3: true by 00000301, false by 00000301"},
		{"two chains of one salt", signed + param(7, "ab") + param(8, "ab") + chain(7, "ab") + chain(8, "ab"), "NSEC3: true by 00000701, false by 00000701"},
		{"the apex's hash by another way", signed + param(0, "-") + hashOf("example.com.", 0, "-") + " NSEC3 1 0 9 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n",
			"unsigned: nothing, nothing"},
		{"two records of one hash", signed + param(0, "-") + hashOf("example.com.", 0, "-") + " NSEC3 1 0 9 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n" + chain(0, "-"),
			"NSEC3: true by 00000900, false by 00000000"},
		{"parameters with flags", signed + "@ NSEC3PARAM 1 1 0 -\n" + nsec + chain(0, "-"), "NSEC: @, @"},
		{"many iterations", signed + param(2500, "ab") + chain(2500, "ab"), "NSEC3: true by 0009c401, false by 0009c401"},
		{"too many iterations", signed + nsec + param(2501, "ab") + chain(2501, "ab"), "NSEC: @, @"},
		{"parameters of another algorithm", signed + "@ NSEC3PARAM 2 0 0 -\n" + param(0, "-") + chain(0, "-"), "NSEC3: true by 00000000, false by 00000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, _ := checkedZone(t, tt.zone)
			if got := proofOf(t, z); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if err := z.Verify(z.ContentHash()); err != nil {
				t.Error(err)
			}
			if strings.Contains(tt.name, "iterations") {
				return // too dear for a zone that is large enough
			}
			// The same by changes: to a zone large enough for an overlay, all at once and one by one.
			large := numbered(t, 3000)
			changes := append(Diff(nil, z), gone("example.com.", dns.TypeNSEC), gone("example.com.", dns.TypeNSEC3PARAM))
			changes = append(changes[len(changes)-2:], changes[:len(changes)-2]...)
			once, err := large.With(changes)
			if err != nil {
				t.Fatal(err)
			}
			if got := proofOf(t, once); got != tt.want {
				t.Errorf("changed at once: got %s, want %s", got, tt.want)
			}
			for i := range changes {
				if large, err = large.With(changes[i : i+1]); err != nil {
					t.Fatal(err)
				}
				if got, want := large.Denial(), large.Compact().Denial(); got != want {
					t.Fatalf("after %s %s: got %d, built anew %d", changes[i].Name, TypeString(changes[i].Type), got, want)
				}
			}
			if got := proofOf(t, large); got != tt.want {
				t.Errorf("changed one by one: got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestOnlyHash(t *testing.T) {
	hash := hashOf("example.com.", 0, "-")
	nsec3 := hash + " NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n"
	zone := sound + "@ " + fakeSignature("SOA") + "\n@ NSEC3PARAM 1 0 0 -\n" + nsec3
	tests := []struct {
		name, zone string
		want       bool
	}{
		{"a hash", "", true},
		{"with its signature", hash + " " + fakeSignature("NSEC3"), true},
		{"with a signature of what went", hash + " " + fakeSignature("A"), true},
		{"with an address", hash + " A 192.0.2.1", false},
		{"with a name below", "a." + hash + " A 192.0.2.1", false},
		{"with a name far below", "a.b." + hash + " A 192.0.2.1", false},
		{"with the name before it", "a.0" + hash[1:] + " A 192.0.2.1", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, _ := checkedZone(t, zone+tt.zone)
			only := func(z *Zone) bool {
				n := z.lookupName(MustParseName(hash + ".example.com."))
				if n == NoNode {
					t.Fatal("the name is not there")
				}
				return z.OnlyHash(n)
			}
			if got := only(z); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			overlaid, err := numbered(t, 3000).With(Diff(nil, z))
			if err != nil {
				t.Fatal(err)
			}
			if got := only(overlaid); got != tt.want {
				t.Errorf("overlaid: got %v, want %v", got, tt.want)
			}
			// What is in the base goes in an overlay, and comes again.
			base := overlaid.Compact()
			bare, err := base.With([]Change{gone("a."+hash+".example.com.", dns.TypeA), gone("a.b."+hash+".example.com.", dns.TypeA), gone(hash+".example.com.", dns.TypeA)})
			if err != nil {
				t.Fatal(err)
			}
			if !only(bare) {
				t.Error("with everything taken away: got false")
			}
			if z, err := bare.With([]Change{change(t, "x."+hash+".example.com. 300 IN A 192.0.2.1")}); err != nil || only(z) {
				t.Errorf("with a new name below: got true, %v", err)
			}
		})
	}
}

// TestHashNamesApart: what is prepared of the names by several goroutines is what would be found.
func TestHashNamesApart(t *testing.T) {
	z := hashedZone(t, 1000, 100).Zone()
	if z.Denial() != NSEC3 {
		t.Fatalf("denial is %d", z.Denial())
	}
	if err := z.Verify(z.ContentHash()); err != nil {
		t.Error(err)
	}
	for i := range 1000 {
		n := z.lookupName(MustParseName(fmt.Sprintf("host%d.example.com.", i)))
		if _, matches, ok := z.hashedNode(n, false); !ok || !matches {
			t.Fatalf("name %d: prepared %v, matches %v", i, ok, matches)
		}
	}
}

// What CoveringWildcard finds without the chain is what the chain says, also where names sort before the asterisk.
func TestCoveringWildcard(t *testing.T) {
	names := []string{
		"", `\!`, `a.\!`, "*b", "+", "a", `\#.a`, "b", "*.b", "c", "-.c", "d", `\000.d`, `*\!.d`, "e", "a.b.e", "f", `\!.f`, "g", "a.g", `\!.a.g`, "h", `\).h`, "+.h", "z",
	}
	full := func(name string) string { return strings.TrimPrefix(name+".example.com.", ".") }
	slices.SortFunc(names, func(a, b string) int {
		return compareNames([]byte(MustParseName(full(a)).Wire()), []byte(MustParseName(full(b)).Wire()))
	})
	text := sound[:strings.Index(sound, "ns1 A")] + "@ " + fakeSignature("SOA") + "\n"
	for i, name := range names {
		text += fmt.Sprintf("%s TXT x\n%[1]s NSEC %s TXT RRSIG NSEC\n", full(name), full(names[(i+1)%len(names)]))
	}
	z, _ := checkedZone(t, text)
	short := 0
	for _, name := range append(names, "b.e") {
		var k Key
		k.Set(MustParseName("nx." + full(name)))
		f := z.Find(&k)
		if z.Wildcard(f.Node) != NoNode {
			continue
		}
		got, want := z.CoveringWildcard(&k, f.Node, f.Labels), z.Covering(&k, f.Labels, true)
		if got != want {
			t.Errorf("* below %q: got %s, want %s", name, z.Name(got), z.Name(want))
		}
		if got == f.Node {
			short++
		}
	}
	if short == 0 || short == len(names) {
		t.Errorf("%d of %d names deny the wildcard below themselves", short, len(names))
	}
}
