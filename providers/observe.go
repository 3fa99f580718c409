package providers

import (
	"context"
	"log/slog"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// observe notes what a reading showed, with nothing left to be applied by itself.
func (w *worker) observe(snap *Snapshot, full *Plan) {
	var refused []Loss
	for _, k := range sorted(w.refused) {
		refused = append(refused, Loss{k.Name.Relative(w.key.zone), zones.TypeString(k.Type), w.refused[k].text})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	o := &w.seen
	o.readAt, o.readFailed, o.full, o.waiting, o.refused = snap.Time, false, full, false, refused
	o.verified, o.generation = w.session.state.Verified, w.session.state.Generation
	if o.readAt.IsZero() {
		o.readAt = w.opt.Now()
	}
}

// behind notes that something is to be applied and not done yet.
func (w *worker) behind() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.readFailed, w.seen.waiting = false, true
}

// checkVerified notes that everything is there, once the name servers say so too.
func (w *worker) checkVerified(full *Plan) {
	if !full.Empty() || w.verifier.busy() {
		return
	}
	now := w.opt.Now()
	st := w.session.state
	if st.Verified.Serial != full.Serial || now.Sub(st.Verified.Time) >= w.opt.Reread/2 {
		st.Verified = Verified{now, full.Serial}
		w.session.dirty = true
	}
	w.mu.Lock()
	w.seen.verified = st.Verified
	w.mu.Unlock()
}

// unread notes that a reading failed.
func (w *worker) unread() {
	w.mu.Lock()
	w.seen.readFailed = true
	w.mu.Unlock()
}

// failed notes an error, and says it once.
func (w *worker) failed(ctx context.Context, err error, next time.Time) {
	text := err.Error()
	w.mu.Lock()
	again := w.seen.err == text
	w.seen.err, w.seen.errAt, w.seen.nextTry = text, w.opt.Now(), next
	w.mu.Unlock()
	if st := w.session.state; st != nil && st.Error != text {
		st.Error, st.ErrorAt = text, w.opt.Now()
		w.session.dirty = true
	}
	level := slog.LevelWarn
	if again {
		level = slog.LevelDebug
	}
	w.opt.Log.Log(ctx, level, "mirror", "zone", w.key.zone, "provider", w.key.provider, "err", err, "next", next)
}

// fine notes that the last round went well.
func (w *worker) fine(ctx context.Context) {
	w.mu.Lock()
	was := w.seen.err
	w.seen.err, w.seen.errAt, w.seen.nextTry = "", time.Time{}, time.Time{}
	w.mu.Unlock()
	if st := w.session.state; st != nil && st.Error != "" {
		st.Error, st.ErrorAt = "", time.Time{}
		w.session.dirty = true
	}
	if was != "" {
		w.opt.Log.InfoContext(ctx, "mirror reached again", "zone", w.key.zone, "provider", w.key.provider)
	}
}

// rephase judges anew where the mirror stands, and says it where that has changed.
func (w *worker) rephase() {
	unverified, diverged := w.verifier.problems()
	w.mu.Lock()
	o := &w.seen
	old := o.phase
	if phase := o.judge(w.mirror.Edits, len(unverified) > 0, diverged); phase != old {
		o.phase, o.since = phase, w.opt.Now()
	}
	now := o.phase
	w.mu.Unlock()
	if now != old {
		w.opt.Log.Info("mirror is "+string(now), "zone", w.key.zone, "provider", w.key.provider, "was", string(old))
	}
}

// recall takes what is kept of a mirror that was not read yet, so that a status can tell of the last run. It gives
// way to whoever is at work.
func (w *worker) recall() {
	select {
	case w.lock <- struct{}{}:
	default:
		return
	}
	defer func() { <-w.lock }()
	if w.session.state != nil {
		return
	}
	err := w.session.open()
	w.mu.Lock()
	defer w.mu.Unlock()
	o := &w.seen
	if err != nil {
		o.err, o.errAt = err.Error(), w.opt.Now()
		return
	}
	st := w.session.state
	o.verified, o.generation = st.Verified, st.Generation
	if o.err == "" {
		o.err, o.errAt = st.Error, st.ErrorAt
	}
}
