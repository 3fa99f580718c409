package main

import (
	"context"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// expiring returns what is wrong, at now, with the times of the signatures that the source's zone comes with.
func (src *source) expiring(now time.Time) []zones.Problem {
	if src.zone == nil || !src.zone.Signed() {
		return nil
	}
	out := zones.ExpiringSignatures(src.zone, now)
	for i := range out {
		out[i].Pos.File = src.path
	}
	return out
}

// warnExpiring logs what expiring says.
func (a *app) warnExpiring(src *source) {
	for _, p := range src.expiring(a.sources.now()) {
		a.log.Warn(p.Text, "zone", src.origin)
	}
}

// warnAllExpiring logs it of every zone.
func (a *app) warnAllExpiring(ctx context.Context) {
	a.mu.Lock()
	list := make([]*source, 0, len(a.zones))
	for _, st := range a.zones {
		if st.src.zone != nil && st.src.zone.Signed() {
			list = append(list, st.src)
		}
	}
	a.mu.Unlock()
	for _, src := range list {
		if ctx.Err() != nil {
			return
		}
		a.warnExpiring(src)
	}
}
