//go:build !linux

package zones

func newScratch(n int) []byte { return make([]byte, n) }

func freeScratch([]byte) {}
