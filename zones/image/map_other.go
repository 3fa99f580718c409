//go:build !linux && !darwin && !freebsd

package image

import (
	"io"
	"os"
)

// mapPart returns size octets of f from at on. Here they are read.
func mapPart(f *os.File, at, size int64) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(io.NewSectionReader(f, at, size), b)
	return b, err
}

func unmapFile([]byte) {}

func forgetPages([]byte) {}
