package route53

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	libdns "github.com/libdns/route53"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

func TestApply(t *testing.T) {
	start := []string{"a.example.com. 60 A 192.0.2.1|192.0.2.2", "c.example.com. 60 CNAME Host.example.net", `\052.w.example.com. 60 TXT "old"`}
	for _, c := range []struct {
		what    string
		wanted  []string
		batches [][]string
		held    []string
	}{
		{"nothing", nil, nil, nil},
		{"the same again", []string{"a.example.com. 60 IN A 192.0.2.2|a.example.com. 60 IN A 192.0.2.1", "c.example.com. 60 IN CNAME host.example.net."}, nil, nil},
		{"replace", []string{"a.example.com. 60 IN A 192.0.2.3"},
			[][]string{{"DELETE a.example.com. 60 A 192.0.2.1|192.0.2.2", "CREATE a.example.com. 60 A 192.0.2.3"}},
			[]string{`\052.w.example.com. 60 TXT "old"`, "a.example.com. 60 A 192.0.2.3", "c.example.com. 60 CNAME Host.example.net"}},
		{"TTL", []string{"a.example.com. 30 IN A 192.0.2.1|a.example.com. 30 IN A 192.0.2.2"},
			[][]string{{"DELETE a.example.com. 60 A 192.0.2.1|192.0.2.2", "CREATE a.example.com. 30 A 192.0.2.1|192.0.2.2"}},
			[]string{`\052.w.example.com. 60 TXT "old"`, "a.example.com. 30 A 192.0.2.1|192.0.2.2", "c.example.com. 60 CNAME Host.example.net"}},
		{"CNAME becomes addresses in one call, spelt as it was read", []string{"c.example.com. 60 IN AAAA 2001:db8::1", "c.example.com. 60 IN A 192.0.2.9", "c.example.com. CNAME"},
			[][]string{{"DELETE c.example.com. 60 CNAME Host.example.net", "CREATE c.example.com. 60 AAAA 2001:db8::1", "CREATE c.example.com. 60 A 192.0.2.9"}},
			[]string{`\052.w.example.com. 60 TXT "old"`, "a.example.com. 60 A 192.0.2.1|192.0.2.2", "c.example.com. 60 A 192.0.2.9", "c.example.com. 60 AAAA 2001:db8::1"}},
		{"wildcard and new", []string{`*.w.example.com. 60 IN TXT "caf\195\169"`, "n.example.com. 60 IN MX 0 ."},
			[][]string{{`DELETE \052.w.example.com. 60 TXT "old"`, `CREATE *.w.example.com. 60 TXT "caf\303\251"`, "CREATE n.example.com. 60 MX 0 ."}},
			[]string{`\052.w.example.com. 60 TXT "caf\303\251"`, "a.example.com. 60 A 192.0.2.1|192.0.2.2", "c.example.com. 60 CNAME Host.example.net", "n.example.com. 60 MX 0 ."}},
	} {
		f := newFake(start...)
		before := f.held()
		d := driver(t, f, nil, Options{})
		snap := snapshot(t, d)
		if err := d.Apply(t.Context(), example, snap, plans(t, snap, c.wanted...)); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if diff := cmp.Diff(c.batches, f.batches); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", c.what, diff)
		}
		if c.held == nil {
			c.held = before
		}
		if diff := cmp.Diff(c.held, f.held()); diff != "" {
			t.Errorf("%s: held (-want +got):\n%s", c.what, diff)
		}
		// Planned again, nothing is left to do.
		calls := len(f.batches)
		snap = snapshot(t, d)
		var again []string
		for _, w := range c.wanted {
			if len(strings.Fields(w)) > 2 {
				again = append(again, w)
			}
		}
		if err := d.Apply(t.Context(), example, snap, plans(t, snap, again...)); err != nil || len(f.batches) != calls {
			t.Errorf("%s: a second apply made %v, %v", c.what, f.batches[calls:], err)
		}
	}
}

// changeErrors returns "name type: kind" of each ChangeError.
func changeErrors(err error) []string {
	var out []string
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case *providers.ChangeError:
			kind := "?"
			for _, k := range []error{providers.ErrConflict, providers.ErrCannotHold, providers.ErrRefused} {
				if errors.Is(e.Err, k) {
					kind = k.Error()
					break
				}
			}
			out = append(out, fmt.Sprintf("%s %s: %s", e.Name, zones.TypeString(e.Type), kind))
		case interface{ Unwrap() []error }:
			for _, e := range e.Unwrap() {
				walk(e)
			}
		case nil:
		default:
			out = append(out, "other: "+err.Error())
		}
	}
	walk(err)
	return out
}

