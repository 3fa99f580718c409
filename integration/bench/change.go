package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// The zone of the reloads is the big one; in each version a hundredth of the addresses is another.

const changeStep = 100

// changeAddr is the address of the i-th name in a version, which is also the zone's serial.
func changeAddr(i, version int) string {
	first := 10
	if i%changeStep == 0 {
		first += version
	}
	return fmt.Sprintf("%d.%d.%d.%d", first, i>>16&255, i>>8&255, i&255)
}

// changeFile is where a version lies.
func changeFile(dir string, version int) string {
	return filepath.Join(dir, fmt.Sprintf("version-%d", version), fileName(bigZone))
}

// writeChange writes a version of the zone. flip are two addresses of the name "flip".
func writeChange(dir string, version int, flip ...string) error {
	at := filepath.Dir(changeFile(dir, version))
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	z, err := newZone(at, bigZone, version)
	if err != nil {
		return err
	}
	for _, addr := range flip {
		z.linef("flip A %s", addr)
	}
	for i := range bigNames {
		z.linef("h%07d A %s", i, changeAddr(i, version))
	}
	return z.close()
}

// takeFile puts a file in the place of another, in one step, and leaves the original where it is.
func takeFile(from, to string) error {
	if err := os.Link(from, to+".new"); err != nil {
		return err
	}
	return os.Rename(to+".new", to)
}
