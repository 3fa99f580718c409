package rfc2136

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	libdns "github.com/libdns/rfc2136"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// Options are what New needs.
type Options struct {
	// Account says where and with which key, as libdns' provider does. Server is host:port or host; KeyName empty: no TSIG.
	Account *libdns.Provider
	// Nameservers (host:port) are asked whether they answer what was written; none: Server alone.
	Nameservers []string
	// Timeout bounds one message and its answer, and the silence within a transfer; 0: 10 s.
	Timeout time.Duration
}

// Driver implements providers.Driver. It keeps nothing between calls.
type Driver struct {
	server  string
	servers []providers.Nameserver
	keyName string // "": no TSIG
	keyAlg  string
	secret  string // base64
	timeout time.Duration
}

var _ providers.Driver = (*Driver)(nil)

// New returns a driver. It does no I/O; the error names every mistake of the options.
func New(o Options) (*Driver, error) {
	a := o.Account
	if a == nil {
		a = new(libdns.Provider)
	}
	d := &Driver{timeout: o.Timeout}
	if d.timeout <= 0 {
		d.timeout = 10 * time.Second
	}
	var errs []error
	var err error
	if d.server, err = address(a.Server); err != nil {
		errs = append(errs, fmt.Errorf("server: %w", err))
	}
	for _, s := range o.Nameservers {
		addr, err := address(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("nameservers: %w", err))
		}
		d.servers = append(d.servers, providers.Nameserver{Addr: addr})
	}
	if len(d.servers) == 0 {
		d.servers = []providers.Nameserver{{Addr: d.server}}
	}
	if err := d.setKey(a); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

// address returns host:port; the port is 53 unless said.
func address(s string) (string, error) {
	if s == "" {
		return "", errors.New("not set")
	}
	host, port, err := net.SplitHostPort(s)
	switch {
	case err != nil && (net.ParseIP(s) != nil || !strings.ContainsAny(s, ":[]")):
		host, port = s, "53"
	case err != nil:
		return "", err
	}
	if host == "" {
		return "", fmt.Errorf("%q has no host", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("%q: port %q", s, port)
	}
	return net.JoinHostPort(host, port), nil
}

// algorithms are those of RFC 8945 6 that are implemented, by the name that goes on the wire.
var algorithms = [...]string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512}

// setKey reads the TSIG key; the secret is never part of an error.
func (d *Driver) setKey(a *libdns.Provider) error {
	if a.KeyName == "" {
		if a.Key != "" {
			return errors.New("key_name is not set, but key is")
		}
		return nil
	}
	name, err := zones.ParseName(a.KeyName)
	if err != nil {
		return fmt.Errorf("key_name: %w", err)
	}
	d.keyName, d.keyAlg = name.String(), dns.HmacSHA256
	if a.KeyAlg != "" {
		d.keyAlg = strings.ToLower(dns.Fqdn(a.KeyAlg))
	}
	if !slices.Contains(algorithms[:], d.keyAlg) {
		return fmt.Errorf("key_algorithm: %q is not one of hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512", a.KeyAlg)
	}
	if raw, err := base64.StdEncoding.DecodeString(a.Key); err != nil || len(raw) == 0 {
		return errors.New("key: not base64, or empty")
	}
	d.secret = a.Key
	return nil
}

// Project implements providers.Driver: everything that is data goes, attributes don't.
func (d *Driver) Project(s providers.RRset) (providers.RRset, []string, error) {
	if t := s.Type; t == dns.TypeOPT || t == dns.TypeTSIG || t == dns.TypeTKEY || t >= 128 && t <= 255 && t != dns.TypeURI {
		return providers.RRset{}, nil, fmt.Errorf("%w: %s is not a data type", providers.ErrCannotHold, zones.TypeString(t))
	}
	for i := range s.Data {
		if _, err := s.RR(i); err != nil {
			return providers.RRset{}, nil, fmt.Errorf("%w: %w", providers.ErrCannotHold, err)
		}
	}
	if size(s) > maxUpdate/2 {
		return providers.RRset{}, nil, fmt.Errorf("%w: %d octets are too large for one UPDATE message", providers.ErrCannotHold, size(s))
	}
	var notes []string
	for k := range s.Attrs {
		notes = append(notes, fmt.Sprintf("DNS UPDATE has no attribute %q", k))
	}
	slices.Sort(notes)
	s.Attrs = nil
	return s, notes, nil
}

// Nameservers implements providers.Driver: those of the options, or the server itself.
func (d *Driver) Nameservers(context.Context, zones.Name) ([]providers.Nameserver, error) {
	return slices.Clone(d.servers), nil
}

// Visible implements providers.Driver.
func (d *Driver) Visible(s providers.RRset) (zones.RRset, bool) { return s.RRset, true }

// refusal returns the error for a response that is not NOERROR.
func (d *Driver) refusal(ctx context.Context, r *dns.Msg, zone zones.Name) error {
	code := dns.RcodeToString[r.Rcode]
	if opt := r.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				code = fmt.Sprintf("%s, %s %s", code, dns.ExtendedErrorCodeToString[e.InfoCode], e.ExtraText)
			}
		}
	}
	tsig := r.IsTsig()
	switch {
	case tsig != nil && tsig.Error != 0:
		return fmt.Errorf("%w: %s (%s)", providers.ErrAuth, dns.RcodeToString[int(tsig.Error)], code)
	case r.Rcode == dns.RcodeNotAuth && d.serves(ctx, zone): // Knot says so for want of a key
		return fmt.Errorf("%w: %s", providers.ErrAuth, code)
	case r.Rcode == dns.RcodeNotAuth, r.Rcode == dns.RcodeNotZone:
		return fmt.Errorf("%w: %s (%s)", providers.ErrZoneNotFound, zone, code)
	case r.Rcode == dns.RcodeRefused:
		return fmt.Errorf("%w: %s: the key may not do this, or it is against the server's own checks", providers.ErrAuth, code)
	case r.Rcode == dns.RcodeYXRrset, r.Rcode == dns.RcodeNXRrset, r.Rcode == dns.RcodeYXDomain, r.Rcode == dns.RcodeNameError:
		return fmt.Errorf("%w: %s", providers.ErrConflict, code)
	case r.Rcode == dns.RcodeServerFailure:
		return fmt.Errorf("%w: %s", providers.ErrUnavailable, code)
	}
	return fmt.Errorf("%w: %s", providers.ErrRefused, code)
}

// serves says whether the server answers for the zone.
func (d *Driver) serves(ctx context.Context, zone zones.Name) bool {
	q := new(dns.Msg)
	q.SetQuestion(zone.String(), dns.TypeSOA)
	q.RecursionDesired = false
	c := &dns.Client{Net: "tcp", Timeout: d.timeout}
	r, _, err := c.ExchangeContext(ctx, q, d.server)
	return err == nil && r.Authoritative && len(r.Answer) > 0
}
