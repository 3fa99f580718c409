package zonefile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
)

const (
	windowSize    = 256 << 10
	progressEvery = 4 << 20 // octets
)

// errLeft says that a file cannot be read piece by piece, and is to be read as a whole: that way says why.
var errLeft = errors.New("to be read as a whole")

// window reads a file piece by piece, so that its text is never in memory as a whole. It is made to be reused.
type window struct {
	ctx      context.Context
	progress func(done, total int64)
	file     openedFile
	stamp    Stamp
	buf      []byte // what was read and is not done with
	end      bool   // there is no more
	done     int64
	told     int64
	sum      hash.Hash
	err      error
	size     int // for tests: instead of windowSize
}

// open starts reading a file of at most limit octets.
func (w *window) open(path string, limit int64) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	stamp, regular, err := f.stamp()
	switch {
	case err != nil:
	case !regular:
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	case stamp.Size > limit:
		err = tooLarge(stamp.Size, limit)
	}
	if err != nil {
		f.close()
		return err
	}
	w.file, w.stamp = f, stamp
	w.end, w.done, w.told, w.err = false, 0, 0, nil
	if w.sum == nil {
		w.sum = sha256.New()
	}
	w.sum.Reset()
	w.buf = w.buf[:0]
	size := windowSize
	if w.size > 0 {
		size, w.buf = w.size, nil
	}
	if need := int(max(min(w.stamp.Size, int64(size)), 1)); cap(w.buf) < need {
		w.buf = make([]byte, 0, need)
	}
	w.fill(0)
	if w.err != nil {
		f.close()
		w.file = openedFile{}
	}
	return w.err
}

// close ends reading, and says whether what was read is what the stamp says.
func (w *window) close() (File, bool) {
	now, _, err := w.file.stamp()
	w.file.close()
	w.file = openedFile{}
	f := File{Stamp: w.stamp}
	w.sum.Sum(f.SHA256[:0])
	if cap(w.buf) > windowSize {
		w.buf = nil
	}
	return f, err == nil && w.end && w.err == nil && w.done == w.stamp.Size && now == w.stamp
}

// more says whether there may be more than was read.
func (w *window) more() bool { return w != nil && !w.end }

// fill reads on, behind what is in the window from off on.
func (w *window) fill(off int) {
	rest := w.buf[off:]
	if len(rest) > cap(w.buf)/2 {
		w.buf = append(make([]byte, 0, 2*cap(w.buf)), rest...)
	} else {
		w.buf = w.buf[:copy(w.buf[:cap(w.buf)], rest)]
	}
	from := len(w.buf)
	for len(w.buf) < cap(w.buf) && !w.end {
		n, err := w.file.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		w.done += int64(n)
		switch {
		case err == io.EOF || err == nil && w.done == w.stamp.Size:
			w.end = true
		case err != nil:
			w.fail(err)
		case w.done > w.stamp.Size || w.ctx.Err() != nil:
			w.fail(errLeft) // it grows
		}
	}
	w.sum.Write(w.buf[from:])
	if bytes.IndexByte(w.buf[from:], 0) >= 0 {
		w.fail(errLeft)
	}
	if w.progress != nil && (w.done-w.told >= progressEvery || w.end && w.told > 0) {
		w.told = w.done
		w.progress(w.done, w.stamp.Size)
	}
}

func (w *window) fail(err error) { w.err, w.end = err, true }

// refill reads on where there is more, from off on; false where there is not. Tokens are not valid any more.
func (s *scanner) refill() bool {
	if !s.in.more() {
		return false
	}
	s.in.fill(s.off)
	s.data = s.in.buf
	s.lineStart -= s.off
	s.off = 0
	return true
}
