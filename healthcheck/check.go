package healthcheck

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is how a target is asked.
type Type string

const (
	// HTTPS opens a TLS connection, verifies the certificate, and sends one HTTP/1.1 request.
	HTTPS Type = "https"
	// HTTP sends one HTTP/1.1 request without TLS.
	HTTP Type = "http"
	// TCP opens a connection and closes it: the port listens.
	TCP Type = "tcp"
)

// Check is how the health of a target is tested, and how many probes make a verdict. It is a
// plain value: filled by whoever reads the configuration, on top of Default, and never changed
// once it is part of a Rule. Fields that its type has no use for are ignored.
type Check struct {
	Name string `json:"-"` // what people call it; not part of its identity
	Type Type
	Port uint16 `json:",omitempty"` // 0: 443 for https, 80 for http

	// What is asked, and wanted back (https, http).
	Method       string        `json:",omitempty"` // "" is GET
	Path         string        `json:",omitempty"` // with query; "" is "/"
	Host         string        `json:",omitempty"` // Host header and SNI; "": the owner of the record
	SNI          string        `json:",omitempty"` // "": Host without port
	Headers      []Header      `json:",omitempty"` // sent besides the usual ones, in this order
	ExpectStatus []StatusRange `json:",omitempty"` // empty: 200-399
	ExpectBody   string        `json:",omitempty"` // must occur in the first 64 KiB of the body
	Insecure     bool          `json:",omitempty"` // the certificate is not verified

	// What makes an answering target degraded. 0: nothing does.
	MaxLatency  time.Duration `json:",omitempty"` // from the first packet to the last that was wanted
	CertMinDays int           `json:",omitempty"` // fewer days of the certificate are left

	// When, and how often. Delays count from the end of the probe before.
	Interval     time.Duration // while all is well
	FastInterval time.Duration // while a streak builds, and until the first verdict
	DownInterval time.Duration // while down
	Timeout      time.Duration // of one probe, all together
	Jitter       float64       // a delay is shortened by up to this part of it, at random, so that Budget holds

	// How many probes decide.
	Fall     Fall
	Rise     int           // successes in a row before a return
	HoldDown time.Duration // how long it must go on answering after Rise before it returns
}

// Header is one HTTP header field.
type Header struct{ Name, Value string }

// Default returns the settings of a check that says nothing else: https, 23 s at most to a verdict.
func Default() Check {
	return Check{
		Name: string(HTTPS), Type: HTTPS,
		Interval: 10 * time.Second, FastInterval: 2 * time.Second, DownInterval: 15 * time.Second,
		Timeout: 3 * time.Second, Jitter: 0.10,
		Fall: Fall{Count: 3}, Rise: 3, HoldDown: 60 * time.Second,
	}
}

// ErrCheck is wrapped by every error about the text or the settings of a check.
var ErrCheck = errors.New("bad check")

// ParsePreset returns base with the type and port that text names: https, http, tcp:25; a port may
// follow each (https:8443), and must follow tcp. The check is named as it is written.
func ParsePreset(text string, base Check) (Check, error) {
	typ, port, hasPort := strings.Cut(text, ":")
	c := base
	c.Name, c.Type, c.Port = text, Type(typ), 0
	switch {
	case !slices.Contains([]Type{HTTPS, HTTP, TCP}, c.Type):
		return Check{}, fmt.Errorf("%w: %q is not one of https, http, tcp:PORT", ErrCheck, text)
	case c.Type == TCP && !hasPort:
		return Check{}, fmt.Errorf("%w: tcp needs a port: tcp:25", ErrCheck)
	case hasPort:
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return Check{}, fmt.Errorf("%w %q: port %q is not 1-65535", ErrCheck, text, port)
		}
		c.Port = uint16(n)
	}
	return c, nil
}

// Validate returns every setting that cannot work, each complete in itself; nil where there is none.
func (c Check) Validate() []error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("%w: %s", ErrCheck, fmt.Sprintf(format, args...)))
		}
	}
	bad(!slices.Contains([]Type{HTTPS, HTTP, TCP}, c.Type), "type %q is not one of https, http, tcp", c.Type)
	bad(c.Type == TCP && c.Port == 0, "tcp needs a port")
	bad(c.Interval <= 0, "interval must be more than 0")
	bad(c.FastInterval <= 0, "fast_interval must be more than 0")
	bad(c.DownInterval <= 0, "down_interval must be more than 0")
	bad(c.FastInterval > c.Interval, "fast_interval %v is longer than interval %v", c.FastInterval, c.Interval)
	bad(c.Timeout <= 0, "timeout must be more than 0")
	bad(!(c.Jitter >= 0 && c.Jitter <= 0.5), "jitter must be 0%% to 50%%")
	bad(c.Fall.Count < 1 || c.Fall.Of > maxWindow || c.Fall.Of != 0 && c.Fall.Of < c.Fall.Count,
		"fall %s: want a count, or count/of with count at most of and of at most %d", c.Fall, maxWindow)
	bad(c.Rise < 1, "rise must be at least 1")
	bad(c.HoldDown < 0, "hold_down must not be negative")
	bad(c.MaxLatency < 0, "max_latency must not be negative")
	bad(c.MaxLatency > 0 && c.MaxLatency >= c.Timeout, "max_latency %v is not below timeout %v", c.MaxLatency, c.Timeout)
	bad(c.CertMinDays < 0, "cert_min_days must not be negative")
	if c.Type == HTTPS || c.Type == HTTP {
		c.validateHTTP(bad)
	}
	return errs
}

