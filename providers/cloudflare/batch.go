package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
)

// A batch is one transaction. The API carries out deletes, then patches, then posts, whatever the order in the body.
type batch struct {
	Deletes []operation `json:"deletes,omitempty"`
	Patches []operation `json:"patches,omitempty"`
	Posts   []operation `json:"posts,omitempty"`
}

// An operation is one record of a batch. What is nil is not sent: a patch leaves it as it is.
type operation struct {
	ID      string    `json:"id,omitempty"`
	Type    string    `json:"type,omitempty"`
	Name    string    `json:"name,omitempty"`
	TTL     uint32    `json:"ttl,omitempty"`
	Proxied *bool     `json:"proxied,omitempty"`
	Comment *string   `json:"comment,omitempty"`
	Tags    *[]string `json:"tags,omitempty"`
	payload
}

func (b *batch) size() int { return len(b.Deletes) + len(b.Patches) + len(b.Posts) }

func (b *batch) join(o batch) {
	b.Deletes = append(b.Deletes, o.Deletes...)
	b.Patches = append(b.Patches, o.Patches...)
	b.Posts = append(b.Posts, o.Posts...)
}

// write returns the operation that makes a new record of a change.
func write(c providers.Change, h *held, rdata []byte) (operation, error) {
	name, err := apiName(c.Name)
	if err != nil {
		return operation{}, err
	}
	p, err := encode(c.Type, rdata)
	if err != nil {
		return operation{}, err
	}
	op := operation{Type: dns.TypeToString[c.Type], Name: name, TTL: c.New.TTL, payload: p}
	if proxiable(c.Type) {
		// A new record beside a proxied one is proxied in effect: say so.
		proxied := wantsProxied(c, h.anyProxied())
		op.Proxied = &proxied
	}
	if v, ok := asked(c.New.Attrs, attrComment); ok && v != "" {
		op.Comment = &v
	}
	if v, ok := asked(c.New.Attrs, attrTags); ok && v != "" {
		tags := splitTags(v)
		op.Tags = &tags
	}
	op.setTTL(op.Proxied != nil && *op.Proxied, h.smallestTTL())
	return op, nil
}

// setTTL: proxied records have TTL 1. An RRset with mixed TTLs that is to keep them has no TTL for a new record; the
// smallest one found is it.
func (op *operation) setTTL(proxied bool, found uint32) {
	switch {
	case proxied:
		op.TTL = 1
	case op.TTL == mixedTTL:
		op.TTL = found
	}
}

func (h *held) smallestTTL() uint32 {
	least := uint32(autoTTL)
	for i, v := range h.records {
		if i == 0 || v.ttl() < least {
			least = v.ttl()
		}
	}
	return least
}

func wantsProxied(c providers.Change, otherwise bool) bool {
	if v, ok := asked(c.New.Attrs, attrProxied); ok {
		return v == "true"
	}
	return otherwise
}

// adapt makes a patch of rec out of an operation: what the change does not ask for, and what rec has already, is not sent.
func (op *operation) adapt(rec *record, c providers.Change) {
	op.Proxied, op.Comment, op.Tags = nil, nil, nil
	proxied := rec.Proxied
	if proxiable(c.Type) {
		if proxied = wantsProxied(c, rec.Proxied); proxied != rec.Proxied {
			op.Proxied = &proxied
		}
	}
	if op.TTL = wantedTTL(rec, c, proxied); op.TTL == rec.TTL {
		op.TTL = 0
	}
	if v, ok := asked(c.New.Attrs, attrComment); ok && v != rec.Comment {
		op.Comment = &v
	}
	if v, ok := asked(c.New.Attrs, attrTags); ok && v != joinTags(rec.Tags) {
		tags := splitTags(v)
		op.Tags = &tags
	}
}

// wantedTTL is what rec is to have: what it has where that has the wanted effect.
func wantedTTL(rec *record, c providers.Change, proxied bool) uint32 {
	switch {
	case proxied:
		return 1
	case !rec.Proxied && isProxied(c.New) && c.New.Attrs[attrProxied] != "true":
		return rec.TTL // beside a proxied one: its TTL does not count
	case c.New.TTL == mixedTTL && rec.Proxied:
		return autoTTL
	case c.New.TTL == mixedTTL, !rec.Proxied && c.New.TTL == rec.ttl():
		return rec.TTL
	}
	return c.New.TTL
}

// alter returns the patch of a record whose value stays, and whether there is anything to change. The value is not sent: if
// somebody changes it in this moment, theirs stays.
func alter(c providers.Change, v value) (operation, bool) {
	op := operation{ID: v.ID}
	op.adapt(v.record, c)
	return op, op.Proxied != nil || op.Comment != nil || op.Tags != nil || op.TTL != 0
}

