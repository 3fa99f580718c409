package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/store"
	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// Behind a start: what was taken from the store by the stamps of its files is held against their contents, and large zones
// move from the store's file into memory. All of it aside, and none of it in a hurry.

// doubt is a zone that was taken from the store, and the files that it is said to be of.
type doubt struct {
	origin zones.Name
	files  []store.File
}

const (
	// hashRate bounds how fast files are read for their hash, in octets a second: the disk is others', too.
	hashRate = 256 << 20
	// residentRecords is from how many records on a zone moves into memory of its own: smaller ones lie together in
	// their file as well as they would there.
	residentRecords = 50_000
)

// settleLoop does once what a start has left, then, now and then, what keeps the store in order.
func (a *app) settleLoop(ctx context.Context) error {
	a.moveIntoMemory(ctx)
	a.resolveDoubts(ctx)
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		aside(func() {
			if err := a.store.Maintain(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("the store was not put in order", "err", err)
			}
			a.warnAllExpiring(ctx)
		})
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// resolveDoubts verifies zones that were taken from the store. One that is not what its files hold, or not whole, is read.
func (a *app) resolveDoubts(ctx context.Context) {
	list := a.doubts
	a.doubts = nil
	var wrong []string
	aside(func() {
		h := newHasher()
		for _, d := range list {
			if ctx.Err() != nil {
				return
			}
			if path, why := a.verify(ctx, h, d); why != nil {
				a.log.Warn("zone is not what was kept of it, and read anew", "zone", d.origin, "why", why)
				wrong = append(wrong, path)
			}
		}
	})
	if len(wrong) == 0 || ctx.Err() != nil {
		return
	}
	a.reading.Lock()
	defer a.reading.Unlock()
	if err := a.readZones(ctx, changesOf(wrong)); err != nil {
		a.log.Error("zones that were to be read anew are not all served", "err", err)
	}
}

// verify holds a zone that was taken from the store against its files, and against what was stored. why says what is wrong,
// and path what to read again. A file that changed meanwhile is the watcher's.
func (a *app) verify(ctx context.Context, h *hasher, d doubt) (path string, why error) {
	for _, f := range d.files {
		sum, same, err := h.file(ctx, f)
		if err == nil && same && sum != f.SHA256 {
			return f.Path, fmt.Errorf("%s has other contents, and the times of those before", f.Path)
		}
	}
	if err := a.store.VerifyLoaded(ctx, d.origin); errors.Is(err, store.ErrCorrupt) {
		return d.files[0].Path, err
	}
	return "", nil
}

// hasher hashes files, one after the other, at hashRate at most. There may be very many: what it needs it keeps.
type hasher struct {
	sha   hash.Hash
	buf   []byte
	began time.Time
	read  int64 // octets, since began
}

func newHasher() *hasher {
	return &hasher{sha: sha256.New(), buf: make([]byte, 256<<10), began: time.Now()}
}

// file returns the hash of a file; same says that it has the stamp that it had before and behind it.
func (h *hasher) file(ctx context.Context, f store.File) (sum [sha256.Size]byte, same bool, err error) {
	before := zonefile.Stat(f.Path)
	if was := stampOf(f); before.Err != nil || before.Size != was.Size || before.MTime != was.MTime || before.Inode != was.Inode {
		return sum, false, before.Err
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return sum, false, err
	}
	defer file.Close()
	h.sha.Reset()
	for {
		n, err := file.Read(h.buf)
		h.sha.Write(h.buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return sum, false, err
		}
		if err := h.pause(ctx, n); err != nil {
			return sum, false, err
		}
	}
	h.sha.Sum(sum[:0])
	return sum, zonefile.Stat(f.Path).Stamp == before.Stamp, nil
}

// pause waits until n octets more may have been read.
func (h *hasher) pause(ctx context.Context, n int) error {
	h.read += int64(n)
	early := time.Until(h.began.Add(time.Duration(h.read) * time.Second / hashRate))
	if early < time.Millisecond {
		return ctx.Err()
	}
	pause := time.NewTimer(early)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}

// moveIntoMemory moves large zones from the files of the store, where they were mapped, into memory of their own.
func (a *app) moveIntoMemory(ctx context.Context) {
	for _, d := range a.doubts {
		if ctx.Err() != nil {
			return
		}
		a.mu.Lock()
		st := a.zones[d.origin]
		a.mu.Unlock()
		if st != nil {
			a.moveZone(d.origin, st)
		}
	}
}

func (a *app) moveZone(origin zones.Name, st *zoneState) {
	a.mu.Lock()
	old := st.src.zone
	resolved := st.src.alias != nil // what is served of it is another zone, of which this one is the base
	a.mu.Unlock()
	if old == nil || resolved || old.Records() < residentRecords {
		return
	}
	var moved *zones.Zone
	var release func()
	aside(func() { moved, release = a.store.Resident(old) })
	if moved == old {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if st.src.zone != old { // read anew meanwhile
		return
	}
	if err := a.live.Replace(origin, old, moved); err != nil {
		a.log.Error("zone stays in the store's file", "zone", origin, "err", err)
		return
	}
	src := *st.src
	src.zone = moved
	st.src = &src
	for i := range st.made {
		if st.made[i].loaded == old {
			st.made[i].loaded = moved
		}
	}
	release()
}
