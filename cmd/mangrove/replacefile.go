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
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	return writeAside(target, path, func(f *os.File) error {
		if err := fill(f, info, text); err != nil {
			return err
		}
		now, err := os.ReadFile(target)
		if err == nil && !bytes.Equal(now, old) {
			err = errFileChanged
		}
		return err
	})
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

// writeAtomically makes text the contents of a file of the data directory, which is made where it is not there: no reader
// finds half of it, also after a crash.
func writeAtomically(path string, text []byte) error {
	return writeAside(path, path, func(f *os.File) error {
		if _, err := f.Write(text); err != nil {
			return err
		}
		return f.Sync()
	})
}

// writeAside puts a file in target's place, which write writes beside it and makes durable. Errors call target path. The file can be
// read by its owner alone, unless write says otherwise.
func writeAside(target, path string, write func(*os.File) error) error {
	dir := filepath.Dir(target)
	// Hidden, so that nobody takes it for a zone.
	f, err := os.CreateTemp(dir, "."+filepath.Base(target)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = errors.Join(write(f), f.Close()); err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(dir, path)
}

// syncDir makes a rename durable.
func syncDir(dir, path string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("%s is written; whether it outlives a crash is not known: %w", path, err)
	}
	return nil
}
