package image

import (
	"errors"
	"os"
	"path/filepath"
)

// asideSuffix ends the names of files that are being written.
const asideSuffix = ".new"

// writeAside makes the file name in dir, or replaces it, whole or not at all: written under another name, brought to the disk,
// renamed, and the directory brought to the disk as well. noSync leaves all of that to the operating system.
func writeAside(dir, name string, noSync bool, write func(f *os.File) error) (err error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+asideSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && !noSync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+asideSuffix, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+asideSuffix))
	}
	if noSync {
		return nil
	}
	return syncDir(dir)
}

// syncDir brings the names in dir to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