// send carries out the groups, those of verdicts first, as many in one transaction as the plan allows. After a failure that
// leaves open what was done it stops.
func (d *Driver) send(ctx context.Context, info *zoneInfo, groups []*group) []error {
	limit := d.plan.batchLimit(info.Plan.LegacyID)
	slices.SortStableFunc(groups, byHealth)
	var problems []error
	parts := pack(groups, limit)
	for i, part := range parts {
		bad, err := d.sendPart(ctx, info, part, limit)
		problems = append(problems, bad...)
		if err != nil {
			return append(problems, fmt.Errorf("batch %d of %d: %w", i+1, len(parts), err))
		}
	}
	return problems
}

// pack puts groups together up to the limit, health and edits apart: an edit's refusal must not cost a verdict time.
func pack(groups []*group, limit int) [][]*group {
	var parts [][]*group
	size := 0
	for i, g := range groups {
		b := g.batch()
		if i == 0 || groups[i-1].health != g.health || size+b.size() > limit {
			parts = append(parts, nil)
			size = 0
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], g)
		size += b.size()
	}
	return parts
}

// sendPart sends groups as one transaction. Where it is refused as a whole, it is halved until the refused changes stand
// alone: one bad record must not hold up the others, at its own name neither.
func (d *Driver) sendPart(ctx context.Context, info *zoneInfo, part []*group, limit int) (problems []error, err error) {
	var all batch
	u := forEdits
	for _, g := range part {
		all.join(g.batch())
		if g.health {
			u = forHealth
		}
	}
	err = d.post(ctx, info, all, u, limit)
	switch {
	case err == nil:
		return nil, nil
	case !errors.Is(err, providers.ErrRefused) && !errors.Is(err, providers.ErrConflict):
		return nil, err
	}
	if len(part) == 1 {
		halves := part[0].halves()
		if halves == nil {
			for _, c := range part[0].changes {
				problems = append(problems, changeError(c, err)...)
			}
			return problems, nil
		}
		part = halves
	}
	for _, half := range [][]*group{part[:len(part)/2], part[len(part)/2:]} {
		bad, err := d.sendPart(ctx, info, half, limit)
		problems = append(problems, bad...)
		if err != nil {
			return problems, err
		}
	}
	return problems, nil
}

// post sends one batch. What is answered beyond success is not believed: whoever wants to know reads again.
func (d *Driver) post(ctx context.Context, info *zoneInfo, b batch, u use, limit int) error {
	for _, part := range split(b, limit) {
		_, err := d.client.call(ctx, request{method: http.MethodPost, path: "/zones/" + info.ID + "/dns_records/batch", body: part, use: u})
		if err != nil {
			return fmt.Errorf("%d operations: %w", part.size(), err)
		}
	}
	return nil
}

// split cuts a batch that is larger than the limit, which only one name's can be. What comes goes before what goes, so that no
// RRset is empty in between. A CNAME cannot stand beside what replaces it: there the last that goes and the first that
// comes are in one transaction.
func split(b batch, limit int) []batch {
	if b.size() <= limit {
		return []batch{b}
	}
	var parts []batch
	each := func(ops []operation, part func([]operation) batch) {
		for some := range slices.Chunk(ops, limit) {
			parts = append(parts, part(some))
		}
	}
	deletes := func(ops []operation) batch { return batch{Deletes: ops} }
	patches := func(ops []operation) batch { return batch{Patches: ops} }
	posts := func(ops []operation) batch { return batch{Posts: ops} }
	if !exchangesCNAME(b) {
		each(b.Patches, patches)
		each(b.Posts, posts)
		each(b.Deletes, deletes)
		return parts
	}
	come := min(len(b.Posts), limit/2)
	stay := len(b.Deletes) - min(len(b.Deletes), limit-come)
	each(b.Deletes[:stay], deletes)
	parts = append(parts, batch{Deletes: b.Deletes[stay:], Posts: b.Posts[:come]})
	each(b.Posts[come:], posts)
	each(b.Patches, patches)
	return parts
}

// exchangesCNAME: something goes that a CNAME comes for, or the reverse.
func exchangesCNAME(b batch) bool {
	isCNAME := func(op operation) bool { return op.Type == "CNAME" }
	return len(b.Deletes) > 0 && len(b.Posts) > 0 && (slices.ContainsFunc(b.Deletes, isCNAME) || slices.ContainsFunc(b.Posts, isCNAME))
}
