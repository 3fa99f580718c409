package zonefile

import (
	"os"
	"path/filepath"
	"strings"
)

// A hop is one directory entry that a path leads over: where it is changed, the path may mean another file. A path has a hop for
// each symbolic link on its way, and one for what it ends in.
type hop struct {
	dir  string // the directory that holds the entry, absolute, free of links
	path string // dir and the entry's name
}

// maxLinks is how many symbolic links are followed, as by Linux.
const maxLinks = 40

// hopsOf returns the hops of path, and where it leads; "" where it leads nowhere. The last hop is then the first entry
// that is missing.
func hopsOf(path string) (hops []hop, resolved string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, "" // there is no working directory
	}
	const sep = string(filepath.Separator)
	at := filepath.VolumeName(path) + sep
	todo := strings.Split(strings.TrimPrefix(path, at), sep)
	links := 0
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := hop{at, filepath.Join(at, name)}
		info, err := os.Lstat(next.path)
		switch {
		case err != nil:
			return append(hops, next), ""
		case info.Mode()&os.ModeSymlink == 0:
			if len(todo) == 0 {
				hops = append(hops, next)
			}
			at = next.path
			continue
		}
		hops = append(hops, next)
		target, err := os.Readlink(next.path)
		if links++; err != nil || links > maxLinks {
			return hops, ""
		}
		if filepath.IsAbs(target) {
			at = filepath.VolumeName(target) + sep
			target = strings.TrimPrefix(target, at)
		}
		todo = append(strings.Split(target, sep), todo...)
	}
	return hops, at
}
