package providers

import "github.com/mangrove-dns/mangrove/zones"

// lines tells held -> want value by value: what comes, what goes, what stays with another TTL; each with its reason.
func (p *planner) lines(k Key, held, want RRset) []Line {
	h, w := valuesOf(held), valuesOf(want)
	b := lineMaker{p: p, key: k, want: w, wrote: p.state.owns(k)}
	applied, _ := p.state.applied(k)
	b.applied, b.approved = valuesOf(applied), valuesOf(p.state.Approved[k])
	b.loaded = p.loadedValues(k)

	var out []Line
	for _, v := range w.canon {
		if !h.has(v) {
			out = append(out, b.added(want, w.index[v], v))
		}
	}
	for _, v := range h.canon {
		if !w.has(v) {
			out = append(out, b.removed(held, h.index[v], v))
		}
	}
	attrs := differentAttrs(held, want)
	if held.TTL != want.TTL || attrs != "" {
		for _, v := range w.canon {
			if h.has(v) {
				out = append(out, b.altered(held, want, w.index[v], applied, attrs))
			}
		}
	}
	if p.follows(k) {
		for i := range out {
			out[i].followed()
		}
	}
	return out
}

// followed says of a line that seems to be an edit that it follows an ALIAS record, which was not edited.
func (l *Line) followed() {
	if l.Why == Edited && l.Op != Alter {
		l.Why, l.Reason = Aliased, "the target of the ALIAS record has other addresses"
	}
}

// loadedValues maps the canonical form of each value of the loaded RRset, as the provider would hold it, to its RDATA
// as written: reasons are asked for that.
func (p *planner) loadedValues(k Key) map[string][]byte {
	out := make(map[string][]byte)
	set, ok := p.loaded[k]
	if !ok {
		return out
	}
	for i, d := range Canonical(set).Data {
		out[string(d)] = set.Data[i]
	}
	return out
}

type lineMaker struct {
	p                       *planner
	key                     Key
	want, applied, approved values
	loaded                  map[string][]byte
	wrote                   bool
}

func (b lineMaker) line(op Op, s RRset, i int) Line {
	return Line{Op: op, Name: b.key.Name.Relative(b.p.in.Zone), TTL: s.TTL, Type: zones.TypeString(b.key.Type), Text: s.Text(i)}
}

// reason returns why a value is withdrawn, "" where it is not.
func (b lineMaker) reason(canon string) string {
	if b.p.in.Reasons == nil {
		return ""
	}
	rdata, ok := b.loaded[canon]
	if !ok {
		rdata = []byte(canon)
	}
	return b.p.in.Reasons(b.key.Name, b.key.Type, rdata)
}

func (b lineMaker) added(s RRset, i int, v string) Line {
	l := b.line(Add, s, i)
	_, inFile := b.loaded[v]
	switch {
	case b.applied.has(v):
		l.Why, l.Reason = Drift, "drift: someone removed it there"
	case b.approved.has(v):
		l.Why, l.Reason = Restored, "restored"
	case b.wrote && !inFile:
		l.Why, l.Reason = Restored, "standby: takes the place of what is withdrawn"
	default:
		l.Why = Edited
	}
	return l
}

func (b lineMaker) removed(s RRset, i int, v string) Line {
	l := b.line(Remove, s, i)
	_, inFile := b.loaded[v]
	why := b.reason(v)
	switch {
	case len(b.want.canon) == 0:
		l.Why, l.Reason = b.gone(v)
	case why != "":
		l.Why, l.Reason = Withdrawn, "withdrawn: "+why
	case inFile:
		l.Why, l.Reason = Withdrawn, "withdrawn: not served now"
	case b.approved.has(v):
		l.Why = Edited
	case b.applied.has(v):
		l.Why, l.Reason = Withdrawn, "standby: no longer needed"
	case b.wrote:
		l.Why, l.Reason = Drift, notOurs
	default:
		l.Why, l.Reason = Adopted, beforeUs
	}
	return l
}

// Reasons for values that a plan removes and that we did not put there.
const (
	notOurs  = "drift: not put there by us"
	beforeUs = "stood there before us"
)

// gone returns why a value goes with its whole RRset, which is never a verdict's doing.
func (b lineMaker) gone(v string) (Why, string) {
	switch {
	case b.wrote && b.p.follows(b.key) && !b.approved.has(v) && !b.applied.has(v):
		return Drift, notOurs
	case b.wrote:
		return Edited, ""
	}
	return Adopted, beforeUs
}

func (b lineMaker) altered(held, want RRset, i int, applied RRset, attrs string) Line {
	l := b.line(Alter, want, i)
	if held.TTL != want.TTL {
		l.OldTTL = held.TTL
	}
	l.Attrs = attrs
	switch {
	case !b.wrote:
		l.Why = Adopted
	case held.TTL != applied.TTL && held.TTL != want.TTL || applied.TTL == want.TTL && differentAttrs(held, applied) != "":
		l.Why, l.Reason = Drift, "drift: not set by us"
	default:
		l.Why = Edited
	}
	return l
}
