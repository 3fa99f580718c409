package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// What the operator's commands ask for and get. The JSON forms are a contract: JSON.md.

// planQuery selects mirrors, and says how far a plan or push may go.
type planQuery struct {
	Zone     string   `json:"zone"`     // empty: all
	Provider string   `json:"provider"` // empty: all
	Allow    []string `json:"allow"`    // ids of guards
	Hash     string   `json:"hash"`     // push: only the plan with this hash
	NoWait   bool     `json:"no_wait"`  // push: do not wait for name servers
}

// planReport is the plan of one mirror, or why there is none.
type planReport struct {
	Provider string          `json:"provider"`
	Type     string          `json:"type"`
	Zone     string          `json:"zone"`
	Plan     *providers.Plan `json:"plan,omitempty"`
	Error    string          `json:"error,omitempty"`
}

// pushReport is what a push did at one mirror.
type pushReport struct {
	planReport
	Applied    int      `json:"applied"`
	Left       []string `json:"left"`
	Asked      bool     `json:"asked"` // name servers were asked for what was applied
	Unverified []string `json:"unverified"`
	Unasked    []string `json:"unasked"`
	Blocked    []string `json:"blocked,omitempty"` // ids of guards that stand in the way
}

// statusReport is how everything stands.
type statusReport struct {
	Version  string    `json:"version"`
	Running  bool      `json:"running"`
	Started  time.Time `json:"started,omitzero"`
	Config   string    `json:"config"`
	Listen   []string  `json:"listen"`
	Problems []string  `json:"problems"` // of mangrove.yaml, the directory, the store
	Restart  []string  `json:"restart"`  // keys of mangrove.yaml that take a restart
	// RateLimit is nil where it does not run.
	RateLimit *rateLimitReport `json:"rate_limit,omitempty"`
	Zones     []zoneReport     `json:"zones"`
}

// zoneReport is how one zone stands.
type zoneReport struct {
	Zone       string             `json:"zone"`
	Serial     uint32             `json:"serial"`
	FileSerial uint32             `json:"file_serial"`
	Durable    bool               `json:"durable"`
	Since      time.Time          `json:"since,omitzero"` // of what is served
	Records    int                `json:"records"`
	File       string             `json:"file"`
	State      sourceState        `json:"state"`
	Problems   []string           `json:"problems"`
	Edits      editsMode          `json:"edits,omitempty"`
	Mode       actMode            `json:"mode,omitempty"`
	Health     []healthReport     `json:"health"`
	Aliases    []aliasReport      `json:"aliases"`
	Mirrors    []providers.Status `json:"mirrors"`
}

// healthReport is what was decided about one checked RRset.
type healthReport struct {
	Name     string         `json:"name"` // relative to the zone
	Type     string         `json:"type"`
	Outcome  string         `json:"outcome"` // with mode observe: "would be: …", and every target is served
	FailOpen bool           `json:"fail_open"`
	TTL      uint32         `json:"ttl"`
	Targets  []targetReport `json:"targets"`
}

// targetReport is one target of a checked RRset.
type targetReport struct {
	Target  string            `json:"target"`
	State   healthcheck.State `json:"state"`
	Served  bool              `json:"served"`
	Since   time.Time         `json:"since,omitzero"`
	Reason  string            `json:"reason"`
	Pending string            `json:"pending,omitempty"`
}

// Status tells how everything stands.
func (a *app) Status(ctx context.Context) (*statusReport, error) {
	// Asked before the lock: every mirror is judged anew for it.
	mirrors := make(map[string][]providers.Status)
	for _, s := range a.engine.Status() {
		mirrors[s.Zone] = append(mirrors[s.Zone], s)
	}
	a.mu.Lock()
	rep := &statusReport{
		Version: version(), Running: !a.started.IsZero(), Started: a.started, Config: a.config().path,
		RateLimit: a.rateLimitReport(),
		Listen:    []string{}, Problems: a.problems.texts(), Restart: append([]string{}, a.restart...), Zones: []zoneReport{},
	}
	for _, ap := range a.listen {
		rep.Listen = append(rep.Listen, ap.String())
	}
	a.mu.Unlock()
	rep.Problems = append(rep.Problems, a.storeProblems()...)
	for _, st := range a.snapshot() {
		z := a.zoneReport(ctx, &st)
		z.Mirrors = append(z.Mirrors, mirrors[z.Zone]...)
		rep.Zones = append(rep.Zones, z)
	}
	return rep, nil
}

