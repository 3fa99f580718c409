package main

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
	"github.com/mangrove-dns/mangrove/zones/alias"
)

// ALIAS records: between reading and everything else. A source with ALIAS records is taken up as its zone with addresses in their
// place (source.loaded): from there on nobody knows of them. New addresses make another source of the same files.

const (
	// aliasWait is how long new zones wait for the first answers about their targets. Those that are not there by then are
	// published as unknown, and follow: other zones must not wait for somebody else's servers.
	aliasWait = 3 * time.Second
	// aliasPause is between two publications of new addresses, and saveAliases between two writes of the file. checkAliases is how often it
	// is written where no address changes, for a crash not to lose since when, and how often problems in our own zones are told of.
	aliasPause   = 100 * time.Millisecond
	saveAliases  = 5 * time.Second
	checkAliases = time.Hour
	// aliasShare bounds what that takes with very many records: each pause is as many times what came before it took.
	aliasShare = 10
	// maxAliases bounds how many ALIAS records, one leading to the next, are followed at once; the others follow with time.
	maxAliases = 16
	// aliasFile keeps what is known of targets in the data directory.
	aliasFile  = "aliases.json"
	resolvConf = "/etc/resolv.conf"
)

// openAliases makes the keeper of addresses, with what was known in the last run.
func (a *app) openAliases() {
	client := &alias.Client{Servers: a.resolvers, Allowed: a.mayAlias}
	a.aliases = alias.New(alias.Options{Ask: client.Ask, Catalog: a.ownZones, Refused: a.refusedAlias, Log: a.log})
	text, err := os.ReadFile(filepath.Join(a.config().Data, aliasFile))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	a.aliasesKept = string(text)
	var states []alias.State
	if err == nil {
		states, err = alias.Decode(text)
	}
	if err != nil {
		a.log.Warn("addresses of ALIAS targets from the last run are lost; they are asked for anew", "err", err)
	}
	a.aliases.Restore(states)
}

// resolvers returns who is asked for targets.
func (a *app) resolvers() ([]netip.AddrPort, error) { return a.config().resolvers() }

func (c *config) resolvers() ([]netip.AddrPort, error) {
	if len(c.Resolvers) == 0 {
		return alias.SystemServers(resolvConf)
	}
	out := make([]netip.AddrPort, 0, len(c.Resolvers))
	for _, s := range c.Resolvers {
		server, err := alias.ParseServer(s)
		if err != nil {
			return nil, err
		}
		out = append(out, server)
	}
	return out, nil
}

func (a *app) mayAlias(addr netip.Addr) bool { return a.config().mayAlias(addr) }

// refusedAlias says which addresses resolvers may not lead to now.
func (a *app) refusedAlias(addr netip.Addr) bool { return alias.Refused(addr) && !a.mayAlias(addr) }

func (c *config) mayAlias(addr netip.Addr) bool {
	return slices.ContainsFunc(c.AliasNetworks, func(n network) bool { return n.Contains(addr) })
}

// resolveAliases returns list with addresses in the place of ALIAS records. It waits a moment for those that were never heard of.
// Until aliasesCame, our own zones are those that are served and, in their place, those of list.
func (a *app) resolveAliases(ctx context.Context, list []*source) []*source {
	if !slices.ContainsFunc(list, (*source).hasAliases) {
		return list
	}
	out := slices.Clone(list)
	a.resolveEach(out) // with what is known from the last run
	a.coming.Store(a.withServed(out))
	a.mu.Lock()
	records := a.aliasRecordsLocked() // also those that go: they are served until list is
	a.mu.Unlock()
	for _, src := range list {
		records = append(records, src.aliasRecords()...)
	}
	a.aliases.Set(records)
	wait, cancel := context.WithTimeout(ctx, aliasWait)
	defer cancel()
	a.aliases.First(wait)
	// A target may be the owner of another ALIAS record.
	for range maxAliases {
		if !a.resolveEach(out) {
			break
		}
		a.coming.Store(a.withServed(out))
		a.aliases.Follow()
	}
	return out
}

// aliasesCame ends what resolveAliases began. Verdicts may have come meanwhile, or a zone may not be served after all: what was heard of
// zones that were about to be served is looked up again in those that are.
func (a *app) aliasesCame() {
	if a.coming.Swap(nil) != nil {
		a.aliases.Follow()
	}
}

// resolveEach brings each source of list up to date, and says whether one was not.
func (a *app) resolveEach(list []*source) (changed bool) {
	for i, src := range list {
		list[i] = a.resolved(src)
		changed = changed || list[i] != src
	}
	return changed
}

// withServed is the catalog with what list is about to be served as.
func (a *app) withServed(list []*source) *zones.Catalog {
	var served []*zones.Zone
	for _, src := range list {
		if src.zone == nil {
			continue
		}
		if d, err := a.decide(src); err == nil { // an error is told where it is published
			served = append(served, d.served)
		}
	}
	return a.live.Catalog().With(served...)
}

// ownZones are the zones that targets are looked up in before anybody is asked.
func (a *app) ownZones() *zones.Catalog {
	if coming := a.coming.Load(); coming != nil {
		return coming
	}
	return a.live.Catalog()
}

// aliasRecordsLocked returns the ALIAS records of all zones. a.mu is held.
func (a *app) aliasRecordsLocked() []alias.Record {
	var out []alias.Record
	for _, st := range a.aliased {
		out = append(out, st.src.aliasRecords()...)
	}
	return out
}

// aliasUse is a record of a zone: that with number i among its source's.
type aliasUse struct {
	zone zones.Name
	i    int
}

// aliasesLocked tells the keeper which records there are, and notes for which each target is. a.mu is held.
func (a *app) aliasesLocked() {
	a.aliasTo = make(map[zones.Name][]aliasUse)
	for origin, st := range a.aliased {
		for i, r := range st.src.aliasRecords() {
			a.aliasTo[r.Target] = append(a.aliasTo[r.Target], aliasUse{origin, i})
		}
	}
	a.aliases.Set(a.aliasRecordsLocked())
}

// aliasSets are records as the providers are told of them, by owner.
func aliasSets(records []alias.Record) map[zones.Name]zones.RRset {
	if len(records) == 0 {
		return nil
	}
	out := make(map[zones.Name]zones.RRset, len(records))
	for _, r := range records {
		out[r.Owner] = r.RRset()
	}
	return out
}

// saveAliases writes what is known of targets. That it fails is no harm but after a restart while resolvers are dark.
func (a *app) saveAliases() {
	text := alias.Encode(a.aliases.States())
	if string(text) == a.aliasesKept || a.aliasesKept == "" && string(text) == string(alias.Encode(nil)) {
		return
	}
	path := filepath.Join(a.config().Data, aliasFile)
	if err := writeAtomically(path, text); err != nil {
		a.log.Error("addresses of ALIAS targets are not kept for the next start", "err", err)
		return
	}
	a.aliasesKept = string(text)
}