func (c Check) validateHTTP(bad func(wrong bool, format string, args ...any)) {
	_, err := url.ParseRequestURI(c.path())
	bad(err != nil || !strings.HasPrefix(c.path(), "/"), "path %q must start with / and be a valid request path", c.Path)
	bad(!isToken(c.method()), "method %q is not an HTTP method", c.Method)
	bad(c.method() == "HEAD" && c.ExpectBody != "", "expect_body with method HEAD: there is no body")
	for _, s := range []string{c.Host, c.SNI} {
		bad(strings.ContainsAny(s, " /\t\r\n\x00"), "host %q is not a host name", s)
	}
	for _, r := range c.ExpectStatus {
		bad(r.From < 100 || r.To > 599 || r.From > r.To, "expect_status %s is not within 100-599", r)
	}
	for _, h := range c.Headers {
		bad(!isToken(h.Name), "header name %q", h.Name)
		bad(strings.EqualFold(h.Name, "Host"), "header Host: use host")
		bad(strings.ContainsAny(h.Value, "\r\n\x00"), "header %s: its value has a line break", h.Name)
	}
	bad(c.CertMinDays > 0 && c.Type == HTTP, "cert_min_days without TLS")
}

// isToken says whether s is a token of RFC 9110 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

func (c Check) port() uint16 {
	switch {
	case c.Port != 0:
		return c.Port
	case c.Type == HTTPS:
		return 443
	case c.Type == HTTP:
		return 80
	}
	return 0
}

func (c Check) path() string {
	if c.Path == "" {
		return "/"
	}
	return c.Path
}

func (c Check) method() string {
	if c.Method == "" {
		return "GET"
	}
	return c.Method
}

func (c Check) statuses() []StatusRange {
	if len(c.ExpectStatus) == 0 {
		return []StatusRange{{200, 399}}
	}
	return c.ExpectStatus
}

// Budget returns the longest time from the death of a target to its verdict: it dies right after a probe,
// and every probe that follows takes its whole timeout.
func Budget(c Check) time.Duration {
	return c.Interval + c.Timeout + time.Duration(c.Fall.Count-1)*(c.FastInterval+c.Timeout)
}

// Fall is how many failures take a target down: Count in a row, or Count of the last Of where Of is larger.
// The second form also catches a target that loses a part of its traffic.
type Fall struct{ Count, Of int }

// maxWindow is how many results a damped view remembers: the bits of a word.
const maxWindow = 64

// ParseFall reads "3" or "5/20".
func ParseFall(text string) (Fall, error) {
	count, of, windowed := strings.Cut(text, "/")
	var f Fall
	var err, err2 error
	f.Count, err = strconv.Atoi(count)
	if windowed {
		f.Of, err2 = strconv.Atoi(of)
	}
	if err != nil || err2 != nil || f.Count < 1 || windowed && f.Of < f.Count || f.Of > maxWindow {
		return Fall{}, fmt.Errorf("%w: fall %q: want a count as 3, or a part of the last probes as 5/20 (at most %d)", ErrCheck, text, maxWindow)
	}
	return f, nil
}

// String returns the form that ParseFall reads.
func (f Fall) String() string {
	if f.Of == 0 {
		return strconv.Itoa(f.Count)
	}
	return fmt.Sprintf("%d/%d", f.Count, f.Of)
}

// StatusRange is a range of HTTP status codes, both ends in it.
type StatusRange struct{ From, To int }

// ParseStatusRange reads "204" or "200-399".
func ParseStatusRange(text string) (StatusRange, error) {
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		to = from
	}
	a, err := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err != nil || err2 != nil || a < 100 || b > 599 || a > b {
		return StatusRange{}, fmt.Errorf("%w: expect_status %q: want a code as 204 or a range as 200-399", ErrCheck, text)
	}
	return StatusRange{a, b}, nil
}

// String returns the form that ParseStatusRange reads.
func (r StatusRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

func wanted(code int, ranges []StatusRange) bool {
	return slices.ContainsFunc(ranges, func(r StatusRange) bool { return r.From <= code && code <= r.To })
}

func joinRanges(ranges []StatusRange) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}
