package zonefile

import (
	"io"
	"io/fs"
	"syscall"
)

// openedFile is a file that is read. It is an os.File without what thousands of small files can do without: a finalizer, and
// the question whether the file can be polled.
type openedFile struct {
	path string
	fd   int
}

// openFile opens a file to be read. It doesn't wait for the other end of a pipe, which is no zone.
func openFile(path string) (openedFile, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		switch err {
		case nil:
			return openedFile{path, fd}, nil
		case syscall.EINTR:
		default:
			return openedFile{}, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// stamp returns what the file is now, and whether it is a regular one.
func (f openedFile) stamp() (s Stamp, regular bool, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(f.fd, &st); err != nil {
		return Stamp{}, false, &fs.PathError{Op: "stat", Path: f.path, Err: err}
	}
	s = Stamp{Size: st.Size, MTime: st.Mtim.Nano(), CTime: st.Ctim.Nano(), Dev: uint64(st.Dev), Inode: st.Ino}
	return s, st.Mode&syscall.S_IFMT == syscall.S_IFREG, nil
}

func (f openedFile) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(f.fd, b)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, &fs.PathError{Op: "read", Path: f.path, Err: err}
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// close ends reading; what comes of it changes nothing for whoever only read.
func (f openedFile) close() { _ = syscall.Close(f.fd) }
