package image

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mangrove-dns/mangrove/zones"
)

const (
	seedFile  = "seed"
	seedMagic = "mgseed\x00\x01"
	seedSize  = len(seedMagic) + len(zones.Seed{}) + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AdoptSeed makes this process hash names as the images in dir demand, with the seed that dir keeps; it makes both
// where they are missing. It must come before anything makes a zone, else zones.ErrSeedInUse says that images will be
// indexed anew as they are opened. A seed that is damaged is replaced by another one: that costs the same, once.
func AdoptSeed(dir string) error {
	seed, err := readSeed(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errSeed) {
		seed, err = makeSeed(dir)
	}
	if err != nil {
		return fmt.Errorf("seed of hashes: %w", err)
	}
	return zones.AdoptSeed(seed)
}

var errSeed = errors.New("no seed")

func readSeed(dir string) (seed zones.Seed, err error) {
	b, err := os.ReadFile(filepath.Join(dir, seedFile))
	if err != nil {
		return seed, err
	}
	if len(b) != seedSize || string(b[:len(seedMagic)]) != seedMagic ||
		binary.LittleEndian.Uint32(b[seedSize-4:]) != crc32.Checksum(b[:seedSize-4], castagnoli) {
		return seed, errSeed
	}
	copy(seed[:], b[len(seedMagic):])
	return seed, nil
}

func makeSeed(dir string) (seed zones.Seed, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return seed, err
	}
	if _, err := rand.Read(seed[:]); err != nil {
		return seed, err
	}
	seed[8], seed[16] = seed[8]|1, seed[16]|1 // as zones.AdoptSeed makes them
	b := append([]byte(seedMagic), seed[:]...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return seed, writeAside(dir, seedFile, false, func(f *os.File) error {
		_, err := f.Write(b)
		return err
	})
}
