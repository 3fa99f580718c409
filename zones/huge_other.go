//go:build !linux

package zones

// hugePages does nothing where memory cannot be asked for in huge pages.
func hugePages([]byte) {}
