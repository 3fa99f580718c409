package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/providers"
)

// drain takes until the budget says no, and returns how many calls that were.
func drain(t *testing.T, b *Budget, u use) int {
	t.Helper()
	for n := 0; ; n++ {
		if b.reserve(u) > 0 {
			return n
		}
	}
}

func TestBudgetKeepsReserves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		for _, c := range []struct {
			use  use
			want int
		}{{forEdits, 480}, {forReading, 60 + maxLent}, {forHealth, 60 - maxLent}, {forHealth, 0}, {forReading, 0}} {
			if got := drain(t, b, c.use); got != c.want {
				t.Errorf("use %d: %d calls, want %d", c.use, got, c.want)
			}
		}
	})
}

// Reading may begin a verdict's write out of what is kept for health: a few calls, down to half, until there is enough again.
func TestReadingBorrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		for _, c := range []struct {
			left    int
			reading int
			health  int
		}{{55, maxLent, 55 - maxLent}, {32, 2, 30}, {30, 0, 30}} {
			b.learn(fmt.Sprintf(`"default";r=%d;t=250`, c.left))
			if got := drain(t, b, forReading); got != c.reading {
				t.Errorf("%d left: %d calls for reading, want %d", c.left, got, c.reading)
			}
			if got := drain(t, b, forHealth); got != c.health {
				t.Errorf("%d left: %d calls for health, want %d", c.left, got, c.health)
			}
			time.Sleep(time.Hour) // full again
			if b.reserve(forReading) > 0 {
				t.Error("the budget is not full again")
			}
		}
	})
}

// Whatever the pattern, no five minutes see more than 1200 calls.
func TestBudgetNeverExceedsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		var sent []time.Time
		for i := range 400 {
			for b.reserve(forHealth) == 0 {
				sent = append(sent, time.Now())
			}
			time.Sleep(time.Duration(i*i%17) * time.Second)
		}
		for i := range sent {
			if j := i + 1200; j < len(sent) && sent[j].Sub(sent[i]) < 5*time.Minute {
				t.Fatalf("calls %d to %d within %v", i, j, sent[j].Sub(sent[i]))
			}
		}
		if len(sent) < 1200 {
			t.Errorf("only %d calls in all", len(sent))
		}
	})
}

func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		drain(t, b, forHealth)
		start := time.Now()
		if err := b.take(t.Context(), forHealth); err != nil || time.Since(start) > time.Second {
			t.Errorf("short wait: %v after %v", err, time.Since(start))
		}
		// The deadline comes before the next token: no use in waiting.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start = time.Now()
		var retry *providers.RetryError
		if err := b.take(ctx, forHealth); !errors.As(err, &retry) || time.Since(start) > 0 {
			t.Errorf("deadline: %v after %v", err, time.Since(start))
		}
		// Edits would wait for the reserve to fill up: too long.
		err := b.take(t.Context(), forEdits)
		if !errors.As(err, &retry) || !errors.Is(err, providers.ErrRateLimited) || retry.After < 50*time.Second || retry.After > 70*time.Second {
			t.Errorf("long wait: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		go cancel()
		if err := b.take(ctx, forHealth); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestBudgetObeysCloudflare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		b.learn(`"default";r=100;t=30`)
		if got := drain(t, b, forHealth); got != 100 {
			t.Errorf("%d calls, want 100", got)
		}
		time.Sleep(5 * time.Minute)
		b.learn(`"burst";r=0;t=40, "default";r=100;t=30`)
		if got := drain(t, b, forHealth); got != 0 {
			t.Errorf("%d calls while nothing is left", got)
		}
		time.Sleep(41 * time.Second)
		if got := drain(t, b, forHealth); got == 0 {
			t.Error("no calls after the reset")
		}
		b.block(time.Minute)
		b.block(time.Second) // the longer one holds
		time.Sleep(59 * time.Second)
		if got := drain(t, b, forHealth); got != 0 {
			t.Errorf("%d calls while blocked", got)
		}
		time.Sleep(time.Second)
		if got := drain(t, b, forHealth); got < 100 {
			t.Errorf("%d calls after the block", got)
		}
	})
}

func TestParseRatelimit(t *testing.T) {
	for header, want := range map[string]struct {
		left  int
		reset time.Duration
		ok    bool
	}{
		`"default";r=50;t=30`:        {50, 30 * time.Second, true},
		`"a";r=50;t=30, "b";r=7;t=3`: {7, 3 * time.Second, true},
		`"a"; t=30; r=0`:             {0, 30 * time.Second, true},
		`"a";r=5`:                    {5, 0, true},
		`"a";r=-5;t=x`:               {},
		``:                           {},
		`;;;,,,===`:                  {},
		`"default";r=99999999999999999999999;t=1`: {},
	} {
		left, reset, ok := parseRatelimit(header)
		if left != want.left || reset != want.reset || ok != want.ok {
			t.Errorf("%q: got %d, %v, %t", header, left, reset, ok)
		}
	}
}
