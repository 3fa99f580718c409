package zones

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of a huge page on the machines that have one size for all; on others the advice is refused.
const hugePage = 2 << 20

// hugePages asks the kernel to put b, which nobody has touched yet, into huge pages: look-ups in a large zone go
// to random places, and each would miss the TLB as well. It is advice: a kernel that cannot or will not follow it
// (before Linux 6.1, without a free huge page) leaves b as it was. It is done now and leaves no mark on
// the memory, which goes back to the heap as any other.
func hugePages(b []byte) {
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (hugePage - 1)
	if uintptr(len(b)) < skip+hugePage {
		return
	}
	b = b[skip : skip+(uintptr(len(b))-skip)&^(hugePage-1)]
	for i := 0; i < len(b); i += hugePage {
		b[i] = 0 // the kernel passes over what has no page at all
	}
	_ = unix.Madvise(b, unix.MADV_COLLAPSE)
}
