package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

// checkWait bounds how long check asks for targets.
const checkWait = 30 * time.Second

// aliasCheck is the part of check that is about the targets of ALIAS records.
type aliasCheck struct {
	cfg     *config
	resolve bool
	all     []*source // to look targets up in; with resolve alone
	records []alias.Record
}

// add takes up a source that was read.
func (c *aliasCheck) add(src *source) {
	c.records = append(c.records, src.aliasRecords()...)
	if c.resolve && src.zone != nil {
		c.all = append(c.all, src)
	}
}

// targets returns how many there are.
func (c *aliasCheck) targets() int {
	seen := make(map[zones.Name]bool)
	for _, r := range c.records {
		seen[r.Target] = true
	}
	return len(seen)
}

// problems resolves the targets, as serve does, and returns what is wrong with them.
func (c *aliasCheck) problems(ctx context.Context) []zones.Problem {
	if !c.resolve || len(c.records) == 0 {
		return nil
	}
	cat := c.catalog()
	client := &alias.Client{Servers: c.cfg.resolvers, Allowed: c.cfg.mayAlias}
	keeper := alias.New(alias.Options{Ask: client.Ask, Catalog: func() *zones.Catalog { return cat }})
	keeper.Set(c.records)
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	keeper.First(ctx)
	for range maxAliases {
		if !c.take(keeper) {
			break
		}
		cat = c.catalog()
		keeper.Follow()
	}
	kept := c.kept()
	var out []zones.Problem
	for _, r := range c.records {
		s, _ := keeper.State(r.Target)
		switch {
		case s.Problem == "" && s.Whole():
		case s.Problem == "":
			out = append(out, zones.Problem{Pos: r.Pos, Text: fmt.Sprintf("%s ALIAS %s is not resolved: no answer within %v", r.Owner, r.Target, checkWait)})
		case len(s.Addrs()) > 0:
			out = append(out, zones.Problem{Pos: r.Pos, Text: fmt.Sprintf("%s ALIAS %s is resolved in part: %s", r.Owner, r.Target, s.Problem)})
		default:
			out = append(out, zones.Problem{Pos: r.Pos, Text: fmt.Sprintf("%s ALIAS %s is not resolved: %s%s", r.Owner, r.Target, s.Problem, lastGood(kept[r.Target]))})
		}
	}
	return out
}

// kept returns what a server with the same data directory knew of targets. Without that, or the right to read it, the targets are judged
// alone.
func (c *aliasCheck) kept() map[zones.Name]alias.State {
	text, err := os.ReadFile(filepath.Join(c.cfg.Data, aliasFile))
	if err != nil {
		return nil
	}
	states, err := alias.Decode(text)
	if err != nil {
		return nil // serve says so
	}
	out := make(map[zones.Name]alias.State, len(states))
	for _, s := range states {
		out[s.Target] = s
	}
	return out
}

// lastGood goes on behind the problem of a target: what a server answers still, and since when nobody else says so.
func lastGood(s alias.State) string {
	addrs := s.Addrs()
	if len(addrs) == 0 {
		return ""
	}
	heard := s.Good
	if !s.Stale.IsZero() {
		heard = s.Stale
	}
	return fmt.Sprintf("; the server has its last good addresses, %s, heard %s", strings.Join(addrTexts(addrs), ", "), when(heard))
}

// take puts addresses into the sources, and says whether there were others before.
func (c *aliasCheck) take(keeper *alias.Keeper) (changed bool) {
	for i, src := range c.all {
		next, _, err := src.resolved(keeper.Answer, nil)
		if err != nil || next == src {
			continue // too many octets at a name: they stay unresolved, which is said
		}
		c.all[i], changed = next, true
	}
	return changed
}

func (c *aliasCheck) catalog() *zones.Catalog {
	list := make([]*zones.Zone, len(c.all))
	for i, src := range c.all {
		list[i] = src.loaded()
	}
	return zones.NewCatalog(list...)
}
