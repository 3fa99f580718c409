package zonefile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// simulation drives a settler with a clock of its own.
type simulation struct {
	s     *settler
	start time.Time
	said  []string
}

// simulate carries out a script, one line a step: "MILLISECONDS what…". a=1 means that version 1 of file a is there, a=0 that it is not;
// dir=TEXT that the directory has that error, dir=ok that it has none; rescan asks for one. A file in upper case is not
// in the directory. Between the steps, batches are taken whenever the settler wants to be asked.
func simulate(script string) []string {
	sim := &simulation{s: newSettler(200*time.Millisecond, 800*time.Millisecond), start: time.Unix(1e9, 0)}
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		ms, err := strconv.Atoi(words[0])
		if err != nil {
			panic(err)
		}
		now := sim.start.Add(time.Duration(ms) * time.Millisecond)
		sim.takeUntil(now)
		for _, what := range words[1:] {
			sim.step(what, now)
		}
	}
	sim.takeUntil(sim.start.Add(time.Hour))
	return sim.said
}

func (sim *simulation) step(what string, now time.Time) {
	name, value, _ := strings.Cut(what, "=")
	var dirErr error
	if value != "ok" {
		dirErr = errors.New(value)
	}
	switch {
	case name == "dir":
		sim.s.observeDir(dirErr, now)
		return
	case name == "rescan":
		sim.s.demand(now)
		return
	}
	version, err := strconv.Atoi(strings.TrimSuffix(value, "!"))
	if err != nil {
		panic(err)
	}
	stamp := Stamp{Size: int64(version), Inode: min(uint64(version), 1)}
	inDir := strings.ToLower(name) == name
	if strings.HasSuffix(value, "!") { // known from the start
		sim.s.baseline(name, stamp, inDir, !inDir)
		return
	}
	sim.s.observe(name, stamp, inDir, now)
}

// takeUntil takes what is due before now.
func (sim *simulation) takeUntil(now time.Time) {
	for {
		at, due := sim.s.wake()
		if !due || !at.Before(now) {
			return
		}
		b, ok := sim.s.take(at)
		if !ok {
			sim.said = append(sim.said, fmt.Sprintf("%d nothing, though it was due", at.Sub(sim.start).Milliseconds()))
			return
		}
		text := strconv.FormatInt(at.Sub(sim.start).Milliseconds(), 10)
		for _, part := range []struct {
			what  string
			paths []string
		}{{"changed", b.Changed}, {"gone", b.Gone}} {
			if len(part.paths) > 0 {
				text += " " + part.what + " " + strings.Join(part.paths, ",")
			}
		}
		if b.DirError != nil {
			text += " dir " + b.DirError.Error()
		}
		if b.Rescanned {
			text += " rescanned"
		}
		sim.said = append(sim.said, text)
	}
}

