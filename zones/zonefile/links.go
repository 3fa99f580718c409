package zonefile

import (
	"hash/maphash"
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

// linkFinder finds the hops of many links in one directory whose targets lie in few.
type linkFinder struct {
	real string             // the directory of the links, free of links itself; "": unknown
	dirs map[string]dirHops // of their targets
}

// dirHops are the hops of a directory.
type dirHops struct {
	hops []hop
	real string // where it leads; "": nowhere
}

// linkTarget is what a link points at: an entry that is no link.
type linkTarget struct {
	dirHops        // of the directory that it is in
	path    string // of the entry, free of links
}

// shortcut returns where the link base leads. It is not ok where it takes more than one link to the file: the way is to be
// gone step by step then.
func (f *linkFinder) shortcut(base string) (linkTarget, bool) {
	if f.real == "" {
		return linkTarget{}, false
	}
	target, err := os.Readlink(f.real + string(filepath.Separator) + base)
	if err != nil {
		return linkTarget{}, false
	}
	if !filepath.IsAbs(target) {
		target = f.real + string(filepath.Separator) + target
	}
	if filepath.Clean(target) != target {
		return linkTarget{}, false // ".." means something else behind a link
	}
	dir, name := filepath.Split(target)
	d, known := f.dirs[dir]
	if !known {
		d.hops, d.real = hopsOf(dir)
		if n := len(d.hops) - 1; n >= 0 && d.hops[n].path == d.real {
			d.hops = d.hops[:n] // what it ends in: that is no link, and may be another one only with all that is in it
		}
		f.dirs[dir] = d
	}
	if d.real == "" {
		return linkTarget{}, false
	}
	path := d.real + string(filepath.Separator) + name
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink != 0 {
		return linkTarget{}, false
	}
	return linkTarget{d, path}, true
}

// pathSet is a set of paths, kept as their hashes: it may say of a path that it is in it though it is not, once in a great while.
type pathSet struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

func newPathSet() *pathSet {
	return &pathSet{maphash.MakeSeed(), make(map[uint64]struct{})}
}

func (s *pathSet) add(path string) { s.set[maphash.String(s.seed, path)] = struct{}{} }

func (s *pathSet) has(path string) bool {
	_, ok := s.set[maphash.String(s.seed, path)]
	return ok
}

func (s *pathSet) clear() { clear(s.set) }
