package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errFileChanged means that somebody else wrote a file meanwhile.
var errFileChanged = errors.New("the file has changed meanwhile; nothing is written")

// replaceFile puts text in the place of what a file holds: it is written aside, made durable, and renamed, so that no reader
// ever finds half of it. Mode and owner stay, and a symbolic link leads where it did. Where the file does not hold old any more,
// nothing is written.
func replaceFile(path string, old, text []byte) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	// Hidden, so that nobody takes it for a zone.
	f, err := os.CreateTemp(filepath.Dir(real), "."+filepath.Base(real)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = errors.Join(fill(f, info, text), f.Close())
	if now, rerr := os.ReadFile(real); err == nil {
		if err = rerr; err == nil && !bytes.Equal(now, old) {
			err = errFileChanged
		}
	}
	if err == nil {
		err = os.Rename(f.Name(), real)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(filepath.Dir(real), path)
}

// fill writes text to f, and gives it mode and owner of the file that it is to replace.
func fill(f *os.File, as fs.FileInfo, text []byte) error {
	if _, err := f.Write(text); err != nil {
		return err
	}
	// The owner first: changing it may take away bits of the mode.
	if err := keepOwner(f, as); err != nil {
		return err
	}
	if err := f.Chmod(as.Mode().Perm()); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes a rename durable.
func syncDir(dir, path string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("%s is written; whether it outlives a crash is not known: %w", path, err)
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s is written; whether it outlives a crash is not known: %w", path, err)
	}
	return nil
}

// writeAtomically makes text the contents of a file of the data directory, which is made where it is not there: no reader
// finds half of it, also after a crash.
func writeAtomically(path string, text []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(dir, path)
}
