package zonefile

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// ErrEmptied is Batch.DirError where the zones directory can be read, but holds no zone file any more. Somebody deleted them all, or, as
// likely, a volume is not mounted.
var ErrEmptied = errors.New("the directory holds no zone files any more")

// WatchOptions say what a Watcher watches, and how.
type WatchOptions struct {
	// Dir is the zones directory: its zone files (IsZoneFile), and the NAME.yaml files in it, are watched.
	Dir string
	// Watch follows changes, by the system's events and by polling. Without it, only Rescan looks.
	Watch bool
	// Settle is how long a file must have rested before it is reported. Default 200 ms.
	Settle time.Duration
	// Poll is how often everything is looked at without an event, for file systems that have none (NFS, some containers' volumes).
	// Default 60 s; below 0: never.
	Poll time.Duration
	// Log gets what the watcher cannot do: it goes on with what it can. Default: slog's default.
	Log *slog.Logger
}

const (
	defaultSettle = 200 * time.Millisecond
	defaultPoll   = 60 * time.Second
	// within is when a change is reported at the latest, counted from its last write, also if another file does not come to rest.
	within = time.Second
	// restlessAfter is when it is worth a word that a file is being written on and on.
	restlessAfter = 10 * time.Second
)

// Watcher reports changes of zone files and what belongs to them. Make one with NewWatcher, let Scan tell what is there, load
// that, and Run it.
//
// SetExtra and Rescan are safe for concurrent use with everything; Scan must be over when Run starts.
type Watcher struct {
	o WatchOptions
	s *settler

	// newEvents starts the system's events; tests put others in its place.
	newEvents func() (eventSource, error)
	events    eventSource // nil: there are none
	// realDir is Dir without symbolic links: events have that path.
	realDir  string
	dirs     map[string]dirID // watched for events
	hops     *pathSet         // entries whose change makes a scan necessary
	looks    uint32           // at the directory, so far
	scanAt   time.Time        // when a scan is due; zero: none
	hadZones bool             // the directory had zone files when it was read last
	told     map[string]bool  // troubles that have been logged

	mu     sync.Mutex
	extra  map[string]File // what SetExtra wants, by clean path; taken up by Run
	wanted bool            // extra has not been taken up
	rescan bool
	wakeUp chan struct{}
}

// dirID tells whether a path is still the directory that is watched.
type dirID struct{ dev, inode uint64 }

// eventSource is what the watcher needs of fsnotify.
type eventSource interface {
	Add(dir string) error
	Remove(dir string) error
	Events() <-chan fsnotify.Event
	Errors() <-chan error
	Close() error
}

type systemEvents struct{ *fsnotify.Watcher }

func (s systemEvents) Events() <-chan fsnotify.Event { return s.Watcher.Events }
func (s systemEvents) Errors() <-chan error          { return s.Watcher.Errors }

func newSystemEvents() (eventSource, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return systemEvents{w}, nil
}

// NewWatcher makes a watcher; it does nothing until Scan or Run.
func NewWatcher(o WatchOptions) *Watcher {
	if o.Settle <= 0 {
		o.Settle = defaultSettle
	}
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Watcher{
		o: o, s: newSettler(o.Settle, max(within-o.Settle, o.Settle)),
		newEvents: newSystemEvents, dirs: make(map[string]dirID), hops: newPathSet(), told: make(map[string]bool),
		wakeUp: make(chan struct{}, 1),
	}
}

// Scan returns the files of the directory as they are now, and takes these versions for known: Run reports what is other than
// that. Read them after Scan, not before. Without a Scan, Run reports everything that it finds in its first batch. The error says that the directory cannot be read.
func (w *Watcher) Scan() ([]File, error) {
	names, err := w.list()
	if err != nil {
		w.s.dirSeen, w.s.dirReported = err, err
		return nil, err
	}
	var files []File
	for _, e := range names {
		f := Stat(filepath.Join(w.o.Dir, e.Name()))
		if f.Err != nil {
			continue // gone since, or a link to nowhere: it is new when it comes
		}
		w.s.baseline(f.Path, f.Stamp, true, false)
		w.hadZones = w.hadZones || IsZoneFile(e.Name())
		files = append(files, f)
	}
	return files, nil
}

// SetExtra names the files outside of the directory's own that matter too: those that zones include (Result.Files), configuration. They
// replace the ones of the call before. A file is reported when it is other than its Stamp says, which is what
// the caller has read; a zero Stamp: the caller has not seen it. What is no longer named is no longer reported.
func (w *Watcher) SetExtra(files []File) {
	extra := make(map[string]File, len(files))
	for _, f := range files {
		extra[filepath.Clean(f.Path)] = f
	}
	w.mu.Lock()
	w.extra, w.wanted = extra, true
	w.mu.Unlock()
	w.wake()
}

