package powerdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Apply implements providers.Driver.
func (d *Driver) Apply(ctx context.Context, zone zones.Name, _ *providers.Snapshot, changes []providers.Change) error {
	done, err := d.turn(ctx, zone)
	if err != nil {
		return err
	}
	defer done()
	now, err := d.read(ctx, zone)
	if err != nil {
		return err
	}
	sets, errs := now.patches(changes)
	for _, batch := range batches(sets) {
		errs = append(errs, d.write(ctx, zone, batch)...)
	}
	return errors.Join(errs...)
}

// patchSet is an RRset of a PATCH, with what it is to mean.
type patchSet struct {
	rrsetJSON
	change providers.Change
	bound  bool // to the others at its name
}

// bound are the names where a CNAME takes the place of other data, or the reverse: their changes stand or fall together.
func bound(changes []providers.Change) map[zones.Name]bool {
	names := make(map[zones.Name]bool)
	for _, c := range changes {
		if c.Type == dns.TypeCNAME && c.Old.IsZero() != c.New.IsZero() {
			names[c.Name] = true
		}
	}
	return names
}

// patches turns changes into RRsets of a PATCH; the errors are of those that can't be written, and of those bound to them.
func (h *held) patches(changes []providers.Change) (sets []patchSet, errs []error) {
	together, bad := bound(changes), make(map[zones.Name]bool)
	refuse := func(c providers.Change, err error) {
		errs = append(errs, &providers.ChangeError{Name: c.Name, Type: c.Type, Err: err})
		bad[c.Name] = true
	}
	for _, c := range changes {
		k := providers.Key{Name: c.Name, Type: c.Type}
		now := h.sets[k]
		if providers.Equal(now, c.New) {
			continue // done already
		}
		if !providers.Equal(now, c.Old) {
			refuse(c, providers.ErrConflict)
			continue
		}
		set, err := h.patch(k, c)
		if err != nil {
			refuse(c, err)
			continue
		}
		set.bound = together[c.Name]
		sets = append(sets, set)
	}
	sets = slices.DeleteFunc(sets, func(s patchSet) bool {
		drop := s.bound && bad[s.change.Name]
		if drop {
			refuse(s.change, fmt.Errorf("%w: another change at the name can't be made", providers.ErrConflict))
		}
		return drop
	})
	return sets, errs
}

// patch makes the RRset of a PATCH for one change; disabled records of it are sent back as they are. Records
// that can't be read can't be vouched for: their RRset is left to people.
func (h *held) patch(k providers.Key, c providers.Change) (patchSet, error) {
	if strange := h.unreadable[k]; len(strange) > 0 {
		return patchSet{}, fmt.Errorf("%w: the RRset has records there that can't be read, and would go with it: change or delete them there: %q",
			providers.ErrRefused, strange)
	}
	out := patchSet{change: c, rrsetJSON: rrsetJSON{Name: c.Name.String(), Type: zones.TypeString(c.Type), ChangeType: "REPLACE",
		TTL: c.New.TTL, Records: []recordJSON{}}}
	for i := range c.New.Data {
		text, err := content(c.New.RRset, i)
		if err != nil {
			return out, fmt.Errorf("%w: %w", providers.ErrCannotHold, err)
		}
		out.Records = append(out.Records, recordJSON{Content: text})
	}
	for _, r := range h.disabled[k] {
		data, err := parseContent(c.Name, out.Type, r.Content)
		if err == nil && slices.ContainsFunc(c.New.Data, func(d []byte) bool { return bytes.Equal(d, data) }) {
			return out, fmt.Errorf("%w: %s is there, but disabled: enable or delete it there", providers.ErrRefused, r.Content)
		}
		out.Records = append(out.Records, r)
	}
	switch {
	case len(out.Records) == 0:
		out.ChangeType = "DELETE"
	case c.New.IsZero():
		out.TTL = c.Old.TTL // disabled records alone remain
	}
	return out, nil
}

// A unit is what a refusal does not part at first: a name's verdicts, or its edits, or all that is bound.
type unit struct {
	name  zones.Name
	later int // 0: a verdict's
}

func units(sets []patchSet) func(patchSet) unit {
	verdict := make(map[zones.Name]bool)
	for _, s := range sets {
		verdict[s.change.Name] = verdict[s.change.Name] || s.change.Health
	}
	return func(s patchSet) unit {
		if s.change.Health || s.bound && verdict[s.change.Name] {
			return unit{s.change.Name, 0}
		}
		return unit{s.change.Name, 1}
	}
}

// batches splits RRsets into PATCHes: verdicts first and without edits, units whole, and within each PATCH deletions first,
// or a CNAME would meet the data whose place it takes.
func batches(sets []patchSet) [][]patchSet {
	of := units(sets)
	slices.SortStableFunc(sets, func(a, b patchSet) int {
		u, v := of(a), of(b)
		if c := u.later - v.later; c != 0 {
			return c
		}
		return u.name.Compare(v.name)
	})
	var out [][]patchSet
	size := 0
	for i := 0; i < len(sets); {
		end, n := i, 0
		for ; end < len(sets) && of(sets[end]) == of(sets[i]); end++ {
			n += 200
			for _, r := range sets[end].Records {
				n += 50 + 2*len(r.Content)
			}
		}
		if len(out) == 0 || size+n > maxPatch || of(sets[i]).later != of(sets[i-1]).later {
			out, size = append(out, nil), 0
		}
		out[len(out)-1] = append(out[len(out)-1], sets[i:end]...)
		size += n
		i = end
	}
	for _, b := range out {
		slices.SortStableFunc(b, func(a, b patchSet) int { return rank(a) - rank(b) })
	}
	return out
}

