//go:build !linux

package zonefile

import "os"

// openedFile is a file that is read.
type openedFile struct{ *os.File }

// openFile opens a file to be read. What is no regular file is not even opened: a pipe would wait for its other end.
func openFile(path string) (openedFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return openedFile{}, err
	}
	if !info.Mode().IsRegular() {
		return openedFile{}, &os.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	f, err := os.Open(path)
	return openedFile{f}, err
}

// stamp returns what the file is now, and whether it is a regular one.
func (f openedFile) stamp() (s Stamp, regular bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return Stamp{}, false, err
	}
	return stampOf(info), info.Mode().IsRegular(), nil
}

// close ends reading; what comes of it changes nothing for whoever only read.
func (f openedFile) close() { _ = f.Close() }
