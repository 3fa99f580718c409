package healthcheck

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	if got, want := Budget(Default()), 23*time.Second; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	c := Default()
	c.Fall = Fall{5, 20}
	if got, want := Budget(c), 33*time.Second; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParsePreset(t *testing.T) {
	for _, c := range []struct {
		text string
		typ  Type
		port uint16
	}{
		{"https", HTTPS, 443}, {"http", HTTP, 80}, {"tcp:25", TCP, 25}, {"https:8443", HTTPS, 8443}, {"http:65535", HTTP, 65535},
	} {
		got := preset(t, c.text)
		if got.Type != c.typ || got.port() != c.port || got.Name != c.text || got.Interval != Default().Interval {
			t.Errorf("%s: got %+v", c.text, got)
		}
		if errs := got.Validate(); len(errs) > 0 {
			t.Errorf("%s: %v", c.text, errs)
		}
	}
	for text, want := range map[string]string{
		"":           `bad check: "" is not one of https, http, tcp:PORT`,
		"smtp":       `bad check: "smtp" is not one of https, http, tcp:PORT`,
		"HTTPS":      `bad check: "HTTPS" is not one of https, http, tcp:PORT`,
		"tcp":        `bad check: tcp needs a port: tcp:25`,
		"tcp:":       `bad check "tcp:": port "" is not 1-65535`,
		"tcp:0":      `bad check "tcp:0": port "0" is not 1-65535`,
		"tcp:65536":  `bad check "tcp:65536": port "65536" is not 1-65535`,
		"tcp:025":    `bad check "tcp:025": port "025" is not 1-65535`,
		"https:-1":   `bad check "https:-1": port "-1" is not 1-65535`,
		"https:port": `bad check "https:port": port "port" is not 1-65535`,
	} {
		_, err := ParsePreset(text, Default())
		if err == nil || err.Error() != want || !errors.Is(err, ErrCheck) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestValidateCheck(t *testing.T) {
	if errs := Default().Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, c := range []struct {
		change func(*Check)
		want   string
	}{
		{func(c *Check) { c.Type = "icmp" }, `bad check: type "icmp" is not one of https, http, tcp`},
		{func(c *Check) { c.Type = TCP }, `bad check: tcp needs a port`},
		{func(c *Check) { c.Interval, c.FastInterval = 0, -1 }, "bad check: interval must be more than 0\nbad check: fast_interval must be more than 0"},
		{func(c *Check) { c.DownInterval = 0 }, `bad check: down_interval must be more than 0`},
		{func(c *Check) { c.FastInterval = time.Minute }, `bad check: fast_interval 1m0s is longer than interval 10s`},
		{func(c *Check) { c.Timeout = 0 }, `bad check: timeout must be more than 0`},
		{func(c *Check) { c.Jitter = 0.6 }, `bad check: jitter must be 0% to 50%`},
		{func(c *Check) { c.Fall = Fall{} }, `bad check: fall 0: want a count, or count/of with count at most of and of at most 64`},
		{func(c *Check) { c.Fall = Fall{5, 3} }, `bad check: fall 5/3: want a count, or count/of with count at most of and of at most 64`},
		{func(c *Check) { c.Rise = 0 }, `bad check: rise must be at least 1`},
		{func(c *Check) { c.HoldDown = -1 }, `bad check: hold_down must not be negative`},
		{func(c *Check) { c.MaxLatency = 3 * time.Second }, `bad check: max_latency 3s is not below timeout 3s`},
		{func(c *Check) { c.CertMinDays = -1 }, `bad check: cert_min_days must not be negative`},
		{func(c *Check) { c.Type, c.CertMinDays = HTTP, 3 }, `bad check: cert_min_days without TLS`},
		{func(c *Check) { c.Path = "healthz" }, `bad check: path "healthz" must start with / and be a valid request path`},
		{func(c *Check) { c.Path = "/a b\n" }, `bad check: path "/a b\n" must start with / and be a valid request path`},
		{func(c *Check) { c.Method = "GET /" }, `bad check: method "GET /" is not an HTTP method`},
		{func(c *Check) { c.Method, c.ExpectBody = "HEAD", "ok" }, `bad check: expect_body with method HEAD: there is no body`},
		{func(c *Check) { c.Host = "a\r\nb" }, `bad check: host "a\r\nb" is not a host name`},
		{func(c *Check) { c.ExpectStatus = []StatusRange{{399, 200}} }, `bad check: expect_status 399-200 is not within 100-599`},
		{func(c *Check) { c.Headers = []Header{{"A B", ""}, {"host", "x"}, {"X", "a\nb"}} },
			"bad check: header name \"A B\"\nbad check: header Host: use host\nbad check: header X: its value has a line break"},
	} {
		check := Default()
		c.change(&check)
		var texts []string
		for _, err := range check.Validate() {
			texts = append(texts, err.Error())
		}
		if got := strings.Join(texts, "\n"); got != c.want {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	at := Target{Addr: netip.MustParseAddr("192.0.2.9")}
	www, api := name("www.example.com"), name("api.example.com")
	base := NewWatch(at, www, Default()).Key
	if want := "https 192.0.2.9:443 www.example.com "; !strings.HasPrefix(string(base), want) {
		t.Errorf("key %q, want it to begin with %q", base, want)
	}
	same := map[string]func(*Check){
		"name":          func(c *Check) { c.Name = "other" },
		"port as said":  func(c *Check) { c.Port = 443 },
		"path as said":  func(c *Check) { c.Path = "/" },
		"usual status":  func(c *Check) { c.ExpectStatus = []StatusRange{{200, 399}} },
		"usual method":  func(c *Check) { c.Method = "GET" },
		"host as owner": func(c *Check) {},
	}
	for what, change := range same {
		c := Default()
		change(&c)
		if got := NewWatch(at, www, c).Key; got != base {
			t.Errorf("%s makes another key: %s", what, got)
		}
	}
	for what, change := range map[string]func(*Check){
		"port": func(c *Check) { c.Port = 8443 }, "path": func(c *Check) { c.Path = "/healthz" },
		"host": func(c *Check) { c.Host = "x.example.com" }, "sni": func(c *Check) { c.SNI = "x" },
		"fall": func(c *Check) { c.Fall = Fall{Count: 4} }, "header": func(c *Check) { c.Headers = []Header{{"A", "b"}} },
		"type": func(c *Check) { c.Type = HTTP }, "insecure": func(c *Check) { c.Insecure = true },
		"body": func(c *Check) { c.ExpectBody = "ok" }, "interval": func(c *Check) { c.Interval++ },
	} {
		c := Default()
		change(&c)
		if got := NewWatch(at, www, c).Key; got == base {
			t.Errorf("%s does not make another key", what)
		}
	}
	if NewWatch(at, api, Default()).Key == base {
		t.Error("another owner does not make another key")
	}
	tcp := preset(t, "tcp:443")
	odd := tcp
	odd.Path, odd.Host, odd.ExpectBody, odd.Insecure = "/x", "y", "z", true
	if NewWatch(at, www, tcp).Key != NewWatch(at, api, odd).Key {
		t.Error("tcp: what it has no use for makes another key")
	}
}

func TestVerdictJSON(t *testing.T) {
	for _, target := range []Target{{Addr: netip.MustParseAddr("2001:db8::1")}, {Name: name("eu.lb.example.net")}, {Name: name(`a\.b.example.net`)}} {
		w := NewWatch(target, name("www.example.com"), Default())
		want := Verdict{Key: w.Key, Target: target, Host: w.Host, Check: "https", State: Degraded,
			Since: time.Date(2026, 11, 21, 14, 2, 11, 0, time.UTC), Reason: "slow"}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Verdict
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{`{"Target":"nothing"}`, `{"Target":"a..b."}`, `{"State":"gone"}`} {
		if err := json.Unmarshal([]byte(bad), &Verdict{}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// FuzzTexts: what a parser takes, its String writes, and that reads the same.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{"3", "5/20", "64/64", "200-399", "204", "50%", "2", "60", "60/30", "https:8443", "tcp:25", "-1", "1/0", "0%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseFall(s); err == nil {
			if again, err := ParseFall(v.String()); err != nil || again != v {
				t.Errorf("fall %q: %v, then %v %v", s, v, again, err)
			}
			c := Default()
			c.Fall = v
			if errs := c.Validate(); len(errs) > 0 {
				t.Errorf("fall %q: %v", s, errs)
			}
		}
		if v, err := ParseStatusRange(s); err == nil {
			if again, err := ParseStatusRange(v.String()); err != nil || again != v {
				t.Errorf("status %q: %v, then %v %v", s, v, again, err)
			}
		}
		if v, err := ParseFloor(s); err == nil {
			if again, err := ParseFloor(v.String()); err != nil || again != v || v.Of(10) < 1 {
				t.Errorf("floor %q: %v, then %v %v", s, v, again, err)
			}
		}
		if v, err := ParseTTL(s); err == nil && (v.Max == 0 || v.Min > v.Max) {
			t.Errorf("ttl %q: %+v", s, v)
		}
		if v, err := ParsePreset(s, Default()); err == nil {
			if errs := v.Validate(); len(errs) > 0 {
				t.Errorf("preset %q: %v", s, errs)
			}
		}
	})
}

func TestParseTexts(t *testing.T) {
	for _, c := range []struct {
		text string
		got  func(string) (any, error)
		want any // nil: refused
	}{
		{"3", func(s string) (any, error) { return ParseFall(s) }, Fall{Count: 3}},
		{"5/20", func(s string) (any, error) { return ParseFall(s) }, Fall{5, 20}},
		{"5/65", func(s string) (any, error) { return ParseFall(s) }, nil},
		{"5/4", func(s string) (any, error) { return ParseFall(s) }, nil},
		{"0", func(s string) (any, error) { return ParseFall(s) }, nil},
		{"", func(s string) (any, error) { return ParseFall(s) }, nil},
		{"3/", func(s string) (any, error) { return ParseFall(s) }, nil},
		{"204", func(s string) (any, error) { return ParseStatusRange(s) }, StatusRange{204, 204}},
		{"200-399", func(s string) (any, error) { return ParseStatusRange(s) }, StatusRange{200, 399}},
		{"399-200", func(s string) (any, error) { return ParseStatusRange(s) }, nil},
		{"2xx", func(s string) (any, error) { return ParseStatusRange(s) }, nil},
		{"600", func(s string) (any, error) { return ParseStatusRange(s) }, nil},
		{"50%", func(s string) (any, error) { return ParseFloor(s) }, Floor{Percent: 50}},
		{"2", func(s string) (any, error) { return ParseFloor(s) }, Floor{Count: 2}},
		{"0", func(s string) (any, error) { return ParseFloor(s) }, nil},
		{"101%", func(s string) (any, error) { return ParseFloor(s) }, nil},
		{"60/30", func(s string) (any, error) { return ParseTTL(s) }, TTL{60, 30}},
		{"60", func(s string) (any, error) { return ParseTTL(s) }, TTL{60, 30}},
		{"0", func(s string) (any, error) { return ParseTTL(s) }, nil},
		{"30/60", func(s string) (any, error) { return ParseTTL(s) }, nil},
		{"60/0", func(s string) (any, error) { return ParseTTL(s) }, nil},
		{"60/", func(s string) (any, error) { return ParseTTL(s) }, nil},
	} {
		got, err := c.got(c.text)
		if c.want == nil && err == nil || c.want != nil && (err != nil || got != c.want) {
			t.Errorf("%q: got %v, %v; want %v", c.text, got, err, c.want)
		}
	}
	for _, c := range []struct{ percent, n, want int }{{50, 4, 2}, {50, 3, 2}, {1, 3, 1}, {100, 3, 3}, {0, 3, 1}} {
		if got := (Floor{Percent: c.percent}).Of(c.n); got != c.want {
			t.Errorf("%d%% of %d: %d, want %d", c.percent, c.n, got, c.want)
		}
	}
}
