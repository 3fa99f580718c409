package zones

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/miekg/dns"
)

// An image is a zone as octets, to be kept in a file and used from there: the arena as it lies in memory, to the octet, and
// a head that has the rest of the Zone. All numbers are little-endian:
//
//	  0  magic "zone"
//	  4  imageLayout, 32 bits
//	  8  CRC32C of the head from 12 on, then the arena
//	 12  size of the head, 32 bits
//	 16  size of the arena, 64 bits
//	 24  seed check, 64 bits: the hash of a name that is always the same (seedCheck)
//	 32  content hash, 256 bits
//	 64  hash of the origin, 64 bits
//	 72  buckets, first, end, nodes, records: 32 bits each
//	 92  labels, depth, how the zone denies names, size of the origin: 8 bits each
//	 96  where in the arena the negative SOA is, 32 bits; 2^32-1: behind the origin
//	100  size of the negative SOA, size of its signatures, which follow it: 32 bits each
//	108  origin, in wire form
//	 …   negative SOA and its signatures, where they are not in the arena
const (
	imageMagic = "zone"
	imageHead  = 108
	notInArena = ^uint32(0)
)

// imageLayout is the version of everything that an image holds: the head, the nodes (node.go, referral.go, signature.go),
// the chain of names that denies (chain.go), the index, how names are hashed. It rises with any change there, which
// TestImageLayout notices; images of other layouts are refused.
const imageLayout = 3

var (
	// ErrImage is wrapped by errors about octets that are not, or not any more, an image of a zone.
	ErrImage = errors.New("damaged image")
	// ErrImageLayout is returned for an image that another version of the program made.
	ErrImageLayout = errors.New("image of another version of mangrove")
	// ErrImageSeed is returned for an image that was made with another seed than this process has (AdoptSeed).
	// RehashImage reads it.
	ErrImageSeed = errors.New("image was made with another seed")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// imageSum is the checksum of an image.
func imageSum(head, arena []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[12:], castagnoli), castagnoli, arena)
}

// seedCheck tells whether names are hashed as they were: with the same seed, in the same way. It tells nothing of the seed.
func seedCheck() uint64 {
	return hashName(hashName(seed.root, "\x07mapping"), "\x1bimages of zones are checked\x01b")
}

// Image returns z as octets. The arena is z's own where nothing was changed since z was built: it must not be
// modified.
func (z *Zone) Image() (head, arena []byte) {
	useSeed()
	z = z.flat()
	hash, neg, at := z.ContentHash(), z.neg[:cap(z.neg)], z.negativeOffset()
	le := binary.LittleEndian
	head = append(make([]byte, 0, imageHead+len(z.origin.wire)+len(neg)), imageMagic...)
	head = le.AppendUint32(head, imageLayout)
	head = le.AppendUint64(head, 0) // checksum, size
	head = le.AppendUint64(head, uint64(len(z.base)))
	head = le.AppendUint64(head, seedCheck())
	head = append(head, hash[:]...)
	head = le.AppendUint64(head, z.hash)
	for _, n := range [...]uint32{z.buckets, z.first, z.end, z.nodes, z.records} {
		head = le.AppendUint32(head, n)
	}
	head = append(head, z.labels, z.depth, byte(z.denial), byte(len(z.origin.wire)))
	head = le.AppendUint32(head, at)
	head = le.AppendUint32(head, uint32(len(z.neg)))
	head = le.AppendUint32(head, uint32(len(neg)-len(z.neg)))
	head = append(head, z.origin.wire...)
	if at == notInArena {
		head = append(head, neg...)
	}
	le.PutUint32(head[12:], uint32(len(head)))
	le.PutUint32(head[8:], imageSum(head, z.base))
	return head, z.base
}

// negativeOffset returns where in the arena the negative SOA lies; notInArena where it has a TTL of its own, or is not
// there. z has no overlay.
func (z *Zone) negativeOffset() uint32 {
	b := z.node(z.apex)
	heads := nodeHeads(b)
	at := heads + nodeSets(b)*setHead
	for i := range nodeSets(b) {
		s := nodeSet(b, heads, i)
		if s.typ == dns.TypeSOA {
			if len(z.neg) == 0 || &s.body[0] != &z.neg[0] {
				break
			}
			at += int(binary.LittleEndian.Uint32(b[heads+i*setHead+4:])&0xffffff) - at - len(s.body)
			return z.first<<2 + uint32(at)
		}
	}
	return notInArena
}

// OpenImage returns the zone of an image, which lies in arena: neither it nor head must ever change again. Octets that
// are not what Image returned are refused: ErrImage, ErrImageLayout, ErrImageSeed. Only what was made so on purpose may
// get through, and crash who asks the zone: Verify finds that, in more time.
func OpenImage(head, arena []byte) (*Zone, error) {
	var z *Zone
	err := OpenImages(1, func(int) ([]byte, []byte) { return head, arena }, func(_ int, opened *Zone, err error) error {
		z = opened
		return err
	})
	return z, err
}

// OpenImages is OpenImage for n images: done is called with each zone, or why there is none, in their order. An error of
// done ends it and is returned. It makes all zones with few allocations, so that one of them keeps all of them from
// being freed, though not their arenas. image is called twice for each.
func OpenImages(n int, image func(i int) (head, arena []byte), done func(i int, z *Zone, err error) error) error {
	useSeed()
	names, negs, sums := 0, 0, 0
	for i := range n {
		head, arena := image(i)
		if origin, neg, ok := imageParts(head); ok {
			names, negs = names+len(origin), negs+len(neg)
		}
		if len(arena) >= largeSum {
			sums++
		}
	}
	o := opener{check: seedCheck(), negs: make([]byte, 0, negs), sums: make([]contentSum, 0, sums)}
	o.names.Grow(names)
	zs := make([]Zone, n)
	for i := range zs {
		head, arena := image(i)
		z, err := &zs[i], o.open(&zs[i], head, arena)
		if err != nil {
			z = nil
		}
		if err := done(i, z, err); err != nil {
			return err
		}
	}
	return nil
}