func rank(s patchSet) int {
	if s.ChangeType == "DELETE" {
		return 0
	}
	return 1
}

// write sends one batch. Where the server refuses it, it is told what it complains about: another spelling is taken where it
// means the same; else the batch is parted, so that one bad record keeps no other back.
func (d *Driver) write(ctx context.Context, zone zones.Name, batch []patchSet) []error {
	err := d.spell(ctx, zone, batch)
	var refused *refusedError
	if err == nil || !errors.As(err, &refused) {
		return compact(err)
	}
	first, second := halve(batch)
	if len(second) == 0 {
		var errs []error
		for _, s := range batch {
			errs = append(errs, &providers.ChangeError{Name: s.change.Name, Type: s.change.Type, Err: err})
		}
		return errs
	}
	return append(d.write(ctx, zone, first), d.write(ctx, zone, second)...)
}

// halve parts a batch between names, or, where it has one name alone, between its RRsets. What is bound is never parted.
func halve(batch []patchSet) (first, second []patchSet) {
	var names []zones.Name
	for _, s := range batch {
		if !slices.Contains(names, s.change.Name) {
			names = append(names, s.change.Name)
		}
	}
	switch {
	case len(names) > 1:
		names = names[:len(names)/2]
		for _, s := range batch {
			if slices.Contains(names, s.change.Name) {
				first = append(first, s)
			} else {
				second = append(second, s)
			}
		}
		return first, second
	case batch[0].bound:
		return batch, nil
	}
	n := (len(batch) + 1) / 2
	return batch[:n], batch[n:]
}

func compact(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

// spelling is how the server says which spelling it wants.
var spelling = regexp.MustCompile(`'(.*)': Not in expected format \(parsed as '(.*)'\)`)

// spell sends a batch, in the server's own spelling where it insists on one.
func (d *Driver) spell(ctx context.Context, zone zones.Name, batch []patchSet) error {
	for {
		sets := make([]rrsetJSON, len(batch))
		for i, s := range batch {
			sets[i] = s.rrsetJSON
		}
		err := d.patch(ctx, zone, sets)
		var refused *refusedError
		if !errors.As(err, &refused) {
			return err
		}
		m := spelling.FindStringSubmatch(refused.words)
		if m == nil || !respell(batch, m[1], m[2]) {
			return err
		}
	}
}

// respell replaces a content by what the server would write, if both mean the same octets. It says whether it did.
func respell(batch []patchSet, is, want string) bool {
	if is == want {
		return false
	}
	for _, s := range batch {
		for i, r := range s.Records {
			if r.Content != is || r.Disabled {
				continue
			}
			a, err := parseContent(s.change.Name, s.Type, is)
			b, err2 := parseContent(s.change.Name, s.Type, want)
			if err != nil || err2 != nil || !bytes.Equal(a, b) {
				return false
			}
			s.Records[i].Content = want
			return true
		}
	}
	return false
}

// content spells record i as PowerDNS does, as far as that is known; spell sees to the rest.
func content(s zones.RRset, i int) (string, error) {
	rr, err := s.RR(i)
	if err != nil {
		return "", err
	}
	switch rr := rr.(type) {
	case *dns.RFC3597:
		return fmt.Sprintf(`\# %d %s`, len(s.Data[i]), rr.Rdata), nil
	case *dns.DS:
		rr.Digest = strings.ToLower(rr.Digest)
	case *dns.LOC:
		return loc(rr), nil
	case *dns.CERT: // no mnemonics
		return fmt.Sprintf("%d %d %d %s", rr.Type, rr.KeyTag, rr.Algorithm, rr.Certificate), nil
	case *dns.AAAA:
		if rr.AAAA.To4() != nil { // no dotted quad at the end
			return fmt.Sprintf("::ffff:%x:%x", s.Data[i][12:14], s.Data[i][14:16]), nil
		}
	case *dns.SVCB:
		return svcb(rr), nil
	case *dns.HTTPS:
		return svcb(&rr.SVCB), nil
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String()), nil
}

// svcb spells an SVCB or HTTPS: the port without quotes, all else in them (RFC 9460 2.1 leaves it open).
func svcb(s *dns.SVCB) string {
	out := fmt.Sprintf("%d %s", s.Priority, s.Target)
	for _, v := range s.Value {
		text := v.String()
		switch {
		case v.Key() == dns.SVCB_NO_DEFAULT_ALPN:
			out += " " + v.Key().String()
		case v.Key() == dns.SVCB_PORT:
			out += " " + v.Key().String() + "=" + text
		default:
			out += fmt.Sprintf(" %s=\"%s\"", v.Key(), text)
		}
	}
	return out
}

// loc spells a LOC with all its decimals (RFC 1876 3, as PowerDNS wants it).
func loc(l *dns.LOC) string {
	angle := func(v uint32, positive, negative string) string {
		letter, ms := positive, int64(v)-1<<31
		if ms < 0 {
			letter, ms = negative, -ms
		}
		return fmt.Sprintf("%d %d %d.%03d %s", ms/3600000, ms/60000%60, ms/1000%60, ms%1000, letter)
	}
	metres := func(p uint8) string {
		cm := int64(p >> 4)
		for range p & 15 {
			cm *= 10
		}
		return fmt.Sprintf("%d.%02dm", cm/100, cm%100)
	}
	cm := int64(l.Altitude) - 10000000
	sign := ""
	if cm < 0 {
		sign, cm = "-", -cm
	}
	return fmt.Sprintf("%s %s %s%d.%02dm %s %s %s", angle(l.Latitude, "N", "S"), angle(l.Longitude, "E", "W"), sign, cm/100, cm%100,
		metres(l.Size), metres(l.HorizPre), metres(l.VertPre))
}
