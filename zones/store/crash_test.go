package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/store/storetest"
)

// The test binary is also the process that is killed or that has no space: an environment variable says which part it plays, and
// where.
const (
	partVar  = "MANGROVE_STORE_TEST_PART"
	placeVar = "MANGROVE_STORE_TEST_PLACE"
)

func TestMain(m *testing.M) {
	part, ok := parts()[os.Getenv(partVar)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := part(os.Getenv(placeVar)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// play starts this binary in a part.
func play(ctx context.Context, part, place string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), partVar+"="+part, placeVar+"="+place)
	cmd.Stderr = os.Stderr
	return cmd
}

var crashZone = zones.MustParseName("example.org.")

// crashVersion is the content that goes with a serial.
func crashVersion(t testing.TB, serial uint32) *zones.Zone {
	lines := []string{fmt.Sprintf("@ SOA ns host %d 1 1 1 1", serial)}
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("h%d A 192.0.2.%d", i, (uint32(i)*7+serial/uint32(i%50+1))%250))
	}
	return storetest.Zone(t, "example.org.", lines...)
}

// writeForEver writes everything that a store keeps, over and over, and prints each serial once it is journaled.
func writeForEver(place string) error {
	s, err := store.OpenBolt(place, store.Options{JournalEntries: 20, Events: 50, Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	ctx := context.Background()
	head, _, err := s.Head(ctx, crashZone)
	if err != nil {
		return err
	}
	var last *zones.Zone
	if head.Journaled {
		last = crashVersion(noTest{}, head.Serial)
	}
	mirror, err := s.Mirror(ctx, "p", crashZone)
	if err != nil {
		return err
	}
	for serial := head.Serial + 1; ; serial++ {
		z := crashVersion(noTest{}, serial)
		v := store.Version{Origin: crashZone, Prev: uint64(serial - 1), Generation: uint64(serial), From: serial - 1, To: serial, Zone: z, Changes: zones.Diff(last, z)}
		last = z
		if err := errors.Join(
			s.Reserve(ctx, map[zones.Name]uint32{crashZone: serial + 10}),
			s.AppendServed(ctx, []store.Version{v}),
			s.SaveLoaded(ctx, store.Loaded{Source: store.Source{Origin: crashZone, Serial: serial}, Zone: z}),
			s.SaveVerdicts(ctx, []store.Verdict{{Key: "k", Reason: fmt.Sprint(serial)}}),
			s.AddEvents(ctx, store.Event{Kind: "write", Text: fmt.Sprint(serial)}),
		); err != nil {
			return err
		}
		next := crashMirror(uint64(serial), mirror)
		if err := s.SaveMirror(ctx, "p", crashZone, mirror.Generation, next); err != nil {
			return err
		}
		mirror = next
		fmt.Println(serial)
	}
}

// crashMirror returns what to save of a mirror after last: Live says which generation it is, and which the base is of. Every
// third keeps the base that is kept.
func crashMirror(generation uint64, last store.Mirror) store.Mirror {
	m := store.Mirror{Generation: generation}
	if of := baseOf(last.Live); generation%3 == 0 && of > 0 {
		m.Live = fmt.Appendf(nil, "%d %d", generation, of)
	} else {
		m.Live, m.Base = fmt.Appendf(nil, "%d %d", generation, generation), crashBase(generation)
	}
	return m
}

// baseOf returns the generation that the base is of, as Live says; 0: there is none.
func baseOf(live []byte) (of uint64) {
	_, text, _ := bytes.Cut(live, []byte(" "))
	of, _ = strconv.ParseUint(string(text), 10, 64) // of no text: 0
	return of
}

// crashBase is more than a chunk, and of a length that differs.
func crashBase(generation uint64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d ", generation), 10_000+1_000*int(generation%7))
}

// noTest stands for a test in the child process, whose helpers fail by panicking.
type noTest struct{ testing.TB }

func (noTest) Helper()           {}
func (noTest) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// TestCrash kills a writer at random moments: what it said to be written is there, and the store checks clean.
func TestCrash(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 20
	}
	place := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for round := range rounds {
		said := killed(t, place, r.IntN(12))
		s, err := store.OpenBolt(place, store.Options{NoSync: true})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, f := range s.Check(t.Context()) {
			t.Errorf("round %d: %s", round, f)
		}
		wantAtLeast(t, s, said)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

// killed runs a writer, kills it some time after it has said so many serials, and returns the last that it said.
func killed(t *testing.T, place string, lines int) (said uint32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := play(ctx, "write", place)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for n := 0; n < lines && in.Scan(); n++ {
		if _, err := fmt.Sscan(in.Text(), &said); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for in.Scan() { // what it said meanwhile
		if _, err := fmt.Sscan(in.Text(), &said); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	return said
}

// wantAtLeast verifies that everything of serial, which was said to be written, is there.
func wantAtLeast(t *testing.T, s *store.Bolt, serial uint32) {
	t.Helper()
	h, _, err := s.Head(t.Context(), crashZone)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Mirror(t.Context(), "p", crashZone)
	if err != nil {
		t.Fatal(err)
	}
	if h.Serial < serial || h.Reserved < serial || h.Generation != uint64(h.Serial) || m.Generation < uint64(serial) {
		t.Errorf("serial %d was written; the store has %+v and mirror %d", serial, h, m.Generation)
	}
	if of := baseOf(m.Live); m.Generation > 0 && (string(m.Live) != fmt.Sprintf("%d %d", m.Generation, of) || !bytes.Equal(m.Base, crashBase(of))) {
		t.Errorf("mirror %d has live %q and a base of %.12q…", m.Generation, m.Live, m.Base)
	}
	if !h.Journaled {
		return
	}
	z, err := s.Served(t.Context(), crashZone)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := storetest.Text(z), storetest.Text(crashVersion(t, h.Serial)); got != want {
		t.Errorf("serial %d is not what was written", h.Serial)
	}
}