func TestConflicts(t *testing.T) {
	wanted := []string{"a.example.com. 60 IN A 192.0.2.9", "b.example.com. 60 IN A 192.0.2.9", "n.example.com. 60 IN A 192.0.2.9"}
	for _, c := range []struct {
		what   string
		meddle func(*fake)
		errs   []string
		held   []string
	}{
		{"changed by somebody else", func(f *fake) { f.put("a.example.com. 60 A 192.0.2.77") },
			[]string{"a.example.com. A: changed meanwhile"},
			[]string{"a.example.com. 60 A 192.0.2.77", "b.example.com. 60 A 192.0.2.9", "n.example.com. 60 A 192.0.2.9"}},
		{"gone", func(f *fake) { delete(f.sets, "a.example.com. A") },
			[]string{"a.example.com. A: changed meanwhile"},
			[]string{"b.example.com. 60 A 192.0.2.9", "n.example.com. 60 A 192.0.2.9"}},
		{"made by somebody else", func(f *fake) { f.put("n.example.com. 60 A 192.0.2.77") },
			[]string{"n.example.com. A: changed meanwhile"},
			[]string{"a.example.com. 60 A 192.0.2.9", "b.example.com. 60 A 192.0.2.9", "n.example.com. 60 A 192.0.2.77"}},
		{"done already", func(f *fake) { f.put("a.example.com. 60 A 192.0.2.9") }, nil,
			[]string{"a.example.com. 60 A 192.0.2.9", "b.example.com. 60 A 192.0.2.9", "n.example.com. 60 A 192.0.2.9"}},
		{"the same, spelt anew", func(f *fake) { f.put("b.example.com. 60 A 192.0.2.3|192.0.2.2") }, nil,
			[]string{"a.example.com. 60 A 192.0.2.9", "b.example.com. 60 A 192.0.2.9", "n.example.com. 60 A 192.0.2.9"}},
		{"became an alias", func(f *fake) {
			f.sets["a.example.com. A"] = types.ResourceRecordSet{Name: aws.String("a.example.com."), Type: "A", AliasTarget: &types.AliasTarget{DNSName: aws.String("d1.cloudfront.net.")}}
		}, []string{"a.example.com. A: changed meanwhile"}, nil},
	} {
		f := newFake("a.example.com. 60 A 192.0.2.1", "b.example.com. 60 A 192.0.2.2|192.0.2.3")
		d := driver(t, f, nil, Options{})
		snap := snapshot(t, d)
		f.meddle = func(f *fake, batch int) {
			if batch == 0 {
				c.meddle(f)
			}
		}
		err := d.Apply(t.Context(), example, snap, plans(t, snap, wanted...))
		if diff := cmp.Diff(c.errs, changeErrors(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", c.what, diff, err)
		}
		if c.held != nil {
			if diff := cmp.Diff(c.held, f.held()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.what, diff)
			}
		}
	}
}

// TestConflictTakesItsNameAlong: an address cannot come where the CNAME did not go.
func TestConflictTakesItsNameAlong(t *testing.T) {
	f := newFake("c.example.com. 60 CNAME a.example.net.")
	d := driver(t, f, nil, Options{})
	snap := snapshot(t, d)
	f.put("c.example.com. 60 CNAME b.example.net.")
	err := d.Apply(t.Context(), example, snap, plans(t, snap, "c.example.com. CNAME", "c.example.com. 60 IN A 192.0.2.1"))
	if diff := cmp.Diff([]string{"c.example.com. CNAME: changed meanwhile", "c.example.com. A: changed meanwhile"}, changeErrors(err)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"c.example.com. 60 CNAME b.example.net."}, f.held()); diff != "" {
		t.Error(diff)
	}
}

// TestOneBadRecord: what is refused for its value alone fails, and all else is done, in few calls.
func TestOneBadRecord(t *testing.T) {
	f := newFake()
	f.poison = "192.0.2.66"
	d := driver(t, f, nil, Options{})
	snap := snapshot(t, d)
	var wanted []string
	for i := range 100 {
		wanted = append(wanted, fmt.Sprintf("n%d.example.com. 60 IN A 192.0.2.%d", i, i))
	}
	err := d.Apply(t.Context(), example, snap, plans(t, snap, wanted...))
	if diff := cmp.Diff([]string{"n66.example.com. A: refused by the provider"}, changeErrors(err)); diff != "" {
		t.Error(diff, err)
	}
	if !strings.Contains(err.Error(), "FATAL problem") {
		t.Errorf("no reason in %v", err)
	}
	if got, want := len(f.held()), 99; got != want {
		t.Errorf("got %d sets, want %d", got, want)
	}
	if got, most := len(f.batches), 15; got > most {
		t.Errorf("%d calls, want at most %d", got, most)
	}
}