// Rescan looks at everything once, also without events (SIGHUP). It returns at once; a batch with Rescanned follows, with all that
// changed, also if nothing did.
func (w *Watcher) Rescan() {
	w.mu.Lock()
	w.rescan = true
	w.mu.Unlock()
	w.wake()
}

func (w *Watcher) wake() {
	select {
	case w.wakeUp <- struct{}{}:
	default: // it is on its way already
	}
}

// Run watches until ctx is done, and calls deliver, never twice at a time, with each batch. While deliver runs, changes
// gather for the next batch; none is lost. It returns nil.
func (w *Watcher) Run(ctx context.Context, deliver func(Batch)) error {
	var tick <-chan time.Time
	if w.o.Watch {
		w.startEvents()
		if w.events != nil {
			defer w.events.Close()
		}
		if w.o.Poll > 0 {
			ticker := time.NewTicker(w.o.Poll)
			defer ticker.Stop()
			tick = ticker.C
		}
		w.scan()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		w.arm(timer)
		var events <-chan fsnotify.Event
		var errs <-chan error
		if w.events != nil {
			events, errs = w.events.Events(), w.events.Errors()
		}
		select {
		case <-ctx.Done():
			return nil
		case ev, ok := <-events:
			if !ok {
				w.lostEvents(errors.New("closed"))
				continue
			}
			w.event(ev)
		case err, ok := <-errs:
			if ok { // if not, events are closed too
				w.eventError(err)
			}
		case <-tick:
			w.scan()
		case <-w.wakeUp:
			w.requests()
		case <-timer.C:
			w.report(deliver)
		}
	}
}

// startEvents starts the system's events. Without them there is still the poll.
func (w *Watcher) startEvents() {
	events, err := w.newEvents()
	if err != nil {
		w.trouble("events", "changed zone files are found by polling alone: the system's events cannot be used", "err", err, "poll", w.o.Poll)
		return
	}
	w.events = events
}

// lostEvents goes on without events.
func (w *Watcher) lostEvents(err error) {
	w.events = nil
	w.trouble("events", "changed zone files are found by polling alone: the system's events have ended", "err", err, "poll", w.o.Poll)
}

// trouble logs something once, until it is over.
func (w *Watcher) trouble(about, text string, args ...any) {
	if !w.told[about] {
		w.told[about] = true
		w.o.Log.Warn(text, args...)
	}
}

// requests takes up what SetExtra and Rescan asked for.
func (w *Watcher) requests() {
	w.mu.Lock()
	rescan, wanted, extra := w.rescan, w.wanted, w.extra
	w.rescan, w.wanted = false, false
	w.mu.Unlock()
	if wanted {
		w.takeExtra(extra)
	}
	if rescan {
		w.s.demand(time.Now())
	}
	// Without Watch, an extra file is looked at when a rescan is asked for.
	if rescan || wanted && w.o.Watch {
		w.scan()
	}
}

// takeExtra makes extra the files that matter beside those of the directory.
func (w *Watcher) takeExtra(extra map[string]File) {
	for path, known := range w.s.files {
		if _, keep := extra[path]; known.extra && !keep {
			w.s.forget(path)
		}
	}
	for path, f := range extra {
		if known := w.s.files[path]; known == nil && !w.isMember(path) {
			w.s.baseline(path, f.Stamp, w.inDir(path), true)
		}
	}
}

// report looks at what is pending again, so that a write without an event does not go by, and delivers what is due.
func (w *Watcher) report(deliver func(Batch)) {
	now := time.Now()
	at, due := w.s.wake()
	due = due && !now.Before(at)
	if !due && (w.scanAt.IsZero() || now.Before(w.scanAt)) {
		return
	}
	// Who comes late has stood still, and events wait that belong to what is due.
	late := due && now.Sub(at) > w.o.Settle/2
	if !w.scanAt.IsZero() || late || w.doubtful() {
		w.scan()
	}
	for _, path := range w.pendingPaths() {
		w.look(path, now)
	}
	for _, path := range w.s.restless(now, restlessAfter) {
		w.trouble("rest "+path, "a file does not come to rest, so it is not read", "file", path, "settle", w.o.Settle)
	}
	if b, ok := w.s.take(now); ok {
		for _, path := range b.Changed {
			delete(w.told, "rest "+path)
		}
		deliver(b)
	}
}

// arm sets the timer to when report has something to do.
func (w *Watcher) arm(timer *time.Timer) {
	at, due := w.s.wake()
	if !w.scanAt.IsZero() && (!due || w.scanAt.Before(at)) {
		at, due = w.scanAt, true
	}
	timer.Stop()
	if due {
		timer.Reset(time.Until(at))
	}
}
