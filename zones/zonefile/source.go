package zonefile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Stamp tells the versions of a file apart without reading it. It is comparable; the zero Stamp means that there is no file.
type Stamp struct {
	Size       int64
	MTime      int64 // nanoseconds since 1970
	CTime      int64 // likewise: finds edits that put the old MTime back; 0 where the system has none
	Dev, Inode uint64
}

// IsZero says that there is no file.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// ModTime is the time of the last change.
func (s Stamp) ModTime() time.Time { return time.Unix(0, s.MTime) }

// File is one file that a zone was read from, or that should have been.
type File struct {
	Path string
	Stamp
	SHA256 [sha256.Size]byte // of what was read
	// Err says why the file could not be read. Such a file is worth watching: it may come.
	Err error
}

// Stat returns what is at path now; Err where that cannot be told. A path where nothing is has a zero Stamp and an Err
// that wraps fs.ErrNotExist.
func Stat(path string) File {
	info, err := os.Stat(path)
	if err != nil {
		return File{Path: path, Err: err}
	}
	return File{Path: path, Stamp: stampOf(info)}
}

// errNotRegular: a zone is read from files alone. A pipe could block for ever.
var errNotRegular = errors.New("not a regular file")

// ErrTooLarge is wrapped where a file is over Options.MaxSize.
var ErrTooLarge = errors.New("file too large")

// readFile reads path, and again when it changed meanwhile; what comes back belongs to the stamp.
func readFile(path string, limit int64) ([]byte, Stamp, error) {
	const tries = 3
	var data []byte
	var stamp Stamp
	for range tries {
		info, err := os.Stat(path)
		if err != nil {
			return nil, Stamp{}, err
		}
		stamp = stampOf(info)
		if !info.Mode().IsRegular() {
			return nil, stamp, &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
		}
		if info.Size() > limit {
			return nil, stamp, tooLarge(info.Size(), limit)
		}
		if data, err = readSized(path, info.Size(), limit); err != nil {
			return nil, stamp, err
		}
		if after, err := os.Stat(path); err == nil && stampOf(after) == stamp {
			return data, stamp, nil
		}
	}
	// It is still being written. What was read has an older stamp than what is there, so the watcher will report it again.
	return data, stamp, nil
}

func readSized(path string, size, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var buf bytes.Buffer
	buf.Grow(int(size) + bytes.MinRead)
	n, err := buf.ReadFrom(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, tooLarge(n, limit)
	}
	return buf.Bytes(), nil
}

func tooLarge(size, limit int64) error {
	return fmt.Errorf("%w: %d octets, %d are the limit", ErrTooLarge, size, limit)
}
