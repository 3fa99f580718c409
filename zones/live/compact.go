package live

import (
	"context"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
)

// askCompactLocked has z built again, aside, if so much of it was changed that it needs it. When there is too much to do, a later
// change asks again.
func (p *Publisher) askCompactLocked(z *state) {
	if z.served.NeedsCompaction() {
		select {
		case p.compact <- z:
		default:
		}
	}
}

// compactor compacts zones, one after another.
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
	if old == nil || !old.NeedsCompaction() {
		return nil
	}
	var c *zones.Zone
	p.opts.Aside(func() { c = old.Compact() })
	return p.replaceSame(z, old, c)
}

// Replace puts same, which holds exactly what old holds and is laid out in another way or place, where old is served of a
// zone, or where versions are that were made from it. It is the same version: nobody is told.
func (p *Publisher) Replace(origin zones.Name, old, same *zones.Zone) error {
	p.mu.Lock()
	z := p.zones[origin]
	p.mu.Unlock()
	if z == nil {
		return fmt.Errorf("replace %s: %w", origin, ErrNotServed)
	}
	return p.replaceSame(z, old, same)
}

// replaceSame puts c, which holds what old does, into its place, with what was changed since.
func (p *Publisher) replaceSame(z *state, old, c *zones.Zone) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if z.served == nil {
		return nil
	}
	journaled := z.journaled.zone
	if journaled == old {
		z.journaled.zone = c
	}
	if z.served != old { // changed meanwhile: the changes cost little, for the two share a base
		var err error
		if c, err = c.With(zones.Diff(old, z.served)); err != nil {
			return err
		}
		if journaled == z.served {
			z.journaled.zone = c
		}
	}
	z.served = c
	p.catalog.Store(p.catalog.Load().With(c))
	return nil
}
