package dnssec

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

func TestOwnLabels(t *testing.T) {
	for name, want := range map[string]int{".": 0, "*.": 0, "a.": 1, "*.a.": 1, "a.*.b.": 3, "*.*.b.": 2, "*a.b.": 2} {
		if got := ownLabels(zones.MustParseName(name)); got != want {
			t.Errorf("%s has %d labels, want %d", name, got, want)
		}
	}
}

// TestKeysWithOneTag: where one of two keys with the tag of a signature cannot be used, nobody can tell that the signature is wrong.
func TestKeysWithOneTag(t *testing.T) {
	origin := zones.MustParseName("example.")
	set := zones.RRset{Name: origin, Type: dns.TypeA, Data: [][]byte{{192, 0, 2, 1}}}
	head := make([]byte, headLen)
	binary.BigEndian.PutUint16(head, dns.TypeA)
	head[2], head[3] = dns.ED25519, 1
	binary.BigEndian.PutUint16(head[16:], 7)
	usable := func(holds bool) key {
		return key{tag: 7, algorithm: dns.ED25519, verify: func(_, _ []byte) bool { return holds }}
	}
	unusable := key{tag: 7, algorithm: dns.ED25519, err: errors.New("too short")}
	other := key{tag: 8, algorithm: dns.ED25519, verify: usable(true).verify}
	for _, tt := range []struct {
		name string
		keys []key
		want judgement
	}{
		{"one that holds", []key{usable(true)}, holds},
		{"the second holds", []key{usable(false), usable(true)}, holds},
		{"none holds", []key{usable(false), usable(false)}, wrong},
		{"unusable", []key{unusable}, unknown},
		{"unusable, and one that does not hold", []key{unusable, usable(false)}, unknown},
		{"unusable, and one that holds", []key{unusable, usable(true)}, holds},
		{"another tag", []key{other}, wrong},
	} {
		v := verification{origin: origin, keys: tt.keys}
		var buf []byte
		if got, why := v.judge(set, signature{head: head, signer: origin}, &buf); got != tt.want {
			t.Errorf("%s: got %d (%s), want %d", tt.name, got, why, tt.want)
		}
	}
}

// TestTold: ten are told of, and where there are more, how many.
func TestTold(t *testing.T) {
	for n, want := range map[int]string{told: "", told + 1: " (and 1 more likewise)", told + 5: " (and 5 more likewise)"} {
		v := verification{n: n}
		for i := range n {
			v.faults = append(v.faults, fault{at: n - i, text: "fault"})
		}
		out := v.problems(nil)
		if got := strings.TrimPrefix(out[len(out)-1].Text, "fault"); len(out) != told || got != want {
			t.Errorf("%d faults: %d are told of, the last with %q, want %d and %q", n, len(out), got, told, want)
		}
	}
}
