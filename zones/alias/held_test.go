package alias

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// has is what the owner of a record has, "" for nothing, behind "old:" what it still has.
func has(k *Keeper, record string) string {
	r := records(record)[0]
	text := joined(k.Answer(r).Addrs())
	if h, ok := k.Held(r); ok {
		return h.Target.String() + ": " + text
	}
	return text
}

// A record that is changed keeps the addresses of its last target until the new one is heard of.
func TestHeld(t *testing.T) {
	const oldRecord, badRecord, worse = "o.example. old.example.", "o.example. bad.example.", "o.example. worse.example."
	const other, second = "p.example. bad.example.", "q.example. bad.example."
	for _, c := range []struct {
		name  string
		steps [][]string // the records
		want  string     // what the owner of the first has at the end
	}{
		{"never had any", [][]string{{badRecord}}, ""},
		{"works", [][]string{{oldRecord}}, "192.0.2.1"},
		{"changed", [][]string{{oldRecord}, {badRecord}}, "old.example.: 192.0.2.1"},
		{"changed while both are told", [][]string{{oldRecord}, {oldRecord, badRecord}, {badRecord}}, "old.example.: 192.0.2.1"},
		{"changed twice", [][]string{{oldRecord}, {badRecord}, {worse}}, "old.example.: 192.0.2.1"},
		{"to what is known not to resolve", [][]string{{oldRecord, other}, {badRecord, other}}, "old.example.: 192.0.2.1"},
		{"another owner has nothing", [][]string{{oldRecord, other}, {other, badRecord}}, ""},
		{"a new owner has nothing", [][]string{{oldRecord}, {badRecord}, {second, badRecord}}, ""},
		{"removed, and written anew", [][]string{{oldRecord}, {badRecord}, {other}, {badRecord, other}}, ""},
		{"to one that resolves", [][]string{{oldRecord}, {badRecord}, {"o.example. good.example."}}, "192.0.2.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("old.example. A", "192.0.2.1", "good.example. A", "192.0.2.2", "bad.example. A", "-NXDOMAIN", "bad.example. AAAA", "-NXDOMAIN")
				k := New(Options{Ask: f.Ask, Random: fixed(0)})
				start(t, k)
				for _, s := range c.steps {
					k.Set(records(s...))
					synctest.Wait()
				}
				if got := has(k, c.steps[len(c.steps)-1][0]); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

// Back to the old target, which does not resolve any more: its addresses are there still. And the new one has its own as soon
// as it is heard of.
func TestHeldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("old.example. A", "192.0.2.1", "new.example. A", "!SERVFAIL", "new.example. AAAA", "!SERVFAIL")
		var log bytes.Buffer
		k := New(Options{Ask: f.Ask, Random: fixed(0), Log: slog.New(slog.NewTextHandler(&log, nil))})
		start(t, k)
		const oldRecord, newRecord = "o.example. old.example.", "o.example. new.example."
		expect := func(record, want string) {
			t.Helper()
			if got := has(k, record); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		k.Set(records(oldRecord))
		synctest.Wait()
		expect(newRecord, "old.example.: 192.0.2.1") // read, and not told of yet
		f.set("old.example. A", "!SERVFAIL", "old.example. AAAA", "!SERVFAIL")
		k.Set(records(newRecord))
		synctest.Wait()
		expect(newRecord, "old.example.: 192.0.2.1")
		const told = `level=WARN msg="still the addresses of old.example.: new.example. has not been resolved: SERVFAIL" owner=o.example.`
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), told); n != 1 {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
		k.Set(records(oldRecord))
		synctest.Wait()
		expect(oldRecord, "192.0.2.1")
		k.Set(records(newRecord))
		synctest.Wait()

		// A restart.
		states, err := Decode(Encode(k.States()))
		if err != nil {
			t.Fatal(err)
		}
		k = New(Options{Ask: f.Ask, Random: fixed(0)})
		k.Restore(states)
		expect(newRecord, "old.example.: 192.0.2.1")
		k.Set(records(newRecord))
		expect(newRecord, "old.example.: 192.0.2.1")
		start(t, k)
		f.set("new.example. A", "192.0.2.2", "new.example. AAAA", "-")
		k.Retry()
		time.Sleep(time.Minute)
		synctest.Wait()
		expect(newRecord, "192.0.2.2")
		if held := k.States()[0].Held; held != nil {
			t.Errorf("still held: %v", held)
		}
	})
}