func TestSettle(t *testing.T) {
	var endless strings.Builder
	endless.WriteString("0 a=1 b=1\n")
	for i := range 500 {
		fmt.Fprintf(&endless, "%d b=%d", i*10, i+2)
		if i == 200 {
			endless.WriteString(" c=1")
		}
		endless.WriteString("\n")
	}

	for _, tt := range []struct {
		name, script string
		want         []string
	}{
		{"nothing", "0 a=1!\n10 a=1", nil},
		{"one file", "0 a=1", []string{"200 changed a"}},
		{"written in steps", "0 a=1!\n10 a=2\n100 a=3\n250 a=4", []string{"450 changed a"}},
		{"edits that arrive together", "0 a=1\n50 b=1\n150 c=1\n180 a=2", []string{"380 changed a,b,c"}},
		{"edits apart", "0 a=1\n300 b=1", []string{"200 changed a", "500 changed b"}},
		{"back as it was", "0 a=1!\n10 a=2\n50 a=1", nil},
		{"deleted", "0 a=1! b=1!\n10 a=0", []string{"210 gone a"}},
		{"deleted and back within the rest", "0 a=1!\n10 a=0\n150 a=1", nil},
		{"deleted and made again", "0 a=1!\n10 a=0\n150 a=2", []string{"350 changed a"}},
		{"truncated, then written", "0 a=7!\n10 a=1\n60 a=8", []string{"260 changed a"}},
		{"made and deleted at once", "0 a=1\n100 a=0", nil},
		{"gone, then back", "0 a=1!\n10 a=0\n1000 a=1", []string{"210 gone a", "1200 changed a"}},
		{"new name, old gone", "0 a=1!\n10 b=1 a=0", []string{"210 changed b gone a"}},
		{"a file that never rests", endless.String(), []string{"1000 changed a", "3000 changed c", "5190 changed b"}},
		{"a file that is known", "0 A=0!\n10 A=0", nil},
		{"a file that is asked for and comes", "0 A=0!\n10 A=1\n500 A=0\n900 A=2", []string{"210 changed A", "700 gone A", "1100 changed A"}},
		{"an unreadable directory", "0 a=1!\n10 dir=denied\n20 a=0", []string{"210 dir denied"}},
		{"a file goes just before the directory", "0 a=1!\n10 a=0\n100 dir=denied\n5000 dir=ok a=1", []string{"300 dir denied", "5200"}},
		{"a directory that fails for a moment", "0 a=1!\n10 a=0 dir=denied\n150 dir=ok a=1", nil},
		{"a directory that comes back without a file", "0 a=1! b=1!\n10 dir=denied\n20 a=0\n5000 dir=ok", []string{"210 dir denied", "5200 gone a"}},
		{"a directory that comes back changed", "0 a=1!\n10 dir=denied\n5000 dir=ok a=2\n5100 b=1", []string{"210 dir denied", "5300 changed a,b"}},
		{"one error, then another", "0 dir=denied\n1000 dir=emptied", []string{"200 dir denied", "1200 dir emptied"}},
		{"changes beside a directory in error", "0 A=1! dir=denied\n1000 A=2\n2000 A=0", []string{"200 dir denied", "1200 changed A dir denied", "2200 gone A dir denied"}},
		{"rescan of nothing", "0 a=1!\n10 rescan", []string{"10 rescanned"}},
		{"rescan with a change", "0 a=1!\n10 a=2 rescan", []string{"210 changed a rescanned"}},
		{"rescan twice is once", "0 a=1!\n10 a=2 rescan\n50 rescan", []string{"210 changed a rescanned"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, simulate(tt.script)); diff != "" {
				t.Errorf("batches (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSettle holds the settler to what it promises, whatever happens: when all is quiet, what has been reported is what is there,
// nothing is left over, and no file was reported as gone while the directory was in error.
func FuzzSettle(f *testing.F) {
	f.Add([]byte{0x11, 0x52, 0x93, 0xf0, 0x04, 0x10})
	f.Fuzz(func(t *testing.T, steps []byte) {
		s := newSettler(200*time.Millisecond, 800*time.Millisecond)
		now := time.Unix(1e9, 0)
		files := []string{"a", "b", "c"}
		there := make(map[string]Stamp)   // what is on the disk
		reported := make(map[string]mark) // what batches said
		var dirErr error
		take := func() {
			for {
				at, due := s.wake()
				if !due || now.Before(at) {
					return
				}
				b, ok := s.take(at)
				if !ok {
					t.Fatal("nothing, though it was due")
				}
				for _, path := range b.Changed {
					reported[path] = s.files[path].seen
				}
				for _, path := range b.Gone {
					if dirErr != nil {
						t.Errorf("%s reported as gone, while the directory says nothing", path)
					}
					delete(reported, path)
				}
			}
		}
		for i, step := range steps {
			now = now.Add(time.Duration(step>>4) * 20 * time.Millisecond)
			take()
			path := files[int(step)%len(files)]
			switch kind := step & 15; {
			case kind < 3:
				delete(there, path)
			case kind < 12:
				there[path] = Stamp{Size: int64(i), Inode: 1}
			case kind < 14:
				dirErr = errors.New("denied")
			default:
				dirErr = nil
			}
			s.observeDir(dirErr, now)
			if dirErr == nil {
				for _, path := range files {
					s.observe(path, there[path], true, now)
				}
			}
		}
		s.observeDir(nil, now)
		dirErr = nil
		for _, path := range files {
			s.observe(path, there[path], true, now)
		}
		now = now.Add(time.Hour)
		take()
		want := make(map[string]mark)
		for path, stamp := range there {
			want[path] = s.mark(stamp)
		}
		if diff := cmp.Diff(want, reported); diff != "" {
			t.Errorf("reported is not what is there (-there +reported):\n%s", diff)
		}
		if len(s.pending) != 0 || len(s.files) != len(there) {
			t.Errorf("%d pending, %d known; want 0, %d", len(s.pending), len(s.files), len(there))
		}
	})
}

func TestRestless(t *testing.T) {
	s := newSettler(200*time.Millisecond, 800*time.Millisecond)
	now := time.Unix(1e9, 0)
	for i := range 200 {
		s.observe("a", Stamp{Size: int64(i + 1)}, true, now)
		if got := s.restless(now, 10*time.Second); (len(got) == 1) != (i > 100) {
			t.Fatalf("restless after %d ms: %v", i*100, got)
		}
		now = now.Add(100 * time.Millisecond)
	}
}
