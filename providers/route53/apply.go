package route53

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// unit is what must happen in one call: one change, or all changes of a name that a CNAME
// comes to or leaves, since it tolerates nothing beside it.
type unit struct {
	changes []providers.Change
	wire    []types.Change // deletions first
	values  int
	chars   int
	urgent  bool
}

// Apply implements providers.Driver. Batches that hold changes of a verdict go first. Every
// batch names the sets that it replaces as they were read, so that Route 53 refuses it whole
// where anything of it has changed; then the zone is read once more, and what is still as
// planned is tried again without the rest.
func (d *Driver) Apply(ctx context.Context, zone zones.Name, snap *providers.Snapshot, changes []providers.Change) error {
	tok, ok := snapToken(snap)
	if !ok {
		return fmt.Errorf("apply to %s: %w: the snapshot is not one of this provider's", zone, providers.ErrConflict)
	}
	units, errs := plan(zone, snap, tok, changes)
	var sent []string
	for _, b := range batches(units) {
		ids, err := d.applyBatch(ctx, zone, tok.zoneID, b)
		sent = append(sent, ids...)
		errs = append(errs, err)
		if err != nil && !onlyChangeErrors(err) {
			d.forget(zone, err)
			break // the state is unknown, and the next batch would fail the same way
		}
	}
	if d.provider.WaitForRoute53Sync {
		errs = append(errs, d.waitInSync(ctx, sent))
	}
	return errors.Join(errs...)
}

func snapToken(snap *providers.Snapshot) (token, bool) {
	if snap == nil {
		return token{}, false
	}
	tok, ok := snap.Token.(token)
	return tok, ok
}

// plan makes the calls' contents, and refuses at once what cannot be done.
func plan(zone zones.Name, snap *providers.Snapshot, tok token, changes []providers.Change) ([]unit, []error) {
	var errs []error
	held := index(snap)
	byName := make(map[zones.Name][]providers.Change)
	var order []zones.Name
	for _, c := range changes {
		if c.Old.IsZero() && c.New.IsZero() || !c.Old.IsZero() && !c.New.IsZero() && providers.Equal(c.Old, c.New) {
			continue
		}
		err := refuse(zone, snap, c)
		if err == nil && !c.Old.IsZero() && !same(held[key{c.Name, c.Type}], c.Old) {
			err = fmt.Errorf("%w: the plan replaces what the snapshot does not have", providers.ErrConflict)
		}
		if err != nil {
			errs = append(errs, changeError(c, err))
			continue
		}
		if byName[c.Name] == nil {
			order = append(order, c.Name)
		}
		byName[c.Name] = append(byName[c.Name], c)
	}
	var units []unit
	for _, name := range order {
		for _, group := range together(byName[name]) {
			u, err := makeUnit(group, tok.sets)
			if err != nil {
				for _, c := range group {
					errs = append(errs, changeError(c, err))
				}
				continue
			}
			units = append(units, u)
		}
	}
	return units, errs
}

func index(snap *providers.Snapshot) map[key]providers.RRset {
	m := make(map[key]providers.RRset, len(snap.RRsets))
	for _, s := range snap.RRsets {
		m[key{s.Name, s.Type}] = s
	}
	return m
}

func changeError(c providers.Change, err error) error {
	return &providers.ChangeError{Name: c.Name, Type: c.Type, Err: err}
}

// refuse says why a change is not even tried.
func refuse(zone zones.Name, snap *providers.Snapshot, c providers.Change) error {
	apex := c.Name == zone
	switch {
	case !c.Name.Within(zone):
		return fmt.Errorf("%w: not within %s", providers.ErrRefused, zone)
	case apex && (c.Type == dns.TypeSOA || c.Type == dns.TypeNS):
		return fmt.Errorf("%w: %s at the apex is Route 53's own and never changed", providers.ErrRefused, zones.TypeString(c.Type))
	case apex && c.Type == dns.TypeCNAME && !c.New.IsZero():
		return fmt.Errorf("%w: no CNAME at the apex", providers.ErrRefused)
	}
	for _, f := range snap.Foreign {
		if f.Name == c.Name && (f.Type == c.Type || f.Type == 0) {
			return fmt.Errorf("%w: there is something at Route 53 that is not ours: %s", providers.ErrRefused, f.Text)
		}
	}
	if c.New.IsZero() {
		return nil
	}
	_, _, err := project(c.New)
	if err != nil {
		return fmt.Errorf("%w: %w", providers.ErrCannotHold, err)
	}
	return nil
}

