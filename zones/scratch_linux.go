package zones

import "golang.org/x/sys/unix"

// newScratch returns n octets of zeroes that are not in the heap: what is needed while a zone is made is as large as
// the zone, and would stay in the process until the collector comes round. freeScratch gives them back at once.
func newScratch(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return make([]byte, n) // too many mappings: freeScratch leaves it to the collector
	}
	if n >= 2*hugePage {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // fewer page faults, where it is heeded
	}
	return b
}

// freeScratch gives back what newScratch returned. Nothing may refer to it any more.
func freeScratch(b []byte) {
	_ = unix.Munmap(b) // it refuses what is no mapping of ours
}