func TestRefusedWithoutACall(t *testing.T) {
	f := newFake("w.example.com. 60 A 192.0.2.1", "al.example.com. 60 A 192.0.2.1", "odd.example.com. 60 CAA nonsense")
	weighted := f.sets["w.example.com. A"]
	weighted.SetIdentifier, weighted.Weight = aws.String("blue"), aws.Int64(10)
	f.sets["w.example.com. A"] = weighted
	f.sets["al.example.com. A"] = types.ResourceRecordSet{Name: aws.String("al.example.com."), Type: "A", AliasTarget: &types.AliasTarget{DNSName: aws.String("d1.cloudfront.net.")}}
	d := driver(t, f, nil, Options{})
	snap := snapshot(t, d)
	var foreign []string
	for _, x := range snap.Foreign {
		foreign = append(foreign, fmt.Sprintf("%s %s %s", x.Name, zones.TypeString(x.Type), x.Text))
	}
	if diff := cmp.Diff([]string{"al.example.com. A alias to d1.cloudfront.net.", `odd.example.com. CAA value "nonsense": bad CAA Flag: "nonsense"`, `w.example.com. A weighted set "blue", weight 10`}, foreign); diff != "" {
		t.Error(diff)
	}
	changes := plans(t, snap, "w.example.com. 60 IN A 192.0.2.2", "al.example.com. 60 IN A 192.0.2.2", `odd.example.com. 60 IN CAA 0 issue "x"`,
		"example.com. 60 IN NS ns.example.net.", "example.com. 60 IN CNAME x.example.net.", "x.example.org. 60 IN A 192.0.2.1", "l.example.com. 60 IN LOC 1 N 1 E 0m 1m 1m 1m",
		"ok.example.com. 60 IN A 192.0.2.1")
	changes = append(changes, providers.Change{Name: zones.MustParseName("never.example.com"), Type: 1, Old: providers.RRset{RRset: rrset(t, "never.example.com. 60 IN A 192.0.2.1")}})
	err := d.Apply(t.Context(), example, snap, changes)
	want := []string{
		"w.example.com. A: refused by the provider", "al.example.com. A: refused by the provider", "odd.example.com. CAA: refused by the provider",
		"example.com. NS: refused by the provider", "example.com. CNAME: refused by the provider", "x.example.org. A: refused by the provider",
		"l.example.com. LOC: cannot be held", "never.example.com. A: changed meanwhile",
	}
	if diff := cmp.Diff(want, changeErrors(err)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]string{{"CREATE ok.example.com. 60 A 192.0.2.1"}}, f.batches); diff != "" {
		t.Error(diff)
	}
	if err := d.Apply(t.Context(), example, &providers.Snapshot{}, changes); !errors.Is(err, providers.ErrConflict) {
		t.Errorf("another's snapshot: %v", err)
	}
}

// TestPlanOfAnotherState: a change whose Old is not what the snapshot holds is never sent.
func TestPlanOfAnotherState(t *testing.T) {
	f := newFake("a.example.com. 60 A 192.0.2.1")
	d := driver(t, f, nil, Options{})
	snap := snapshot(t, d)
	changes := plans(t, snap, "a.example.com. 60 IN A 192.0.2.2")
	changes[0].Old.TTL = 61
	err := d.Apply(t.Context(), example, snap, changes)
	if diff := cmp.Diff([]string{"a.example.com. A: changed meanwhile"}, changeErrors(err)); diff != "" || len(f.batches) > 0 {
		t.Error(diff, f.batches)
	}
}

// TestBatchLimits: the fake panics at a batch over the limits.
func TestBatchLimits(t *testing.T) {
	f := newFake()
	d := driver(t, f, nil, Options{})
	apply := func(value string) {
		t.Helper()
		snap := snapshot(t, d)
		var wanted []string
		for i := range 12 { // 12 sets of 200 values: 2400; and of 3000 characters
			var lines []string
			for j := range 200 {
				lines = append(lines, fmt.Sprintf(value, i, i, j))
			}
			wanted = append(wanted, strings.Join(lines, "|"))
		}
		changes := plans(t, snap, wanted...)
		changes[7].Health = true
		f.batches, f.urgent = nil, nil
		if err := d.Apply(t.Context(), example, snap, changes); err != nil {
			t.Fatal(err)
		}
	}
	f.page = 300
	apply("n%d.example.com. 60 IN A 192.%d.0.%d")
	if got, want := len(f.batches), 4; got != want { // 1 urgent, 5+5+1 of 200
		t.Errorf("creation: %d calls, want %d", got, want)
	}
	if !f.urgent[0] || f.urgent[1] || !strings.HasPrefix(f.batches[0][0], "CREATE n7.") || len(f.batches[0]) != 1 {
		t.Errorf("the verdict's change is not first and alone: %.40s", f.batches[0])
	}
	apply("n%d.example.com. 60 IN A 198.%d.0.%d")
	if got, want := len(f.batches), 7; got != want { // 1 urgent, then 2 sets of 400 in each
		t.Errorf("replacement: %d calls, want %d", got, want)
	}
	for _, b := range f.batches {
		if len(b)%2 != 0 {
			t.Errorf("a change is split: %.60s", b)
		}
	}
	apply(`n%d.example.com. 60 IN TXT "%020d%050d"`)
	if got, want := len(f.batches), 7; got != want { // 1 urgent, then 2 sets of 14,400 characters in each
		t.Errorf("characters: %d calls, want %d", got, want)
	}
}

func TestErrorKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind error
		wait time.Duration // -1: no RetryError
	}{
		{apiError("Throttling"), providers.ErrRateLimited, time.Second},
		{apiError("PriorRequestNotComplete"), providers.ErrRateLimited, time.Second},
		{apiError("AccessDenied"), providers.ErrAuth, -1},
		{apiError("InvalidClientTokenId"), providers.ErrAuth, -1},
		{apiError("SignatureDoesNotMatch"), providers.ErrAuth, -1},
		{fmt.Errorf("get identity: %w", fmt.Errorf("%w: no file", providers.ErrAuth)), providers.ErrAuth, -1},
		{&types.NoSuchHostedZone{}, providers.ErrZoneNotFound, -1},
		{apiError("InternalError"), providers.ErrUnavailable, 0},
		{errors.New("connection refused"), providers.ErrUnavailable, 0},
	} {
		for _, call := range []string{"zones", "list", "change"} {
			f := newFake()
			d := driver(t, f, nil, Options{})
			f.fail = func(name string) error {
				if name == call {
					return c.err
				}
				return nil
			}
			snap, err := d.Snapshot(t.Context(), example)
			if call == "change" {
				if err != nil {
					t.Fatal(err)
				}
				err = d.Apply(t.Context(), example, snap, plans(t, snap, "x.example.com. 60 IN A 192.0.2.1"))
				if len(f.batches) != 1 {
					t.Errorf("%v: sent %d times, want once", c.err, len(f.batches))
				}
			}
			var retry *providers.RetryError
			wait := time.Duration(-1)
			if errors.As(err, &retry) {
				wait = retry.After
			}
			if !errors.Is(err, c.kind) || wait != c.wait {
				t.Errorf("%s: %v: got %v, wait %v, want %v, wait %v", call, c.err, err, wait, c.kind, c.wait)
			}
		}
	}
}

// TestUnknownStateStops: after an error that leaves the state unknown no further batch goes out.
func TestUnknownStateStops(t *testing.T) {
	f := newFake()
	d := driver(t, f, nil, Options{})
	snap := snapshot(t, d)
	changes := plans(t, snap, "a.example.com. 60 IN A 192.0.2.1", "b.example.com. 60 IN A 192.0.2.1")
	changes[1].Health = true
	f.fail = func(name string) error { return errors.New("EOF") }
	if err := d.Apply(t.Context(), example, snap, changes); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([][]string{{"CREATE b.example.com. 60 A 192.0.2.1"}}, f.batches); diff != "" {
		t.Error(diff)
	}
}

func TestNeverAPartOfAZone(t *testing.T) {
	for what, spoil := range map[string]func(*fake){
		"garbage":      func(f *fake) { f.garbage = true },
		"no SOA":       func(f *fake) { delete(f.sets, "example.com. SOA") },
		"not its name": func(f *fake) { f.put("www.example.org. 60 A 192.0.2.1") },
		"second page": func(f *fake) {
			n := 0
			f.fail = func(c string) error { n++; return map[bool]error{true: errors.New("EOF")}[n == 3] }
		},
		"same page again": func(f *fake) { f.page = 0 },
	} {
		f := newFake("a.example.com. 60 A 192.0.2.1", "b.example.com. 60 A 192.0.2.1")
		spoil(f)
		if snap, err := driver(t, f, nil, Options{}).Snapshot(t.Context(), example); err == nil {
			t.Errorf("%s: read %d RRsets", what, len(snap.RRsets))
		} else if errors.Is(err, providers.ErrZoneNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWaitInSync(t *testing.T) {
	for _, c := range []struct {
		polls int
		wait  time.Duration
		ok    bool
	}{{0, 0, true}, {3, 6 * time.Second, true}, {1000, 20 * time.Second, false}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.polls = c.polls
			d := driver(t, f, &libdns.Provider{WaitForRoute53Sync: true, Route53MaxWait: 20 * time.Second}, Options{})
			snap := snapshot(t, d)
			start := time.Now()
			err := d.Apply(t.Context(), example, snap, plans(t, snap, "a.example.com. 60 IN A 192.0.2.1"))
			if got := time.Since(start); got != c.wait || (err == nil) != c.ok {
				t.Errorf("%d polls: waited %v, want %v: %v", c.polls, got, c.wait, err)
			}
			if !c.ok && !errors.Is(err, providers.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}