// together splits one name's changes into those that depend on each other.
func together(changes []providers.Change) [][]providers.Change {
	if slices.ContainsFunc(changes, func(c providers.Change) bool { return c.Type == dns.TypeCNAME }) {
		return [][]providers.Change{changes}
	}
	var out [][]providers.Change
	for _, c := range changes {
		out = append(out, []providers.Change{c})
	}
	return out
}

// makeUnit writes the changes as Route 53 takes them; sets are what was listed.
func makeUnit(changes []providers.Change, sets map[key]types.ResourceRecordSet) (unit, error) {
	u := unit{changes: changes}
	var creates []types.Change
	for _, c := range changes {
		u.urgent = u.urgent || c.Health
		if !c.Old.IsZero() {
			set := sets[key{c.Name, c.Type}] // there, since c.Old was compared with it
			u.wire = append(u.wire, types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: &set})
		}
		if !c.New.IsZero() {
			set, err := encodeSet(c.New.RRset)
			if err != nil {
				return unit{}, fmt.Errorf("%w: %w", providers.ErrCannotHold, err)
			}
			creates = append(creates, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: set})
		}
	}
	u.wire = append(u.wire, creates...)
	for _, w := range u.wire {
		u.values += len(w.ResourceRecordSet.ResourceRecords)
		for _, r := range w.ResourceRecordSet.ResourceRecords {
			u.chars += len([]rune(aws.ToString(r.Value)))
		}
	}
	if u.values > batchValues || u.chars > batchChars {
		return unit{}, fmt.Errorf("%w: the change needs %d values of %d characters in one step, Route 53 takes %d of %d",
			providers.ErrCannotHold, u.values, u.chars, batchValues, batchChars)
	}
	return u, nil
}

func encodeSet(s zones.RRset) (*types.ResourceRecordSet, error) {
	set := &types.ResourceRecordSet{
		Name: aws.String(encodeName(s.Name)),
		Type: types.RRType(zones.TypeString(s.Type)),
		TTL:  aws.Int64(int64(s.TTL)),
	}
	for i := range s.Data {
		v, err := encodeValue(s, i)
		if err != nil {
			return nil, err
		}
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return set, nil
}

// batches fills calls up to their limits, those that cannot wait first and on their own. A
// unit is never split.
func batches(units []unit) [][]unit {
	units = slices.Clone(units)
	slices.SortStableFunc(units, func(a, b unit) int { return cmp.Compare(rank(a), rank(b)) })
	var out [][]unit
	var batch []unit
	values, chars := 0, 0
	for _, u := range units {
		full := values+u.values > batchValues || chars+u.chars > batchChars
		if len(batch) > 0 && (full || batch[0].urgent != u.urgent) {
			out, batch, values, chars = append(out, batch), nil, 0, 0
		}
		batch, values, chars = append(batch, u), values+u.values, chars+u.chars
	}
	if len(batch) > 0 {
		out = append(out, batch)
	}
	return out
}

func rank(u unit) int {
	if u.urgent {
		return 0
	}
	return 1
}

// applyBatch sends a batch. Where it is refused, it finds out what of it can be done, and does
// that. The ids are those of the changes that Route 53 accepted.
func (d *Driver) applyBatch(ctx context.Context, zone zones.Name, id string, batch []unit) ([]string, error) {
	ctx = withUrgency(ctx, batch[0].urgent)
	change, err := d.send(ctx, zone, id, batch)
	if err == nil {
		return []string{change}, nil
	}
	if !errors.Is(err, providers.ErrRefused) {
		return nil, err
	}
	d.log.DebugContext(ctx, "route53 batch refused", "zone", zone.String(), "changes", len(batch), "error", err)
	fresh, readErr := d.read(ctx, zone, id)
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	rest, errs := still(batch, fresh)
	if len(rest) == 0 {
		return nil, errors.Join(errs...)
	}
	ids, err := d.bisect(ctx, zone, id, rest, err, len(rest) == len(batch))
	return ids, errors.Join(append(errs, err)...)
}

// still keeps the units that the zone, read again, is as planned for. What holds its new state
// already is done; what holds neither is an error.
func still(batch []unit, fresh *providers.Snapshot) ([]unit, []error) {
	tok, _ := snapToken(fresh)
	now := index(fresh)
	var rest []unit
	var errs []error
	for _, u := range batch {
		var open []providers.Change
		var stale []string
		for _, c := range u.changes {
			have := now[key{c.Name, c.Type}]
			switch {
			case slices.ContainsFunc(fresh.Foreign, func(f providers.Foreign) bool { return f.Name == c.Name && f.Type == c.Type }):
				stale = append(stale, zones.TypeString(c.Type))
			case same(have, c.New):
			case same(have, c.Old):
				open = append(open, c)
			default:
				stale = append(stale, zones.TypeString(c.Type))
			}
		}
		if len(stale) > 0 {
			for _, c := range u.changes {
				errs = append(errs, changeError(c, fmt.Errorf("%w: Route 53 holds another %s here now", providers.ErrConflict, strings.Join(stale, " and "))))
			}
			continue
		}
		if len(open) == 0 {
			continue
		}
		again, err := makeUnit(open, tok.sets)
		if err != nil {
			for _, c := range open {
				errs = append(errs, changeError(c, err))
			}
			continue
		}
		rest = append(rest, again)
	}
	return rest, errs
}

func same(a, b providers.RRset) bool { return providers.Equal(a, b) }

// bisect does what can be done of units that are as planned: one of them is refused for what
// is wanted, and it alone shall fail. tried says that all of them together were refused with
// err a moment ago.
func (d *Driver) bisect(ctx context.Context, zone zones.Name, id string, units []unit, err error, tried bool) ([]string, error) {
	if !tried {
		var change string
		if change, err = d.send(ctx, zone, id, units); err == nil {
			return []string{change}, nil
		}
		if !errors.Is(err, providers.ErrRefused) {
			return nil, err
		}
	}
	if len(units) == 1 {
		return nil, refusal(units[0], err)
	}
	half := len(units) / 2
	left, errLeft := d.bisect(ctx, zone, id, units[:half], err, false)
	if errLeft != nil && !onlyChangeErrors(errLeft) {
		return left, errLeft
	}
	right, errRight := d.bisect(ctx, zone, id, units[half:], err, false)
	return append(left, right...), errors.Join(errLeft, errRight)
}

// refusal makes one error a change of a unit that was refused alone.
func refusal(u unit, err error) error {
	if isStale(err) {
		err = fmt.Errorf("%w: %w", providers.ErrConflict, err)
	}
	var errs []error
	for _, c := range u.changes {
		errs = append(errs, changeError(c, err))
	}
	return errors.Join(errs...)
}

// onlyChangeErrors says whether every leaf of a joined error is about a single change, so that
// the state of all else is known.
func onlyChangeErrors(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(e error) bool { return !onlyChangeErrors(e) })
	}
	_, ok := err.(*providers.ChangeError)
	return ok
}

