package zones

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
)

// Seed is what the hashes of names are made with. An image holds hashes, so it is of use where the seed is the one
// that it was made with: a data directory keeps its own, in secret, for who knows it can choose names that
// collide.
type Seed [24]byte

// ErrSeedInUse is returned by AdoptSeed when names were hashed already.
var ErrSeedInUse = errors.New("too late for another seed: zones were made with the one at hand")

// seedUsed says that something depends on the seed. It and the seed are the package's only variables: a hash that every
// look-up needs cannot be found through a pointer, and there is one seed in a process, as there is one of its
// own maps'.
var seedUsed atomic.Bool

// AdoptSeed makes s the seed of this process instead of a random one. It must be called before anything else of this
// package is: ErrSeedInUse says that a zone was begun already, and that nothing was changed. What was adopted before may be adopted again.
func AdoptSeed(s Seed) error {
	if s == seedNow() {
		return nil
	}
	if s == (Seed{}) {
		return errors.New("a seed of zeros is none")
	}
	if !seedUsed.CompareAndSwap(false, true) {
		return ErrSeedInUse
	}
	seed.root = binary.LittleEndian.Uint64(s[0:])
	seed.word = binary.LittleEndian.Uint64(s[8:]) | 1
	seed.end = binary.LittleEndian.Uint64(s[16:]) | 1
	return nil
}

// CurrentSeed returns the seed of this process, which cannot be changed afterwards.
func CurrentSeed() Seed {
	useSeed()
	return seedNow()
}

func seedNow() (s Seed) {
	binary.LittleEndian.PutUint64(s[0:], seed.root)
	binary.LittleEndian.PutUint64(s[8:], seed.word)
	binary.LittleEndian.PutUint64(s[16:], seed.end)
	return s
}

// useSeed notes that something depends on the seed from now on.
func useSeed() {
	if !seedUsed.Load() { // without a look first, all cores would fight for the line
		seedUsed.Store(true)
	}
}
