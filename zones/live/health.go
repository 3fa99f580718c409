package live

import (
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// writeHealth is how journaling goes. Publisher.mu guards it.
type writeHealth struct {
	since           time.Time // the write in progress; zero: none
	failing         time.Time // the first failure in a row; zero: the last write went well
	failures        int       // in a row
	reserveFailures int       // ever
	err             error     // the last one
}

// Health says how durable what is served is.
type Health struct {
	Pending      int          // zones with a version that is not in the journal
	PendingSince time.Time    // since when there are some; zero: none
	WriteSince   time.Time    // the write in progress began; zero: none is. One that lasts tells of a disk that hangs
	Failures     int          // writes that failed in a row
	FailingSince time.Time    // the first of them; zero: the last write went well
	Err          error        // the last of them; nil: the last write went well
	Unreserved   []zones.Name // zones whose content is newer than their serial
}

// OK says that the store keeps up: nothing has failed since the last success, and no zone waits for a serial.
func (h Health) OK() bool { return h.Err == nil && len(h.Unreserved) == 0 }

// Health returns how journaling goes.
func (p *Publisher) Health() Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := Health{WriteSince: p.health.since, Failures: p.health.failures, FailingSince: p.health.failing, Err: p.health.err}
	for i := range p.writing {
		t := &p.writing[i] // not a copy: the version in it is the writer's alone
		if t.z.served != nil {
			h.note(t.z, t.waiting.since)
		}
	}
	for _, z := range p.queue {
		if z.served != nil && z.waiting != nil {
			h.note(z, z.waiting.since)
		}
	}
	return h
}

// note counts a zone that waits since then.
func (h *Health) note(z *state, since time.Time) {
	if h.Pending++; h.PendingSince.IsZero() || since.Before(h.PendingSince) {
		h.PendingSince = since
	}
	if z.unreserved {
		h.Unreserved = append(h.Unreserved, z.origin)
	}
}

// pendingLocked returns the zones with a version that is not in the journal: those that are being written, and those that wait.
func (p *Publisher) pendingLocked() []*state {
	var out []*state
	for i := range p.writing {
		t := &p.writing[i] // not a copy: the version in it is the writer's alone
		if t.z.served != nil {
			out = append(out, t.z)
		}
	}
	for _, z := range p.queue {
		if z.served != nil {
			out = append(out, z)
		}
	}
	return out
}
