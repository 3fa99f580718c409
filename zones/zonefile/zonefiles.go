package zonefile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
)

// Suffix ends the name of every zone's file.
const Suffix = ".zone"

// configSuffix ends the name of what is said about a zone, beside its file.
const configSuffix = ".yaml"

// ErrNotZoneName is wrapped where a file's name names no zone.
var ErrNotZoneName = errors.New("file name names no zone")

// OriginOf returns the zone that a file is for, by its name without directories: NAME.zone holds NAME, and root.zone
// the root. NAME may have a final dot, is in any case, and has escapes for what a file name cannot hold:
// 0\04725.2.0.192.in-addr.arpa.zone is for 0/25.2.0.192.in-addr.arpa.
func OriginOf(base string) (zones.Name, error) {
	name, ok := strings.CutSuffix(base, Suffix)
	if !ok || name == "" {
		return zones.Name{}, fmt.Errorf("%w: %q is not NAME%s", ErrNotZoneName, base, Suffix)
	}
	if strings.EqualFold(name, "root") {
		return zones.Root, nil
	}
	origin, err := zones.ParseName(name)
	if err != nil {
		return zones.Name{}, fmt.Errorf("%w: %w", ErrNotZoneName, err)
	}
	return origin, nil
}

// IsZoneFile says whether a file of this name in the zones directory is meant to be a zone: NAME.zone, unless hidden
// (.NAME.zone, as editors and rsync name unfinished ones) or an editor's (#NAME.zone#, NAME.zone~).
func IsZoneFile(base string) bool {
	return strings.HasSuffix(base, Suffix) && len(base) > len(Suffix) && base[0] != '.' && base[0] != '#'
}

// ZoneFile is a file of the zones directory and the zone it is for.
type ZoneFile struct {
	Path   string
	Origin zones.Name
	Stamp  Stamp // from Watcher.List alone
	Config bool  // NAME.yaml is there, too
}

// ZoneFiles lists the zones of a directory, by name. Files that are for no zone, or for the same zone as another (their names
// differ in case or escapes), are problems and not in the list: of two, neither is.
// The error says that the directory cannot be read.
func ZoneFiles(dir string) ([]ZoneFile, []zones.Problem, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read zones directory: %w", err)
	}
	list, problems := zoneFiles(entries, func(e fs.DirEntry) (ZoneFile, error) {
		f := ZoneFile{Path: filepath.Join(dir, e.Name())}
		return f, regular(f.Path, e)
	})
	return list, problems, nil
}

// zoneFiles picks the zones among the entries of their directory, which are sorted; look says what is there.
func zoneFiles(entries []fs.DirEntry, look func(fs.DirEntry) (ZoneFile, error)) ([]ZoneFile, []zones.Problem) {
	list := make([]ZoneFile, 0, len(entries))
	var problems []zones.Problem
	for _, e := range entries {
		if !IsZoneFile(e.Name()) {
			continue
		}
		f, err := look(e)
		origin, nameErr := OriginOf(e.Name())
		if f.Origin = origin; nameErr != nil {
			err = nameErr
		}
		if err != nil {
			problems = append(problems, zones.Problem{Pos: zones.Pos{File: f.Path}, Severity: zones.Error, Text: err.Error()})
			continue
		}
		_, f.Config = slices.BinarySearchFunc(entries, strings.TrimSuffix(e.Name(), Suffix)+configSuffix, func(e fs.DirEntry, name string) int {
			return cmp.Compare(e.Name(), name)
		})
		list = append(list, f)
	}
	slices.SortStableFunc(list, func(a, b ZoneFile) int {
		return cmp.Or(a.Origin.Compare(b.Origin), cmp.Compare(a.Path, b.Path))
	})
	list, same := withoutTwins(list)
	return list, append(problems, same...)
}

// regular says why what a directory entry stands for, links followed, cannot be read as a file. One that cannot be looked at
// is not judged: reading it will say why.
func regular(path string, e fs.DirEntry) error {
	mode := e.Type()
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		if err != nil {
			return nil
		}
		mode = info.Mode()
	}
	if !mode.IsRegular() {
		return errNotRegular
	}
	return nil
}

// withoutTwins leaves out all files that share their zone with another; list is sorted.
func withoutTwins(list []ZoneFile) ([]ZoneFile, []zones.Problem) {
	var problems []zones.Problem
	out := list[:0:0]
	for i := 0; i < len(list); {
		j := i + 1
		for j < len(list) && list[j].Origin == list[i].Origin {
			problems = append(problems, zones.Problem{
				Pos: zones.Pos{File: list[j].Path}, Severity: zones.Error,
				Text: fmt.Sprintf("the same zone as %s: %s; neither is loaded, remove one", list[i].Path, list[i].Origin),
			})
			j++
		}
		if j == i+1 {
			out = append(out, list[i])
		}
		i = j
	}
	return out, problems
}
