package zonefile

import (
	"io/fs"
	"syscall"
)

func stampOf(info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), MTime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Dev, s.Inode = uint64(st.Dev), st.Ino // the type of Dev differs between architectures
		s.CTime = st.Ctim.Nano()
	}
	return s
}
