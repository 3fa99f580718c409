package route53

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Limits of Route 53. A change of an RRset is one DELETE and one CREATE in one batch, so that
// an RRset may have half of what a batch may.
const (
	maxTTL        = 1<<31 - 1
	maxValues     = 400    // of an RRset
	maxValueChars = 4000   // of a value, escapes as they are written
	batchValues   = 1000   // of a batch
	batchChars    = 32_000 // of a batch, over all values
	maxSetChars   = batchChars / 2
)

// Project implements providers.Driver.
func (d *Driver) Project(s providers.RRset) (providers.RRset, []string, error) {
	held, notes, err := project(s)
	if err != nil {
		return providers.RRset{}, nil, fmt.Errorf("%w: %w", providers.ErrCannotHold, err)
	}
	return held, notes, nil
}

func project(s providers.RRset) (held providers.RRset, notes []string, err error) {
	held = providers.RRset{RRset: s.RRset}
	for _, k := range sortedKeys(s.Attrs) {
		notes = append(notes, fmt.Sprintf("attribute %q is left out: Route 53 has no such thing", k))
	}
	if s.IsZero() {
		return held, notes, nil
	}
	typ := zones.TypeString(s.Type)
	switch {
	case s.Type == dns.TypeSOA:
		return held, nil, fmt.Errorf("the SOA is made by Route 53")
	case !isHeld(s.Type):
		return held, nil, fmt.Errorf("there are no %s records at Route 53", typ)
	case s.Type == dns.TypeNS && s.Name.IsWildcard():
		return held, nil, fmt.Errorf("no NS records at a wildcard at Route 53")
	}
	if s.TTL > maxTTL {
		held.TTL = maxTTL
		notes = append(notes, fmt.Sprintf("TTL %d becomes %d", s.TTL, maxTTL))
	}
	if unique := withoutRepeats(held.RRset); len(unique.Data) < len(held.Data) {
		notes = append(notes, fmt.Sprintf("%d values that differ from others in letter case only are left out", len(held.Data)-len(unique.Data)))
		held.RRset = unique
	}
	return held, notes, checkSize(held.RRset)
}

// checkSize measures what would be sent.
func checkSize(s zones.RRset) error {
	if len(s.Data) > maxValues {
		return fmt.Errorf("%d values, %d are the limit", len(s.Data), maxValues)
	}
	total := 0
	for i := range s.Data {
		v, err := encodeValue(s, i)
		if err != nil {
			return err
		}
		if len(v) > maxValueChars {
			return fmt.Errorf("a value of %d characters as Route 53 writes it, %d are the limit", len(v), maxValueChars)
		}
		if err := checkBinding(s, i); err != nil {
			return err
		}
		total += len(v)
	}
	if total > maxSetChars {
		return fmt.Errorf("values of %d characters together, %d are the limit if they are to be changed in one step", total, maxSetChars)
	}
	return nil
}

// checkBinding: AliasMode with parameters (RFC 9460 2.4.2) is refused by Route 53.
func checkBinding(s zones.RRset, i int) error {
	if s.Type != dns.TypeHTTPS && s.Type != dns.TypeSVCB {
		return nil
	}
	rr, err := s.RR(i)
	if err != nil {
		return err
	}
	var b *dns.SVCB
	switch rr := rr.(type) {
	case *dns.HTTPS:
		b = &rr.SVCB
	case *dns.SVCB:
		b = rr
	}
	if b != nil && b.Priority == 0 && len(b.Value) > 0 {
		return fmt.Errorf("%s in alias mode (priority 0) with parameters", zones.TypeString(s.Type))
	}
	return nil
}

func isHeld(rrtype uint16) bool {
	_, ok := heldTypes[rrtype]
	return ok
}

// withoutRepeats drops records that equal an earlier one but for the case of names in them.
func withoutRepeats(s zones.RRset) zones.RRset {
	canonical := providers.Canonical(s)
	out := s
	out.Data = nil
	for i, d := range s.Data {
		if slices.IndexFunc(canonical.Data, func(c []byte) bool { return bytes.Equal(c, canonical.Data[i]) }) == i {
			out.Data = append(out.Data, d)
		}
	}
	return out
}

// Visible implements providers.Driver: Route 53 answers what it holds.
func (d *Driver) Visible(s providers.RRset) (zones.RRset, bool) { return s.RRset, true }

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
