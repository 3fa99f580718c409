package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
)

func parts() map[string]func(place string) error {
	return map[string]func(place string) error{"write": writeForEver, "fill": fillUp}
}

// TestFullDisk has a process whose files may not grow: writes fail and say what was not saved, reads go on, and when there is
// space again, writes go on, without the store having been closed.
func TestFullDisk(t *testing.T) {
	out, err := play(t.Context(), "fill", t.TempDir()).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillUp(place string) (err error) {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := store.OpenBolt(place, store.Options{NoSync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx := context.Background()
	if err := s.AppendServed(ctx, []store.Version{{Origin: crashZone, Generation: 1, To: 1, Zone: crashVersion(noTest{}, 1)}}); err != nil {
		return err
	}
	if err := s.SetMeta(ctx, "k", []byte("before")); err != nil {
		return err
	}
	st, err := os.Stat(filepath.Join(place, store.FileName))
	if err != nil {
		return err
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(st.Size()), Max: before.Max}); err != nil {
		return err
	}
	big := make([]byte, 1<<20)
	for range 5 {
		err := s.SetMeta(ctx, "k", big)
		// bbolt keeps the text of the system's error, not the error.
		if want := "save k (nothing of it is known to be saved)"; err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), syscall.EFBIG.Error()) {
			return fmt.Errorf("error is %w, want %q and that the file is too large", err, want)
		}
		if v, err := s.Meta(ctx, "k"); err != nil || string(v) != "before" {
			return fmt.Errorf("read %d octets, %w", len(v), err)
		}
	}
	if f := s.Check(ctx); len(f) > 0 {
		return fmt.Errorf("full: %q", f)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	if err := s.SetMeta(ctx, "k", big); err != nil {
		return err
	}
	z := crashVersion(noTest{}, 2)
	v := store.Version{Origin: crashZone, Prev: 1, Generation: 2, From: 1, To: 2, Zone: z, Changes: zones.Diff(crashVersion(noTest{}, 1), z)}
	if err := s.AppendServed(ctx, []store.Version{v}); err != nil {
		return err
	}
	if v, err := s.Meta(ctx, "k"); err != nil || len(v) != len(big) {
		return fmt.Errorf("read %d octets, %w", len(v), err)
	}
	if f := s.Check(ctx); len(f) > 0 {
		return fmt.Errorf("with space again: %q", f)
	}
	return nil
}
