package zones

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// imageOf returns a copy of z's image.
func imageOf(z *Zone) (head, arena []byte) {
	head, arena = z.Image()
	return head, bytes.Clone(arena)
}

// refHash is ContentHash, written plainly.
func refHash(r *refZone) Hash {
	var sum [4]uint64
	for _, s := range r.rrsets() {
		for _, d := range s.Data {
			b := []byte(s.Name.Wire())
			b = binary.BigEndian.AppendUint16(b, s.Type)
			b = binary.BigEndian.AppendUint32(b, s.TTL)
			b = append(b, d...)
			if n := len(b); s.Type == dns.TypeSOA && s.Name == r.origin && len(d) >= 20 {
				copy(b[n-20:], make([]byte, 4))
			}
			h := sha256.Sum256(b)
			carry := uint64(0)
			for i := range 4 { // from the last eight octets on
				w := binary.BigEndian.Uint64(h[24-8*i:])
				sum[i] += w + carry
				if sum[i] < w || carry > 0 && sum[i] == w {
					carry = 1
				} else {
					carry = 0
				}
			}
		}
	}
	return (&summer{sum: sum}).hash()
}

// checkImage wants that z's image is a zone that says the same, in every way that there is to get it back.
func checkImage(t *testing.T, z *Zone, r *refZone, extra []Name) {
	t.Helper()
	want := refHash(r)
	if got := z.ContentHash(); got != want {
		t.Fatalf("content hash: got %x, want %x", got, want)
	}
	head, arena := imageOf(z)
	opened, err := OpenImage(head, arena)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(head)
	other[24]++ // another seed's
	binary.LittleEndian.PutUint32(other[8:], imageSum(other, arena))
	if _, err := OpenImage(other, arena); !errors.Is(err, ErrImageSeed) {
		t.Fatalf("another seed: error is %v", err)
	}
	rehashed, err := RehashImage(other, arena)
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range []*Zone{opened, rehashed, opened.Resident(), z.Resident()} {
		checkZone(t, z, r, extra)
		if err := z.Verify(want); err != nil {
			t.Fatal(err)
		}
		if err := z.Verify(Hash{1}); !errors.Is(err, ErrImage) {
			t.Fatalf("another hash: error is %v", err)
		}
		if z.Origin() != r.origin || z.ContentHash() != want {
			t.Fatalf("%s, %x", z.Origin(), z.ContentHash())
		}
		if got := Diff(z, opened); got != nil {
			t.Fatalf("differs: %v", got)
		}
	}
	// Once its octets are gone, nothing of a resident zone is.
	resident := opened.Resident()
	clear(arena)
	checkZone(t, resident, r, extra)
}

// signedZone is a zone with signatures, also such as cover nothing, and with a chain of NSEC or NSEC3 records.
func signedZone(t *testing.T, denial Denial) (*Zone, *refZone) {
	t.Helper()
	origin := MustParseName("example.com.")
	b, r := NewBuilder(origin), newRef(origin)
	add := func(name Name, typ uint16, d []byte) {
		if _, _, err := b.Add(name, typ, 60, d); err != nil {
			t.Fatal(err)
		}
		r.add(name, typ, 60, d)
	}
	sign := func(name Name, typ uint16, n int) {
		d := append(binary.BigEndian.AppendUint16(nil, typ), make([]byte, 16)...)
		binary.BigEndian.PutUint32(d[4:], 60) // the original TTL
		add(name, dns.TypeRRSIG, append(append(d, 0), byte(n), byte(n>>8)))
	}
	names := []Name{origin}
	for i, l := range []string{
		"example.com. 60 IN SOA ns1.example.com. host.example.com. 7 2 3 4 30", "example.com. 60 IN NS ns1.example.com.",
		"ns1.example.com. 60 IN A 192.0.2.1", "*.w.example.com. 60 IN A 192.0.2.1", "a.example.com. 60 IN CNAME ns1.example.com.",
		"sub.example.com. 60 IN NS ns.sub.example.com.", "sub.example.com. 60 IN DS 1 13 2 00", "ns.sub.example.com. 60 IN A 192.0.2.4",
		"b.c.d.example.com. 60 IN TXT x", "h1.example.com. 60 IN A 192.0.2.1", "h2.example.com. 60 IN A 192.0.2.1", "h3.example.com. 60 IN A 192.0.2.1",
	} {
		c := change(t, l)
		add(c.Name, c.Type, c.New.Data[0])
		if c.Type != dns.TypeA || i%2 == 0 {
			sign(c.Name, c.Type, i)
		}
		names = append(names, c.Name)
	}
	sign(MustParseName("h2.example.com."), dns.TypeMX, 99) // lone
	for range 300 {
		sign(MustParseName("h3.example.com."), dns.TypeA, len(b.log[len(b.log)-1]))
	}
	params := hashParams{iterations: 2, salt: []byte{1, 2, 3, 4, 5}}
	if denial == NSEC3 {
		add(origin, dns.TypeNSEC3PARAM, append([]byte{1, 0, 0, 2, 5}, params.salt...))
		sign(origin, dns.TypeNSEC3PARAM, 0)
	}
	for i, n := range names {
		if denial == NSEC {
			add(n, dns.TypeNSEC, append([]byte(origin.Wire()), 0, 1, byte(i)))
			sign(n, dns.TypeNSEC, i)
			continue
		}
		h := params.hash([]byte(n.relative(origin)), origin.wire)
		owner, err := origin.Child(string(h[1:]))
		if err != nil {
			t.Fatal(err)
		}
		add(owner, dns.TypeNSEC3, slices.Concat([]byte{1, 1, 0, 2, 5}, params.salt, []byte{20}, make([]byte, 20), []byte{0, 1, byte(i)}))
		sign(owner, dns.TypeNSEC3, i)
	}
	z := b.Zone()
	if z.Denial() != denial {
		t.Fatalf("denial is %d, want %d", z.Denial(), denial)
	}
	return z, r
}

