package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
)

// A meta page of bbolt: a page header of 16 octets, then magic, version, page size, flags (u32 each), root (two u64),
// freelist, first page that is not used, transaction (u64 each), and FNV-64a of all that. All in the machine's order.
const (
	metaOffset = 16
	metaSize   = 4*4 + 5*8
	metaMagic  = 0xED0CDAED
)

// checkWhole says that the file at path was cut short. bbolt maps the file into memory and would fault where it ends;
// its own check does so in a goroutine where nobody can catch it. A file that is not there is whole; one
// that is no database is left to bbolt.
func checkWhole(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	used, err := usedOctets(f)
	if err != nil {
		return err
	}
	st, err := f.Stat() // after the pages were read: a writer, if there is one, grows the file before it uses it
	if err != nil {
		return err
	}
	if uint64(st.Size()) < used {
		return fmt.Errorf("%w: the file has %d octets, %d are in use; restore it from a backup, or move it away to start anew", ErrCorrupt, st.Size(), used)
	}
	return nil
}

// usedOctets returns how long the newest meta page says that the file is; 0 without a valid one.
func usedOctets(f io.ReaderAt) (uint64, error) {
	var used, newest uint64
	for _, pageSize := range []int64{int64(os.Getpagesize()), 0} { // the second page, then the first, which says how large pages are
		b := make([]byte, metaSize+8)
		if _, err := f.ReadAt(b, pageSize+metaOffset); errors.Is(err, io.EOF) {
			continue
		} else if err != nil {
			return 0, err
		}
		sum := fnv.New64a()
		sum.Write(b[:metaSize])
		order := binary.NativeEndian
		if order.Uint32(b) != metaMagic || order.Uint64(b[metaSize:]) != sum.Sum64() {
			continue
		}
		if tx := order.Uint64(b[metaSize-8:]); tx >= newest {
			newest, used = tx, order.Uint64(b[metaSize-16:])*uint64(order.Uint32(b[8:]))
		}
	}
	return used, nil
}
