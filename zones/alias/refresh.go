package alias

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// askTimeout bounds how long a target is asked for, all servers and tries together.
const askTimeout = 15 * time.Second

// spread is by how much of its time a refresh comes later, at most.
const spread = 0.1

// First asks for those targets of which nothing is known yet, and returns when each was asked for once, or ctx ends. Run need
// not run. A question that ctx cuts short counts for nothing.
func (k *Keeper) First(ctx context.Context) {
	var all sync.WaitGroup
	var list []*target
	k.mu.Lock()
	for _, t := range k.targets {
		if t.Own || t.asked || t.Whole() {
			continue
		}
		if wait := t.asking; wait != nil { // by Run
			all.Go(func() {
				select {
				case <-wait:
				case <-ctx.Done():
				}
			})
			continue
		}
		k.startLocked(t)
		list = append(list, t)
	}
	k.mu.Unlock()
	var next atomic.Int64
	for range min(len(list), k.opts.Parallel) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				k.refresh(ctx, list[i])
			}
		})
	}
	all.Wait()
}

// Retry is to be called when there are other resolvers, or Options.Refused says otherwise than before. The targets that could not
// be resolved are asked for now, and not when their time comes; addresses that are refused now are dropped at once.
func (k *Keeper) Retry() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.screenAllLocked()
	for _, t := range k.targets {
		if t.Problem != "" && t.place >= 0 {
			k.due.remove(t)
			t.Next, t.failures = time.Now(), 0
			k.due.put(t)
		}
	}
	poke(k.wake)
}

// Run keeps the targets fresh until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		list, wait := k.take()
		for _, t := range list {
			all.Go(func() { k.refresh(ctx, t) })
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-k.wake:
		case <-timer.C:
		}
	}
}

// take returns the targets that are due, as many as there is room for, and how long the next one has.
func (k *Keeper) take() (list []*target, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	for len(k.due) > 0 && k.asking < k.opts.Parallel {
		t := k.due[0]
		if wait := t.Next.Sub(now); wait > 0 {
			return list, wait
		}
		k.startLocked(t)
		list = append(list, t)
	}
	return list, time.Hour // somebody pokes when there is room, or something new
}

func (k *Keeper) startLocked(t *target) {
	k.due.remove(t)
	t.asking = make(chan struct{})
	k.asking++
}

// refresh asks for both families of a target.
func (k *Keeper) refresh(ctx context.Context, t *target) {
	k.mu.Lock()
	asks := t.Asks
	k.mu.Unlock()
	v4, v6 := k.ask(ctx, asks)

	k.mu.Lock()
	defer k.mu.Unlock()
	close(t.asking)
	t.asking = nil
	k.asking--
	poke(k.wake)
	switch {
	case k.targets[t.Target] != t || t.Own:
		return // no longer asked for
	case t.Asks != asks:
		t.Next = time.Now()
	case over(ctx) != nil && (v4.err != nil || v6.err != nil):
		t.Next = time.Now() // cut short: no answer, and no failure
	default:
		k.noteLocked(t, v4, v6)
		t.Next = time.Now().Add(k.pauseLocked(t, v4, v6))
	}
	k.due.put(t)
}

// ask asks for both families of a name, unless ctx is over.
func (k *Keeper) ask(ctx context.Context, name zones.Name) (v4, v6 outcome) {
	if err := over(ctx); err != nil {
		return outcome{err: err}, outcome{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() { v4.Reply, v4.err = k.opts.Ask(ctx, name, false) })
	both.Go(func() { v6.Reply, v6.err = k.opts.Ask(ctx, name, true) })
	both.Wait()
	return v4, v6
}

// pauseLocked returns how long it is until t is asked for again.
func (k *Keeper) pauseLocked(t *target, v4, v6 outcome) time.Duration {
	d := k.opts.Max
	if t.Problem != "" {
		d = k.opts.RetryMax
		if n := t.failures; n <= 10 {
			d = min(d, k.opts.Min<<(n-1))
		}
	}
	for _, o := range [...]outcome{v4, v6} { // one that has addresses does not wait for the other's failures
		if o.has() {
			d = min(d, o.TTL)
		}
	}
	d = max(d, min(k.opts.Max, k.opts.Min<<max(0, t.turns-steady)))
	if t.Rotating = t.turns > steady; t.Rotating {
		t.Every = d
	} else {
		t.Every = 0
	}
	return d + time.Duration(k.opts.Random()*spread*float64(d))
}
