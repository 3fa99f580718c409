package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// progress tells how the reading of zones goes once it takes longer than a second: on a terminal in one line that is written
// over, else in the log. A nil progress tells nothing.
type progress struct {
	log   *slog.Logger
	term  *terminal     // nil: there is none
	where func(func())  // runs the reading
	every time.Duration // between two lines of the log

	total                  int
	zones, records, octets atomic.Int64
	began                  time.Time
	stop                   chan struct{}
	told                   sync.WaitGroup
}

func newProgress(log *slog.Logger, term *terminal, where func(func())) *progress {
	return &progress{log: log, term: term, where: where, every: 5 * time.Second}
}

// run runs work where reading is to be done.
func (p *progress) run(work func()) {
	if p == nil || p.where == nil {
		work()
		return
	}
	p.where(work)
}

// begin starts to tell; end ends it.
func (p *progress) begin(files []zonefile.ZoneFile) {
	if p == nil {
		return
	}
	p.total, p.began, p.stop = len(files), time.Now(), make(chan struct{})
	p.zones.Store(0)
	p.records.Store(0)
	p.octets.Store(0)
	p.told.Go(p.tell)
}

func (p *progress) end() {
	if p == nil {
		return
	}
	close(p.stop)
	p.told.Wait()
}

// done counts a zone.
func (p *progress) done(f zonefile.ZoneFile, src *source) {
	if p == nil {
		return
	}
	p.zones.Add(1)
	if src.zone != nil {
		p.records.Add(int64(src.zone.Records()))
	}
	for _, file := range src.zoneFiles {
		p.octets.Add(file.Size)
	}
}

func (p *progress) tell() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last time.Time // when the log was told
	for {
		select {
		case <-p.stop:
			if p.term != nil {
				p.term.clear()
			}
			if took := time.Since(p.began); took >= time.Second {
				p.log.Info("zones read", "zones", p.zones.Load(), "records", p.records.Load(), "octets", p.octets.Load(), "took", took.Round(time.Millisecond))
			}
			return
		case now := <-tick.C:
			if p.term != nil {
				p.term.show(fmt.Sprintf("mangrove: reading zones: %d of %d, %d records, %d MB", p.zones.Load(), p.total, p.records.Load(), p.octets.Load()>>20))
			} else if now.Sub(last) >= p.every {
				last = now
				p.log.Info("reading zones", "done", p.zones.Load(), "of", p.total, "records", p.records.Load(), "octets", p.octets.Load())
			}
		}
	}
}

// terminal is a terminal whose last line is written over. What else is written to it appears above that.
type terminal struct {
	mu   sync.Mutex
	w    io.Writer
	line string
}

const clearLine = "\r\x1b[K"

// Write implements io.Writer.
func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line == "" {
		return t.w.Write(b)
	}
	// One write, so that no other writer comes between.
	if _, err := t.w.Write(append(append([]byte(clearLine), b...), t.line...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// show writes line over the one before.
func (t *terminal) show(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line = line
	io.WriteString(t.w, clearLine+line)
}

// clear takes the line away.
func (t *terminal) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line != "" {
		t.line = ""
		io.WriteString(t.w, clearLine)
	}
}

// terminalOf returns w as a terminal; nil where it is none.
func terminalOf(w io.Writer) *terminal {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 || f.Name() == os.DevNull {
		return nil
	}
	return &terminal{w: w}
}