// imageParts returns what follows the numbers in the head of an image.
func imageParts(head []byte) (origin, neg []byte, ok bool) {
	if len(head) < imageHead || len(head) < imageHead+int(head[95]) {
		return nil, nil, false
	}
	return head[imageHead:][:head[95]], head[imageHead+int(head[95]):], true
}

// opener makes zones of images. Names and the like lie behind one another in memory of their own, that nothing is
// needed of the heads.
type opener struct {
	check  uint64          // of the seed
	rehash bool            // the seed does not matter: the index is not used
	names  strings.Builder // has room for all of them
	negs   []byte          // has, too
	sums   []contentSum    // has, too
}

func (o *opener) open(z *Zone, head, arena []byte) error {
	origin, neg, ok := imageParts(head)
	le := binary.LittleEndian
	switch {
	case !ok || string(head[:4]) != imageMagic:
		return fmt.Errorf("%w: no head", ErrImage)
	case le.Uint32(head[4:]) != imageLayout:
		return fmt.Errorf("%w: layout %d, this one knows %d", ErrImageLayout, le.Uint32(head[4:]), imageLayout)
	case le.Uint32(head[12:]) != uint32(len(head)) || le.Uint64(head[16:]) != uint64(len(arena)):
		return fmt.Errorf("%w: %d and %d octets instead of %d and %d", ErrImage, len(head), len(arena), le.Uint32(head[12:]), le.Uint64(head[16:]))
	case le.Uint32(head[8:]) != imageSum(head, arena):
		return fmt.Errorf("%w: checksum differs", ErrImage)
	case le.Uint64(head[24:]) != o.check && !o.rehash:
		return ErrImageSeed
	}
	name, err := o.name(origin)
	if err != nil {
		return fmt.Errorf("%w: origin: %w", ErrImage, err)
	}
	hash := hashName(seed.root, name.wire)
	if hash != le.Uint64(head[64:]) && !o.rehash {
		return fmt.Errorf("%w: the hash of its origin differs", ErrImage)
	}
	*z = Zone{
		origin: name, base: arena, hash: hash,
		buckets: le.Uint32(head[72:]), first: le.Uint32(head[76:]), end: le.Uint32(head[80:]),
		apex:  Node(le.Uint32(head[76:])),
		nodes: le.Uint32(head[84:]), records: le.Uint32(head[88:]), labels: head[92], depth: head[93], denial: Denial(head[94]),
	}
	if len(arena) >= largeSum {
		o.sums = append(o.sums, contentSum{})
		z.sum = &o.sums[len(o.sums)-1]
		z.sum.set(Hash(head[32:64]))
	}
	if !z.fits() {
		return fmt.Errorf("%w: its parts do not fit each other", ErrImage)
	}
	return o.negative(z, le.Uint32(head[96:]), le.Uint32(head[100:]), le.Uint32(head[104:]), neg)
}

// name returns a copy of wire as a name.
func (o *opener) name(wire []byte) (Name, error) {
	if n, err := wireName(wire); err != nil || n != len(wire) {
		return Name{}, errors.Join(err, fmt.Errorf("%d octets", len(wire)))
	}
	for _, c := range wire {
		if 'A' <= c && c <= 'Z' {
			return Name{}, errors.New("upper case")
		}
	}
	from := o.names.Len()
	o.names.Write(wire)
	return Name{o.names.String()[from:]}, nil
}

// fits says whether the numbers of z fit its arena and its origin.
func (z *Zone) fits() bool {
	marks := (uint64(z.nodes) - 1) / markEvery
	return z.buckets > 0 && z.nodes > 0 && uint64(z.first) == uint64(z.buckets)*bucketSize/4+marks &&
		z.first < z.end && z.end <= maxPlace && uint64(z.end)<<2 <= uint64(len(z.base)) &&
		int(z.labels) == z.origin.Labels() && int(z.labels)+int(z.depth) < 128
}

// negative gives z its negative SOA, size octets and those of its signatures, which is in the arena at at, or is neg.
func (o *opener) negative(z *Zone, at, size, signatures uint32, neg []byte) error {
	end := uint64(size) + uint64(signatures)
	if at != notInArena {
		if len(neg) > 0 || uint64(at)+end > uint64(len(z.base)) {
			return fmt.Errorf("%w: negative SOA beyond the end", ErrImage)
		}
		z.neg = z.base[at:][:size:end]
		return nil
	}
	if end != uint64(len(neg)) {
		return fmt.Errorf("%w: negative SOA of %d octets instead of %d", ErrImage, len(neg), end)
	}
	if end > 0 {
		from := len(o.negs)
		o.negs = append(o.negs, neg...)
		z.neg = o.negs[from:][:size:end]
	}
	return nil
}

// ImageOf says what an image is of, by its head alone: the origin in wire form, and the content hash. Nothing is verified
// but that the head has them.
func ImageOf(head []byte) (origin []byte, content Hash, ok bool) {
	origin, _, ok = imageParts(head)
	if !ok || string(head[:4]) != imageMagic {
		return nil, Hash{}, false
	}
	return origin, Hash(head[32:64]), true
}

// ImageFits says whether an image with this head can be opened as it is, not only by RehashImage.
func ImageFits(head []byte) bool {
	return len(head) >= imageHead && binary.LittleEndian.Uint64(head[24:]) == seedCheck()
}
