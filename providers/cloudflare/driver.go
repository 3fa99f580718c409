package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	libcloudflare "github.com/libdns/cloudflare"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Options say which account a Driver speaks to. Everything but Account is optional.
type Options struct {
	// Account holds the credentials: APIToken (Zone.DNS:Edit; never a global key), and ZoneToken where another token is
	// to look up zones. Its HTTPClient sends the requests if it is set. New sets it to the Driver's own, so that
	// what else uses the Account is bounded alike.
	Account *libcloudflare.Provider
	// BaseURL is where the API lives, "https://api.cloudflare.com/client/v4".
	BaseURL string
	// Plan decides limits.
	Plan Plan
	// ZoneIDs are the ids of zones that need not be looked up by name.
	ZoneIDs map[zones.Name]string
	// Nameservers are asked instead of those that a zone's object names.
	Nameservers []providers.Nameserver
	// Budget is shared by Drivers that use the same token. A Driver without one makes its own.
	Budget *Budget
}

// Driver implements providers.Driver for the zones of one account at Cloudflare.
type Driver struct {
	client  *client
	plan    Plan
	ids     map[zones.Name]string
	servers []providers.Nameserver

	mu    sync.Mutex
	zones map[zones.Name]*zoneInfo // as the API showed them
	owed  map[zones.Name]bool      // the next Snapshot shows what became of a verdict
}

var _ providers.Driver = (*Driver)(nil)

// New returns a Driver. It does no I/O; the error names every mistake of the options.
func New(opts Options) (*Driver, error) {
	account := opts.Account
	if account == nil {
		account = new(libcloudflare.Provider)
	}
	var errs []error
	if err := checkToken("token", account.APIToken, true); err != nil {
		errs = append(errs, err)
	}
	if err := checkToken("zone_token", account.ZoneToken, false); err != nil {
		errs = append(errs, err)
	}
	if err := opts.Plan.check(); err != nil {
		errs = append(errs, err)
	}
	base := strings.TrimSuffix(opts.BaseURL, "/")
	if base == "" {
		base = defaultBase
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		errs = append(errs, fmt.Errorf("endpoint %q is no http address", opts.BaseURL))
	}
	for zone, id := range opts.ZoneIDs {
		if id == "" || strings.Trim(id, "0123456789abcdef") != "" {
			errs = append(errs, fmt.Errorf("zone id %q of %s is not of hexadecimal digits", id, zone))
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("cloudflare: %w", errors.Join(errs...))
	}
	d := &Driver{
		client:  &client{base: base, token: account.APIToken, zone: account.ZoneToken, http: account.HTTPClient, budget: opts.Budget},
		plan:    opts.Plan,
		ids:     maps.Clone(opts.ZoneIDs),
		servers: opts.Nameservers,
		zones:   make(map[zones.Name]*zoneInfo),
		owed:    make(map[zones.Name]bool),
	}
	if own, ok := d.client.http.(*client); ok {
		d.client.http = own.http // of another Driver of this Account: not to be counted twice
	}
	if d.client.http == nil {
		d.client.http = newHTTPClient()
	}
	if d.client.budget == nil {
		d.client.budget = NewBudget()
	}
	account.HTTPClient = d.client
	return d, nil
}

// checkToken never shows the token.
func checkToken(name, token string, needed bool) error {
	switch {
	case token == "" && needed:
		return fmt.Errorf("%s is missing", name)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%s has spaces or characters that no token has", name)
	}
	return nil
}

// Nameservers implements providers.Driver.
func (d *Driver) Nameservers(ctx context.Context, zone zones.Name) (servers []providers.Nameserver, err error) {
	defer recovered(&err)
	if d.servers != nil {
		return d.servers, nil
	}
	err = d.withZone(ctx, zone, func(info *zoneInfo) error {
		for _, name := range info.NameServers {
			servers = append(servers, providers.Nameserver{Name: name, Addr: net.JoinHostPort(strings.TrimSuffix(name, "."), "53")})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("name servers of %s: %w", zone, err)
	}
	return servers, nil
}

// Visible implements providers.Driver: a proxied name answers the proxy's addresses.
func (d *Driver) Visible(s providers.RRset) (zones.RRset, bool) {
	return s.RRset, !isProxied(s)
}

// Snapshot implements providers.Driver.
func (d *Driver) Snapshot(ctx context.Context, zone zones.Name) (snap *providers.Snapshot, err error) {
	defer recovered(&err)
	u := d.useOfSnapshot(zone)
	err = d.withZone(ctx, zone, func(info *zoneInfo) error {
		sets, err := d.readAll(ctx, zone, info, u)
		if err != nil {
			return err
		}
		snap = &providers.Snapshot{Time: time.Now(), Token: info.ID}
		for _, h := range sets {
			if h.foreign != "" {
				snap.Foreign = append(snap.Foreign, h.asForeign())
			} else {
				snap.RRsets = append(snap.RRsets, providers.RRset{RRset: h.rrset(), Attrs: h.attrs()})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", zone, err)
	}
	return snap, nil
}

// useOfSnapshot: the one that follows a verdict's write belongs to it.
func (d *Driver) useOfSnapshot(zone zones.Name) use {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.owed[zone] {
		return forReading
	}
	delete(d.owed, zone)
	return forHealth
}

// owe says that the next Snapshot of zone follows a verdict's write.
func (d *Driver) owe(zone zones.Name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owed[zone] = true
}

// asForeign tells the whole RRset, the understood records of it too.
func (h *held) asForeign() providers.Foreign {
	text := h.foreign
	for _, v := range h.records {
		text += "; with it " + v.Type + " " + v.Content
	}
	return providers.Foreign{Name: h.name, Type: h.rrtype, Text: text}
}

// readAll reads every record of the zone.
func (d *Driver) readAll(ctx context.Context, zone zones.Name, info *zoneInfo, u use) ([]*held, error) {
	raw, err := d.pages(ctx, "/zones/"+info.ID+"/dns_records", nil, recordsPerPage, request{use: u})
	if err != nil {
		return nil, err
	}
	return arrange(zone, raw), nil
}

// readName reads the records of one name.
func (d *Driver) readName(ctx context.Context, zone, name zones.Name, info *zoneInfo, u use) ([]*held, error) {
	text, err := apiName(name)
	if err != nil {
		return nil, err
	}
	query := url.Values{"name.exact": {text}}
	raw, err := d.pages(ctx, "/zones/"+info.ID+"/dns_records", query, recordsPerPage, request{use: u})
	if err != nil {
		return nil, err
	}
	return arrange(zone, raw), nil
}