// storeProblems tells what the journal can't keep up with.
func (a *app) storeProblems() []string {
	h := a.live.Health()
	var out []string
	if h.Err != nil {
		out = append(out, fmt.Sprintf("store: writing fails since %s (%d times): %v; %s not journaled, which providers wait for",
			when(h.FailingSince), h.Failures, h.Err, count(h.Pending, "zone")))
	}
	for _, origin := range h.Unreserved {
		if v, ok := a.live.Version(origin); ok && v.Zone.Signed() {
			out = append(out, fmt.Sprintf("store: %s is signed, and served with new content under serial %d, which did not rise: it is neither journaled nor mirrored until its file has a higher one", origin, v.Serial))
			continue
		}
		out = append(out, fmt.Sprintf("store: %s is served with new content under an old serial until the store can be written", origin))
	}
	return out
}

func (a *app) zoneReport(ctx context.Context, st *zoneState) zoneReport {
	origin := st.src.origin
	z := zoneReport{
		Zone: origin.String(), File: st.src.path, State: st.src.state, Problems: texts(slices.Concat(st.src.problems(), st.expiring, a.aliasProblems(st.src))),
		Health: []healthReport{}, Aliases: a.aliasReports(st.src), Mirrors: []providers.Status{},
	}
	if st.src.zone == nil {
		return z
	}
	z.FileSerial, z.Edits, z.Mode = st.src.zone.Serial(), st.src.conf.Edits, st.src.conf.Mode
	if v, ok := a.live.Version(origin); ok {
		z.Serial, z.Durable, z.Since, z.Records = v.Serial, v.Durable, v.Since, v.Zone.Records()
	} else if head, ok, err := a.store.Head(ctx, origin); err == nil && ok && head.Journaled && a.started.IsZero() {
		z.Serial, z.Durable, z.Since = head.Serial, true, head.Time // what the last run served
	}
	for _, key := range slices.SortedFunc(maps.Keys(st.decisions), rrsetKey.compare) {
		d := st.decisions[key]
		if len(d.Members) == 0 {
			continue
		}
		h := healthReport{Name: d.Name.Relative(origin), Type: zones.TypeString(d.Type), Outcome: d.Outcome, FailOpen: d.FailOpen, TTL: d.TTL, Targets: []targetReport{}}
		if z.Mode == "observe" {
			h.Outcome = "would be: " + h.Outcome
		}
		for _, m := range d.Members {
			t := a.targetReport(m)
			t.Served = t.Served || z.Mode == "observe"
			h.Targets = append(h.Targets, t)
		}
		z.Health = append(z.Health, h)
	}
	return z
}

// targetReport tells of a member what its newest verdicts are; what was decided is the member's own.
func (a *app) targetReport(m healthcheck.Member) targetReport {
	t := targetReport{Target: m.Target.String(), State: m.State, Served: m.Served, Reason: m.Reason}
	for _, old := range m.Verdicts {
		v := a.monitor.Verdict(old.Key)
		if v.State == m.State {
			t.Since = v.Since
			if v.Reason != "" && m.Reason == old.Reason {
				t.Reason = v.Reason
			}
		}
		if v.Pending != "" {
			t.Pending = v.Pending
		}
	}
	return t
}

func (k rrsetKey) compare(o rrsetKey) int {
	if c := k.name.Compare(o.name); c != 0 {
		return c
	}
	return int(k.typ) - int(o.typ)
}

// selected returns the mirrors that q names, by zone, then in the order of the zone's providers.
func (a *app) selected(q planQuery) ([]planReport, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	cfg := a.config()
	var want zones.Name
	if q.Zone != "" {
		var err error
		if want, err = zones.ParseName(q.Zone); err != nil {
			return nil, err
		}
		switch st := a.zones[want]; {
		case st == nil:
			return nil, fmt.Errorf("no zone %s", want)
		case st.src.zone == nil:
			return nil, hinted{fmt.Errorf("%s can't be served", want), "\"mangrove check\" says what is wrong"}
		}
	}
	if _, ok := cfg.Providers[q.Provider]; q.Provider != "" && !ok {
		return nil, errors.New(unknownProvider(q.Provider, cfg))
	}
	out := []planReport{}
	for _, origin := range slices.SortedFunc(maps.Keys(a.zones), zones.Name.Compare) {
		src := a.zones[origin].src
		if src.zone == nil || !want.IsZero() && origin != want {
			continue
		}
		for _, p := range src.conf.Providers {
			if q.Provider == "" || p == q.Provider {
				r := planReport{Provider: p, Type: cfg.Providers[p].Type, Zone: origin.String()}
				if _, ok := a.drivers[p]; !ok {
					r.Error = a.accountProblem(p)
				}
				out = append(out, r)
			}
		}
	}
	var broken []string
	for origin, st := range a.zones {
		if st.src.zone == nil {
			broken = append(broken, origin.String())
		}
	}
	slices.Sort(broken)
	switch {
	case len(out) > 0:
	case len(broken) > 0 && want.IsZero():
		return nil, hinted{fmt.Errorf("no zone to mirror: %s can't be served", strings.Join(broken, ", ")), "\"mangrove check\" says what is wrong"}
	case q.Provider != "":
		return nil, fmt.Errorf("no zone is mirrored to %s", q.Provider)
	case !want.IsZero():
		return nil, hinted{fmt.Errorf("%s is mirrored nowhere", want), "name providers in its NAME.yaml, or in zone_defaults of mangrove.yaml"}
	}
	return out, nil
}

