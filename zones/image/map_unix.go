//go:build linux || darwin || freebsd

package image

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapPart returns size octets of f from at on, which is a multiple of a page, read only and without copying them.
func mapPart(f *os.File, at, size int64) ([]byte, error) {
	b, err := unix.Mmap(int(f.Fd()), at, int(size), unix.PROT_READ, unix.MAP_SHARED|populate)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return b, nil
}

// unmapFile takes away what mapPart returned: nothing may point into it any more.
func unmapFile(b []byte) { _ = unix.Munmap(b) } // it is what mapPart returned: it cannot fail

// forgetPages lets the kernel take back the pages of b, which lie wholly in it; reading them brings them back.
func forgetPages(b []byte) {
	if len(b) > 0 {
		_ = unix.Madvise(b, unix.MADV_DONTNEED) // it is advice
	}
}