// A record that is edited while nothing runs keeps what its owner had, as one that is edited meanwhile.
func TestHeldOverRestart(t *testing.T) {
	const before, edited, worse = "o.example. old.example.", "o.example. bad.example.", "o.example. worse.example."
	const other, newcomer = "p.example. old.example.", "n.example. bad.example."
	for _, c := range []struct {
		name       string
		then, next []string // the records of both runs
		want       string   // what the owner of the first of next has
	}{
		{"as it was", []string{before}, []string{before}, "192.0.2.1"},
		{"edited", []string{before}, []string{edited}, "old.example.: 192.0.2.1"},
		{"edited, and another one leads there still", []string{before, other}, []string{edited, other}, "old.example.: 192.0.2.1"},
		{"edited, and had what was held", []string{before, "", edited}, []string{worse}, "old.example.: 192.0.2.1"},
		{"edited, and another one had what was held", []string{before, "", edited}, []string{newcomer, edited}, ""},
		{"to one that resolves", []string{before}, []string{"o.example. good.example."}, "192.0.2.2"},
		{"a new one", []string{before}, []string{newcomer}, ""},
		{"what had nothing", []string{edited}, []string{worse}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("old.example. A", "192.0.2.1", "good.example. A", "192.0.2.2", "bad.example. A", "-NXDOMAIN", "worse.example. A", "!SERVFAIL", "worse.example. AAAA", "!SERVFAIL")
				k := New(Options{Ask: f.Ask, Random: fixed(0)})
				var list []string
				for _, r := range append(c.then, "") { // "" ends what is told at once
					if r != "" {
						list = append(list, r)
						continue
					}
					k.Set(records(list...))
					k.First(t.Context())
					list = nil
				}
				states, err := Decode(Encode(k.States()))
				if err != nil {
					t.Fatal(err)
				}
				k = New(Options{Ask: f.Ask, Random: fixed(0)})
				k.Restore(states)
				if got := has(k, c.next[0]); got != c.want && c.want != "192.0.2.2" {
					t.Errorf("before it is told of the records: got %q, want %q", got, c.want)
				}
				for range 2 { // a second reading changes nothing
					k.Set(records(c.next...))
					k.First(t.Context())
					if got := has(k, c.next[0]); got != c.want {
						t.Errorf("got %q, want %q", got, c.want)
					}
				}
			})
		})
	}
}

// What the last run had is for the first reading of a record; one that is removed then, and written anew, has nothing.
func TestHeldOfLastRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("old.example. A", "192.0.2.1", "bad.example. A", "-NXDOMAIN", "worse.example. A", "-NXDOMAIN", "other.example. A", "192.0.2.2")
		k := New(Options{Ask: f.Ask, Random: fixed(0)})
		k.Set(records("o.example. old.example."))
		k.First(t.Context())
		states, err := Decode(Encode(k.States()))
		if err != nil {
			t.Fatal(err)
		}
		k = New(Options{Ask: f.Ask, Random: fixed(0)})
		k.Restore(states)
		const edited, other, again = "o.example. bad.example.", "p.example. other.example.", "o.example. worse.example."
		for _, c := range []struct {
			records []string
			record  string
			want    string
		}{
			{[]string{edited, other}, edited, "old.example.: 192.0.2.1"},
			{[]string{other}, other, "192.0.2.2"},
			{[]string{other, again}, again, ""},
		} {
			k.Set(records(c.records...))
			k.First(t.Context())
			if got := has(k, c.record); got != c.want {
				t.Errorf("%v: got %q, want %q", c.records, got, c.want)
			}
		}
	})
}