// accountProblem says why there is no driver for an account.
func (a *app) accountProblem(provider string) string {
	for _, p := range a.problems.accounts {
		if strings.HasPrefix(p.Text, "providers."+provider+": ") {
			return p.String()
		}
	}
	return "there is no account " + provider
}

// durableWait is how long a plan or push waits for what is served to be journaled. A store that takes longer has a problem
// of its own; the plan is then that of the newest version that is journaled.
const durableWait = 5 * time.Second

// handOver makes sure that the engine knows what is served of the selected zones: providers get what is journaled, which
// is a moment behind.
func (a *app) handOver(ctx context.Context, reports []planReport) error {
	ctx, cancel := context.WithTimeout(ctx, durableWait)
	defer cancel()
	for _, r := range reports {
		origin := zones.MustParseName(r.Zone)
		v, served := a.live.Version(origin)
		if !served {
			continue // nothing is published without a daemon
		}
		if err := a.live.WaitDurable(ctx, origin, v.Serial); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	a.mirrorDurable()
	return nil
}

// eachMirror calls do for every report at once; calls at one provider are bounded by the engine.
func eachMirror[R any](reports []R, do func(*R)) {
	done := make(chan struct{})
	for i := range reports {
		go func() {
			defer func() { done <- struct{}{} }()
			do(&reports[i])
		}()
	}
	for range reports {
		<-done
	}
}

// Plan tells what would change at each mirror. That one can't be read keeps no other from being planned.
func (a *app) Plan(ctx context.Context, q planQuery) ([]planReport, error) {
	reports, err := a.selected(q)
	if err != nil {
		return nil, err
	}
	if err := a.handOver(ctx, reports); err != nil {
		return nil, err
	}
	eachMirror(reports, func(r *planReport) {
		if r.Error != "" {
			return
		}
		plan, err := a.engine.Plan(ctx, r.Provider, zones.MustParseName(r.Zone), providers.PlanOptions{Allow: q.Allow})
		if err != nil {
			r.Error = err.Error()
		}
		r.Plan = plan
	})
	return reports, nil
}

// Push makes each mirror hold what is served, and verifies it.
func (a *app) Push(ctx context.Context, q planQuery) ([]pushReport, error) {
	selected, err := a.selected(q)
	if err != nil {
		return nil, err
	}
	if err := a.handOver(ctx, selected); err != nil {
		return nil, err
	}
	reports := make([]pushReport, len(selected))
	for i, s := range selected {
		reports[i] = pushReport{planReport: s, Left: []string{}, Unverified: []string{}, Unasked: []string{}}
	}
	opts := providers.PushOptions{Allow: q.Allow, Hash: q.Hash}
	if q.NoWait {
		opts.Wait = -1
	}
	eachMirror(reports, func(r *pushReport) {
		if r.Error != "" {
			return
		}
		res, err := a.engine.Push(ctx, r.Provider, zones.MustParseName(r.Zone), opts)
		if res != nil {
			r.Plan, r.Applied, r.Asked = res.Plan, res.Applied, res.Asked
			r.Left, r.Unverified, r.Unasked = append(r.Left, res.Left...), append(r.Unverified, res.Unverified...), append(r.Unasked, res.Unasked...)
		}
		if err != nil {
			r.Error = err.Error()
		}
		var blocked *providers.BlockedError
		if errors.As(err, &blocked) {
			r.Blocked, _ = blocked.IDs()
		}
	})
	return reports, nil
}
