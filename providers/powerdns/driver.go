package powerdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	libdns "github.com/libdns/powerdns"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Options are what New needs.
type Options struct {
	// Account says where and with which token, as libdns' provider does: ServerURL without "/api/v1", ServerID
	// ("localhost" unless set), APIToken. Debug is refused: it would print the token.
	Account *libdns.Provider
	// Nameservers (host:port) are asked whether they answer what was written. None: they can't be asked; the API's own
	// machine need not be one that answers.
	Nameservers []string
	// HTTPClient sends the requests; nil: one of the driver's own, with time limits.
	HTTPClient *http.Client
}

// Driver implements providers.Driver.
type Driver struct {
	base    string // up to and with the server id
	token   string
	http    *http.Client
	servers []providers.Nameserver

	mu    sync.Mutex
	turns map[zones.Name]chan struct{} // one write at a time to each zone
}

var _ providers.Driver = (*Driver)(nil)

// New returns a driver. It does no I/O; the error names every mistake of the options, and never the token.
func New(o Options) (*Driver, error) {
	a := o.Account
	if a == nil {
		a = new(libdns.Provider)
	}
	d := &Driver{token: a.APIToken, http: o.HTTPClient, turns: make(map[zones.Name]chan struct{})}
	var errs []error
	base, err := baseURL(a.ServerURL, a.ServerID)
	if err != nil {
		errs = append(errs, fmt.Errorf("server_url: %w", err))
	}
	d.base = base
	if a.APIToken == "" || strings.ContainsAny(a.APIToken, "\r\n") {
		errs = append(errs, errors.New("api_token: not set, or with a line break"))
	}
	if a.Debug != "" {
		errs = append(errs, errors.New("debug: it would print the token"))
	}
	for _, s := range o.Nameservers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			s = net.JoinHostPort(strings.Trim(s, "[]"), "53")
		}
		d.servers = append(d.servers, providers.Nameserver{Addr: s})
	}
	if d.http == nil {
		d.http = &http.Client{Timeout: time.Minute}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

func baseURL(server, id string) (string, error) {
	if server == "" {
		return "", errors.New("not set")
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return "", errors.New("not of the form http://HOST:PORT")
	}
	if id == "" {
		id = "localhost"
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/api/v1")
	return fmt.Sprintf("%s://%s%s/api/v1/servers/%s", u.Scheme, u.Host, path, url.PathEscape(id)), nil
}

// Project implements providers.Driver.
func (d *Driver) Project(s providers.RRset) (providers.RRset, []string, error) {
	cannot := func(format string, args ...any) (providers.RRset, []string, error) {
		return providers.RRset{}, nil, fmt.Errorf("%w: %s", providers.ErrCannotHold, fmt.Sprintf(format, args...))
	}
	if c := strangeCharacter(s.Name); c != "" {
		return cannot("the API takes no name with %s in it", c)
	}
	if t := s.Type; t == dns.TypeOPT || t == dns.TypeTSIG || t == dns.TypeTKEY || t >= 128 && t <= 255 {
		return cannot("%s is not a data type", zones.TypeString(t))
	}
	if 65400 <= s.Type && s.Type <= 65402 {
		return cannot("PowerDNS takes %s for a type of its own (ADDR, ALIAS, LUA)", zones.TypeString(s.Type))
	}
	for i := range s.Data {
		if _, err := s.RR(i); err != nil {
			return cannot("%v", err)
		}
	}
	var notes []string
	if s.TTL > 1<<31-1 {
		notes = append(notes, fmt.Sprintf("TTL %d becomes %d", s.TTL, 1<<31-1))
		s.TTL = 1<<31 - 1
	}
	for k := range s.Attrs {
		notes = append(notes, fmt.Sprintf("the attribute %q means nothing there", k))
	}
	slices.Sort(notes)
	s.Attrs = nil
	return s, notes, nil
}

// strangeCharacter returns the first character that the API does not take in a name, "" where there is none.
func strangeCharacter(n zones.Name) string {
	text := strings.TrimPrefix(n.String(), "*.")
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.ContainsRune("_/.-", c):
		default:
			return fmt.Sprintf("%q", c)
		}
	}
	return ""
}

// Nameservers implements providers.Driver: those of the options.
func (d *Driver) Nameservers(context.Context, zones.Name) ([]providers.Nameserver, error) {
	return slices.Clone(d.servers), nil
}

// Visible implements providers.Driver.
func (d *Driver) Visible(s providers.RRset) (zones.RRset, bool) { return s.RRset, true }

// turn waits until no other call writes to the zone.
func (d *Driver) turn(ctx context.Context, zone zones.Name) (done func(), err error) {
	d.mu.Lock()
	c, ok := d.turns[zone]
	if !ok {
		c = make(chan struct{}, 1)
		d.turns[zone] = c
	}
	d.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", providers.ErrUnavailable, ctx.Err())
	case c <- struct{}{}:
		return func() { <-c }, nil
	}
}