// TestImageSigned: signatures, and the chain behind the nodes, are in the image.
func TestImageSigned(t *testing.T) {
	for _, denial := range []Denial{NSEC, NSEC3} {
		z, _ := signedZone(t, denial)
		want := (&summer{}).hash().After(Diff(nil, z), z.Origin())
		if got := z.ContentHash(); got != want {
			t.Errorf("content hash: got %x, want %x", got, want)
		}
		head, arena := imageOf(z)
		for name, open := range map[string]func(head, arena []byte) (*Zone, error){"opened": OpenImage, "rehashed": RehashImage} {
			got, err := open(head, arena)
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Verify(want); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, got := range []*Zone{got, got.Resident()} {
				neg, _ := got.NegativeSOA()
				wantNeg, _ := z.NegativeSOA()
				if d := Diff(z, got); d != nil || got.Denial() != denial || neg.Signatures != 1 || !bytes.Equal(neg.Signed(), wantNeg.Signed()) {
					t.Errorf("%s: %v, denial %d, %d signatures of the SOA", name, d, got.Denial(), neg.Signatures)
				}
				for _, n := range []string{"aa.example.com.", "x.w.example.com.", "h1.example.com.", "sub.example.com."} {
					var k Key
					k.Set(MustParseName(n))
					if denial == NSEC && got.Covering(&k, k.Labels(), false) != z.Covering(&k, k.Labels(), false) {
						t.Errorf("%s: %s is covered elsewhere", name, n)
					}
					if denial == NSEC3 {
						a, aMatches := got.Hashed(&k, k.Labels(), true, NoNode)
						b, bMatches := z.Hashed(&k, k.Labels(), true, NoNode)
						if a != b || aMatches != bMatches {
							t.Errorf("%s: %s is hashed elsewhere", name, n)
						}
					}
				}
			}
		}
	}
}

