package store

import (
	"unsafe"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// forgetPages lets the kernel take back the pages of the database that were read: a start reads all of them, and hardly
// any is needed again. They are pages of a file that is mapped for reading, so what is needed is read again.
func (s *Bolt) forgetPages() {
	_ = s.db.View(func(tx *bolt.Tx) error { // while a transaction reads, the mapping stays where it is
		info := s.db.Info()
		start := *(*unsafe.Pointer)(unsafe.Pointer(&info.Data))                       // an address outside of the heap
		_ = unix.Madvise(unsafe.Slice((*byte)(start), tx.Size()), unix.MADV_DONTNEED) // it is advice
		return nil
	})
}
