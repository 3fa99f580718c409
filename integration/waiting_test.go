package integration

import (
	"sync"
	"testing"
	"time"
)

// How long anything may take that is waited for. Nothing is asserted by it: it tells a test that hangs from one that is slow.
const patience = 90 * time.Second

// eventually polls until what is so, and fails the test where that takes longer than anything may. why says what is
// in the way.
func eventually(t testing.TB, what string, holds func() (ok bool, why string)) {
	t.Helper()
	eventuallyWithin(t, patience, what, holds)
}

// eventuallyWithin is eventually for what may take longer than anything else.
func eventuallyWithin(t testing.TB, wait time.Duration, what string, holds func() (ok bool, why string)) {
	t.Helper()
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, why := holds()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never: %s\n%s", what, why)
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		}
	}
}

// meanwhile does something again and again beside the test, with a pause between, as long as it returns true. stop ends that, and
// returns when it has ended; the end of the test does the same.
func meanwhile(t testing.TB, pause time.Duration, do func() bool) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if !do() {
				return
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		close(done)
		<-ended
	})
	t.Cleanup(stop)
	return stop
}