func TestImage(t *testing.T) {
	for seed := range uint64(60) {
		m := newMaker(seed)
		records := m.IntN(60)
		if seed%10 == 0 {
			records = 1000
		}
		b, r := m.zone(records)
		z := b.Zone()
		checkImage(t, z, r, m.extra())
		for range 4 {
			changes := m.changes(r)
			z, r = m.next(t, z, changes), r.with(changes)
			checkImage(t, z, r, m.extra())
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestImageOfSerial: another serial, or another address of the same size, is patched into a copy.
func TestImageOfSerial(t *testing.T) {
	z := numbered(t, 3000)
	soa := change(t, "example.com. 300 IN SOA ns.example.com. host.example.com. 7 2 3 4 60")
	z, err := z.With([]Change{soa})
	if err != nil {
		t.Fatal(err)
	}
	z = z.Compact()
	next, err := z.With([]Change{change(t, "host7.example.com. 300 IN A 192.0.2.77")})
	if err != nil {
		t.Fatal(err)
	}
	if next, err = next.WithSerial(8); err != nil || next.over == nil {
		t.Fatal(err)
	}
	flat := next.patched()
	if flat == nil {
		t.Fatal("the changes do not fit")
	}
	if d := Diff(flat, next); d != nil || flat.Serial() != 8 {
		t.Fatalf("serial %d, %v", flat.Serial(), d)
	}
	if neg, _ := flat.NegativeSOA(); binary.BigEndian.Uint32(neg.Wire[len(neg.Wire)-20:]) != 8 {
		t.Errorf("negative SOA %x", neg.Wire)
	}
	if got, want := flat.ContentHash(), flat.hashRecords(); got != want {
		t.Errorf("content hash: got %x, want %x", got, want)
	}
	if err := flat.Verify(next.ContentHash()); err != nil {
		t.Error(err)
	}
}

// TestHash: the sum follows changes, and does not see order or serial.
func TestContentHash(t *testing.T) {
	build := func(lines ...string) *Zone {
		b := NewBuilder(MustParseName("example.com."))
		for _, l := range lines {
			if err := b.AddRRset(change(t, l).New); err != nil {
				t.Fatal(err)
			}
		}
		return b.Zone()
	}
	soa, www1, www2 := "example.com. 60 IN SOA . . 5 1 2 3 4", "www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN A 192.0.2.2"
	a := build(soa, www1, www2)
	if build("example.com. 60 IN SOA . . 77 1 2 3 4", www2, www1).ContentHash() != a.ContentHash() {
		t.Error("order or serial counts")
	}
	seen := map[Hash]string{a.ContentHash(): "itself"}
	for _, lines := range [][]string{
		{}, {soa}, {soa, www1}, {soa, www1, "www.example.com. 60 IN A 192.0.2.3"}, {soa, "ww.example.com. 60 IN A 192.0.2.1", www2},
		{soa, "www.example.com. 61 IN A 192.0.2.1"}, {soa, "www.example.com. 60 IN TYPE65280 \\# 4 c0000201"},
		{soa, www1, www2, "x.example.com. 60 IN SOA . . 5 1 2 3 4"}, {soa, www1, www2, "x.example.com. 60 IN SOA . . 6 1 2 3 4"},
		{"example.com. 60 IN SOA . . 5 1 2 3 5", www1, www2},
	} {
		z := build(lines...)
		h := z.ContentHash()
		if was, ok := seen[h]; ok {
			t.Errorf("%q has the hash of %s", lines, was)
		}
		seen[h] = fmt.Sprintf("%q", lines)
		if got := a.ContentHash().After(Diff(a, z), a.Origin()); got != h {
			t.Errorf("%q: the changes lead to %x, the zone is %x", lines, got, h)
		}
		if got := h.After(Diff(z, a), a.Origin()); got != a.ContentHash() {
			t.Errorf("%q: the changes do not lead back", lines)
		}
	}
}

// TestImageRefused: every truncation and every flipped bit of a small image is refused.
func TestImageRefused(t *testing.T) {
	head, arena := imageOf(testZone(t))
	want := testZone(t).ContentHash()
	if z, err := OpenImage(head, arena); err != nil || z.Verify(want) != nil {
		t.Fatal(err)
	}
	refused := func(what string, head, arena []byte) {
		t.Helper()
		_, err := OpenImage(head, arena)
		if !errors.Is(err, ErrImage) && !errors.Is(err, ErrImageLayout) && !errors.Is(err, ErrImageSeed) {
			t.Errorf("%s: error is %v", what, err)
		}
		if _, err := RehashImage(head, arena); !errors.Is(err, ErrImage) && !errors.Is(err, ErrImageLayout) {
			t.Errorf("%s: rehashed: error is %v", what, err)
		}
	}
	for i := range head {
		refused(fmt.Sprintf("head cut to %d", i), head[:i], arena)
		for bit := range 8 {
			bad := bytes.Clone(head)
			bad[i] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of octet %d of the head", bit, i), bad, arena)
		}
	}
	for i := range arena {
		refused(fmt.Sprintf("arena cut to %d", i), head, arena[:i])
		bad := bytes.Clone(arena)
		bad[i] ^= 4
		refused(fmt.Sprintf("octet %d of the arena", i), head, bad)
	}
	refused("nothing", nil, nil)
}

// testZone has something of everything that an arena may hold.
func testZone(t *testing.T) *Zone {
	t.Helper()
	lines := []string{
		"example.com. 300 IN SOA ns1.example.com. host.example.com. 7 2 3 4 60", "example.com. 300 IN NS ns1.example.com.",
		"example.com. 300 IN NS ns.example.net.", "ns1.example.com. 300 IN A 192.0.2.1", "*.example.com. 60 IN TXT a b",
		"www.example.com. 60 IN CNAME web.example.com.", "web.example.com. 60 IN A 192.0.2.2", "web.example.com. 60 IN A 192.0.2.3",
		"a.ent.example.com. 60 IN MX 1 nowhere.example.com.", "sub.example.com. 60 IN NS ns.sub.example.com.",
		"ns.sub.example.com. 60 IN AAAA 2001:db8::1", "d.example.com. 60 IN DNAME example.net.", "*.w.example.com. 60 IN A 192.0.2.9",
	}
	for i := range 80 {
		lines = append(lines, fmt.Sprintf("h%d.example.com. 60 IN A 192.0.2.%d", i, i))
	}
	return zoneOf(t, lines)
}

// zoneOf is the zone example.com. of records, one a line.
func zoneOf(t *testing.T, lines []string) *Zone {
	t.Helper()
	b := NewBuilder(MustParseName("example.com."))
	for _, l := range lines {
		if err := b.AddRRset(change(t, l).New); err != nil {
			t.Fatal(err)
		}
	}
	return b.Zone()
}

// TestImageFields: a field that Zone gets must be in its image, or be made when it is opened.
func TestImageFields(t *testing.T) {
	var got []string
	for i := range reflect.TypeFor[Zone]().NumField() {
		got = append(got, reflect.TypeFor[Zone]().Field(i).Name)
	}
	slices.Sort(got)
	want := []string{"apex", "base", "buckets", "denial", "depth", "end", "first", "hash", "labels", "neg", "nodes", "origin", "over", "records", "sum"}
	if d := diff(want, got); d != "" {
		t.Errorf("think of Zone.Image and opener.open, raise imageLayout, then this list (-want +got):\n%s", d)
	}
}

// deniedZone is a zone that comes signed, with the tree of one of the two chains.
func deniedZone(t *testing.T, with Denial) *Zone {
	t.Helper()
	const sig = "13 2 300 20400101000000 20200101000000 1 example.com. AAAA"
	lines := []string{"example.com. 300 IN SOA ns1.example.com. host.example.com. 7 2 3 4 60", "example.com. 300 IN NS ns.example.net.",
		"example.com. 300 IN RRSIG SOA " + sig}
	if with == NSEC {
		lines = append(lines, "example.com. 60 IN NSEC www.example.com. NS SOA RRSIG NSEC", "example.com. 60 IN RRSIG NSEC "+sig,
			"www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN NSEC example.com. A RRSIG NSEC", "www.example.com. 60 IN RRSIG NSEC "+sig)
	} else {
		lines = append(lines, "example.com. 0 IN NSEC3PARAM 1 0 5 aabbccdd", "example.com. 0 IN RRSIG NSEC3PARAM "+sig)
		apex := hashParams{5, []byte{0xaa, 0xbb, 0xcc, 0xdd}}.hash(nil, MustParseName("example.com.").wire)
		for _, h := range []string{string(apex[1:]), "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"} {
			lines = append(lines, h+".example.com. 60 IN NSEC3 1 0 5 aabbccdd 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A RRSIG", h+".example.com. 60 IN RRSIG NSEC3 "+sig)
		}
	}
	z := zoneOf(t, lines)
	if z.Denial() != with {
		t.Fatalf("the zone denies with %d, want %d", z.Denial(), with)
	}
	return z
}

// TestImageLayout notices that the octets of an image have changed. Then imageLayout must rise, and the hash here be renewed.
func TestImageLayout(t *testing.T) {
	before := seed
	seed.root, seed.word, seed.end = 0x0123456789abcdef, 0xfedcba9876543211, 0x9e3779b97f4a7c15
	defer func() { seed = before }()
	h := sha256.New()
	fmt.Fprintln(h, imageLayout)
	m := newMaker(5)
	b, _ := m.zone(300)
	for _, z := range []*Zone{testZone(t), b.Zone(), deniedZone(t, NSEC), deniedZone(t, NSEC3)} {
		head, arena := z.Image()
		h.Write(head)
		h.Write(arena)
	}
	const want = "dfc3eaeaf9f2039ed0d97a5434e475e43e53939398c405f2fececd7b8d3ef1bf"
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("the octets of images have changed: raise imageLayout, then make this the hash: %s", got)
	}
}

// FuzzImage damages images and makes their checksum right again: they are refused, or whatever is asked of them does not fail.
func FuzzImage(f *testing.F) {
	f.Add(uint64(1), []byte{0, 0, 0, 1})
	f.Add(uint64(2), []byte{200, 0, 0, 0xff, 3, 1, 0, 7})
	f.Fuzz(func(t *testing.T, seed uint64, edits []byte) { damaged(t, seed, edits) })
}

// TestImageDamaged is FuzzImage for random damage.
func TestImageDamaged(t *testing.T) {
	runs := uint64(4000)
	if testing.Short() {
		runs = 1000
	}
	refused := 0
	for seed := range runs {
		r := rand.New(rand.NewPCG(seed, 9))
		var edits []byte
		for range 1 + r.IntN(3) {
			edits = append(edits, byte(r.Uint32()), byte(r.Uint32()), byte(r.IntN(3)), byte(r.Uint32()))
		}
		if damaged(t, seed%50, edits) {
			refused++
		}
	}
	if refused < int(runs)/2 {
		t.Errorf("%d of %d damaged images were refused", refused, runs)
	}
}

// damaged makes edits, four octets each, to an image: an offset of three octets, and what to add to the octet there.
func damaged(t *testing.T, seed uint64, edits []byte) (refused bool) {
	t.Helper()
	m := newMaker(seed)
	b, r := m.zone(int(seed % 90))
	z := b.Zone()
	switch seed % 7 {
	case 0:
		z = testZone(t)
	case 1, 2:
		z, r = signedZone(t, Denial(seed%7))
		m.origin = z.Origin()
	}
	want := z.ContentHash()
	head, arena := imageOf(z)
	all := slices.Concat(arena, head)
	for ; len(edits) >= 4; edits = edits[4:] {
		at := int(edits[0]) | int(edits[1])<<8 | int(edits[2])<<16
		all[at%len(all)] += edits[3]
	}
	arena, head = all[:len(arena)], all[len(arena):]
	copy(head, imageMagic)
	binary.LittleEndian.PutUint32(head[4:], imageLayout)
	binary.LittleEndian.PutUint32(head[12:], uint32(len(head)))
	binary.LittleEndian.PutUint64(head[16:], uint64(len(arena)))
	binary.LittleEndian.PutUint32(head[8:], imageSum(head, arena))
	copy(head[24:], binary.LittleEndian.AppendUint64(nil, seedCheck()))
	binary.LittleEndian.PutUint32(head[8:], imageSum(head, arena))
	if z, err := RehashImage(head, bytes.Clone(arena)); err == nil {
		readAll(z, m.extra())
	}
	got, err := OpenImage(head, arena)
	if err != nil {
		return true
	}
	if err := newVerifier(got).run(); err != nil {
		t.Fatal(err)
	}
	v := newVerifier(got)
	if err := v.run(v.walk, v.references, v.index, v.marks, v.chain, v.hashed, v.negative); err != nil {
		if got.Verify(want) == nil {
			t.Fatal("a damaged zone was verified")
		}
		return true
	}
	readAll(got, append(m.extra(), r.names()...))
	// Only what answers do not depend on may have changed, where the content has not.
	if got.Verify(want) == nil {
		for _, c := range Diff(z, got) {
			if c.Type != dns.TypeSOA || c.Name != z.Origin() { // of these, serials do not count
				t.Fatalf("verified, but differs: %v", c)
			}
		}
		return true
	}
	return false
}

// readAll asks z everything that can be asked.
func readAll(z *Zone, names []Name) {
	for s := range z.RRsets() {
		names = append(names, s.Name)
		_ = s.Texts()
	}
	msg := make([]byte, 2048)
	for _, name := range names {
		if !name.Within(z.Origin()) {
			continue
		}
		var k Key
		k.Set(name)
		f := z.Find(&k)
		for _, n := range []Node{f.Node, f.Cover, z.Wildcard(f.Node)} {
			if n == NoNode {
				continue
			}
			_ = z.Name(n)
			for i := 0; ; i++ {
				s, ok := z.Sets(n, i)
				if !ok {
					break
				}
				for j := range s.Count + 1 {
					_ = z.Target(n, s.Type, j)
				}
			}
			switch z.Denial() {
			case NSEC:
				z.Covering(&k, k.Labels(), true)
			case NSEC3:
				z.Hashed(&k, k.Labels(), true, n)
				z.Hashed(&k, k.Labels(), false, NoNode)
				z.OnlyHash(n)
			}
			if _, r, ok := z.Delegation(n); ok {
				r.Put(msg, 512, 12)
				r.Split(msg, 512, 12, 100)
			}
		}
	}
	z.NegativeSOA()
	z.Serial()
	z.ContentHash()
	_ = Diff(nil, z)
	if next, err := z.WithSerial(9); err == nil {
		_ = Diff(z, next.Compact())
		next.Image()
	}
	z.Resident()
}