// send makes one call with all units, and returns the change's id. The SDK does not repeat it:
// whether the first one was done is then for a reading to say.
func (d *Driver) send(ctx context.Context, zone zones.Name, id string, units []unit) (string, error) {
	in := &r53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String(id), ChangeBatch: &types.ChangeBatch{Comment: aws.String("mangrove")}}
	for _, u := range units {
		in.ChangeBatch.Changes = append(in.ChangeBatch.Changes, u.wire...)
	}
	done, err := d.turn(ctx, id)
	if err != nil {
		return "", d.classify("change records of "+zone.String(), err)
	}
	defer done()
	out, err := call(ctx, d, "change records of "+zone.String(), d.api.ChangeResourceRecordSets, in, func(o *r53.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil {
		return "", err
	}
	if out.ChangeInfo == nil {
		return "", fmt.Errorf("change records of %s: %w: the answer has no change", zone, providers.ErrUnavailable)
	}
	return aws.ToString(out.ChangeInfo.Id), nil
}

// turn waits until no other change of the hosted zone is under way: Route 53 would answer
// PriorRequestNotComplete.
func (d *Driver) turn(ctx context.Context, id string) (done func(), err error) {
	d.mu.Lock()
	t := d.turns[id]
	if t == nil {
		t = make(chan struct{}, 1)
		d.turns[id] = t
	}
	d.mu.Unlock()
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pollEvery is how often a change is asked for: they take about half a minute.
const pollEvery = 2 * time.Second

// waitInSync returns when all name servers of Route 53 have the changes.
func (d *Driver) waitInSync(ctx context.Context, ids []string) error {
	most := d.provider.Route53MaxWait
	if most == 0 {
		most = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for _, id := range ids {
		for {
			out, err := call(ctx, d, "get change "+id, d.api.GetChange, &r53.GetChangeInput{Id: aws.String(bareID(id))})
			if err != nil {
				return fmt.Errorf("accepted, but not known to be in sync: %w", err)
			}
			if out.ChangeInfo != nil && out.ChangeInfo.Status == types.ChangeStatusInsync {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("accepted, but change %s is not in sync yet: %w: %w", id, providers.ErrUnavailable, ctx.Err())
			}
		}
	}
	return nil
}
