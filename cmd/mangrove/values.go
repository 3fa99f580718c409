package main

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mangrove-dns/mangrove/healthcheck"
)

// The values that configuration writes in a form of its own. Each reads that form and prints it again.

// ttlRange is `60/30`: the TTL that a checked RRset has at most, and the least that answers may count down to.
type ttlRange struct{ healthcheck.TTL }

func (t *ttlRange) UnmarshalText(b []byte) (err error) {
	t.TTL, err = healthcheck.ParseTTL(string(b))
	return err
}

func (t ttlRange) String() string { return fmt.Sprintf("%d/%d", t.Max, t.Min) }

// fall is `3`: so many failures in a row, or `5/20`: so many of the last.
type fall struct{ healthcheck.Fall }

func (f *fall) UnmarshalText(b []byte) (err error) {
	f.Fall, err = healthcheck.ParseFall(string(b))
	return err
}

// quantity is `2` or `50%`.
type quantity struct{ healthcheck.Floor }

func (q *quantity) UnmarshalText(b []byte) (err error) {
	q.Floor, err = healthcheck.ParseFloor(string(b))
	return err
}

// fraction is `10%`.
type fraction float64

func (f *fraction) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(string(b), "%")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !percent || n < 0 || n > 100 || math.IsNaN(n) {
		return fmt.Errorf("%q is not a part such as 10%%", b)
	}
	*f = fraction(n / 100)
	return nil
}

func (f fraction) String() string { return strconv.FormatFloat(float64(f)*100, 'g', -1, 64) + "%" }

// factor is `2x`.
type factor float64

func (f *factor) UnmarshalText(b []byte) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(string(b), "x"), 64)
	if err != nil || n < 1.1 || n > 100 || math.IsNaN(n) {
		return fmt.Errorf("%q is not a factor such as 2x, at least 1.1x", b)
	}
	*f = factor(n)
	return nil
}

func (f factor) String() string { return strconv.FormatFloat(float64(f), 'g', -1, 64) + "x" }

// statusRange is `200` or `200-399`.
type statusRange struct{ healthcheck.StatusRange }

func (s *statusRange) UnmarshalText(b []byte) (err error) {
	s.StatusRange, err = healthcheck.ParseStatusRange(string(b))
	return err
}

// network is `10.0.0.0/8`, or one address.
type network struct{ netip.Prefix }

func (n *network) UnmarshalText(b []byte) error {
	if a, err := netip.ParseAddr(string(b)); err == nil {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a network such as 10.0.0.0/8", b)
	}
	n.Prefix = p.Masked()
	return nil
}

// choice reads one of a few words into dst.
func choice(dst *string, text string, words ...string) error {
	for _, w := range words {
		if text == w {
			*dst = w
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
}

// editsMode says what happens to edits of a zone file at providers: "auto": they are pushed by the daemon; "plan-only": they wait for a push.
type editsMode string

func (e *editsMode) UnmarshalText(b []byte) error {
	return choice((*string)(e), string(b), "auto", "plan-only")
}

// actMode says whether verdicts have effects: "act", or "observe": decide and show, publish nothing.
type actMode string

func (m *actMode) UnmarshalText(b []byte) error {
	return choice((*string)(m), string(b), "act", "observe")
}

// policyName is how a record picks among its targets.
type policyName string

func (p *policyName) UnmarshalText(b []byte) error {
	return choice((*string)(p), string(b), "all", "failover")
}

// allDown is what is served when too few targets are up.
type allDown string

func (a *allDown) UnmarshalText(b []byte) error { return choice((*string)(a), string(b), "all") }

// logFormat is how log lines are written.
type logFormat string

func (f *logFormat) UnmarshalText(b []byte) error {
	return choice((*string)(f), string(b), "text", "json")
}

// logLevel is the least that is logged.
type logLevel string

func (l *logLevel) UnmarshalText(b []byte) error {
	return choice((*string)(l), string(b), "debug", "info", "warn", "error")
}
