package live

import (
	"context"

	"github.com/mangrove-dns/mangrove/zones"
)

// compactable is a zone that is made of layers, which can be merged.
type compactable interface {
	NeedsCompaction() bool
	Compact() *zones.Zone
}

// needsCompaction says whether z has so many layers that they should be merged.
func needsCompaction(z *zones.Zone) bool {
	c, ok := any(z).(compactable)
	return ok && c.NeedsCompaction()
}

// askCompactLocked has z compacted if it needs it. When there is too much to do, a later change asks again.
func (p *Publisher) askCompactLocked(z *state) {
	if needsCompaction(z.served) {
		select {
		case p.compact <- z:
		default:
		}
	}
}

// compactor merges the layers of zones, one after another, aside.
func (p *Publisher) compactor(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case z := <-p.compact:
			if err := p.compactZone(z); err != nil {
				p.opts.Log.Error("compact zone", "zone", z.origin, "err", err)
			}
		}
	}
}

// compactZone puts a compact zone in place of the served one. It is the same version: nobody is told.
func (p *Publisher) compactZone(z *state) error {
	p.mu.Lock()
	old := z.served
	p.mu.Unlock()
	if old == nil || !needsCompaction(old) {
		return nil
	}
	c := any(old).(compactable).Compact()

	p.mu.Lock()
	defer p.mu.Unlock()
	if z.served == nil {
		return nil
	}
	if z.journaled.zone == old {
		z.journaled.zone = c
	}
	if z.served != old { // changed meanwhile: the changes cost little, for the two share a base
		var err error
		if c, err = c.With(zones.Diff(old, z.served)); err != nil {
			return err
		}
		if z.journaled.zone == z.served {
			z.journaled.zone = c
		}
	}
	z.served = c
	p.catalog.Store(p.catalog.Load().With(c))
	return nil
}
