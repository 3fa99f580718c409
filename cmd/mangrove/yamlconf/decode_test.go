package yamlconf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

type percent int

func (p *percent) UnmarshalText(b []byte) error {
	if _, err := fmt.Sscanf(string(b), "%d%%", p); err != nil {
		return fmt.Errorf("%q is not a percentage", b)
	}
	return nil
}

type rule struct {
	Check string  `yaml:"check"`
	Part  percent `yaml:"part"`
}

func (r *rule) SetShorthand(s string) (string, error) { r.Check = s; return "check", nil }

type inner struct {
	Interval time.Duration `yaml:"interval"`
}

type account struct {
	Type    string
	Options any
}

type cloud struct {
	Token string `yaml:"token"`
}

func (a *account) Variant(kind string) (any, error) {
	if kind != "cloud" {
		return nil, fmt.Errorf("unknown type %q", kind)
	}
	c := &cloud{}
	a.Type, a.Options = kind, c
	return c, nil
}

type file struct {
	Account account `yaml:"account"`

	Listen []string        `yaml:"listen"`
	Port   uint16          `yaml:"port"`
	Watch  bool            `yaml:"watch"`
	Count  int             `yaml:"count"`
	Health map[string]rule `yaml:"health"`
	Ptr    *bool           `yaml:"ptr"`
	inner
}

func TestDecode(t *testing.T) {
	yes := true
	for _, c := range []struct {
		name, src string
		want      file
	}{
		{"empty", "", file{}},
		{"comment only", "# nothing\n", file{}},
		{"list", "listen: [':53', \"[::1]:53\"]\n", file{Listen: []string{":53", "[::1]:53"}}},
		{"list of one as its element", "listen: ':53'\n", file{Listen: []string{":53"}}},
		{"numbers and booleans", "port: 53\nwatch: true\ncount: -2\nptr: true\n", file{Port: 53, Watch: true, Count: -2, Ptr: &yes}},
		{"short form and long form", "health:\n  www: https\n  '*': {check: http, part: 50%}\n",
			file{Health: map[string]rule{"www": {Check: "https"}, "*": {Check: "http", Part: 50}}}},
		{"anchor and alias", "health: {a: &x {check: http}, b: *x}\n", file{Health: map[string]rule{"a": {Check: "http"}, "b": {Check: "http"}}}},
		{"variant", "account: {token: x, type: cloud}\n", file{Account: account{"cloud", &cloud{"x"}}}},
		{"embedded", "interval: 500ms\n", file{inner: inner{Interval: 500 * time.Millisecond}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got file
			if _, problems := Decode("f.yaml", []byte(c.src), &got); len(problems) > 0 {
				t.Fatal(problems)
			}
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(file{}, inner{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeProblems(t *testing.T) {
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"listn: x\n", []string{`f.yaml:1:1: unknown key "listn"; did you mean "listen"?`}},
		{"zebra: x\n", []string{`f.yaml:1:1: unknown key "zebra"; known are account, count, health, interval, listen, port, ptr, watch`}},
		{"health:\n  www:\n    chekc: a\n    part: x\n", []string{
			`f.yaml:3:5: unknown key "chekc" in health.www; did you mean "check"?`,
			`f.yaml:4:11: health.www.part: "x" is not a percentage`}},
		{"port: 70000\ncount: 1.5\nwatch: maybe\n", []string{
			`f.yaml:1:7: port: "70000" is not a whole number between 0 and 65535`,
			`f.yaml:2:8: count: "1.5" is not a whole number`,
			`f.yaml:3:8: watch: "maybe" is neither true nor false`}},
		{"interval: 10\n", []string{`f.yaml:1:11: interval: "10" is not a duration such as 10s, 500ms or 2m`}},
		{"port: 1\nport: 2\n", []string{`f.yaml:2:1: port stands twice, first in line 1`}},
		{"port:\n", []string{`f.yaml:1:7: port has no value; give it one or leave the key out`}},
		{"port: [1]\n", []string{`f.yaml:1:7: port wants a single value, not a list`}},
		{"health: [a]\n", []string{`f.yaml:1:9: health wants keys and values, not a list`}},
		{"- a\n", []string{`f.yaml:1:1: the file wants keys and values, not a list`}},
		{"health:\n  @: https\n", []string{`f.yaml:2:3: YAML: '@' is a reserved character; write "@" with quotes, or apex`}},
		{"health:\n  *: https\n", []string{`f.yaml:2:6: YAML: value is not allowed in this context; write "*" with quotes`}},
		{"port: 1\n---\nport: 2\n", []string{`f.yaml:3:1: a second YAML document; a configuration file holds one`}},
		{"health: {a: *x}\n", []string{`f.yaml:1:13: alias "x" has no anchor before it (a plain * must stand in quotes)`}},
		{"account: {type: moon, token: x}\n", []string{`f.yaml:1:17: account.type: unknown type "moon"`}},
		{"account: {token: x}\n", []string{`f.yaml:1:10: account has no type`}},
		{"account: {type: cloud, tokn: x}\n", []string{`f.yaml:1:24: unknown key "tokn" in account; did you mean "token"?`}},
		{"port: !!int 5\n", []string{`f.yaml:1:7: tag !!int is not used here; leave it out`}},
	} {
		var v file
		_, problems := Decode("f.yaml", []byte(c.src), &v)
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.src, d)
		}
	}
}

func TestOrigins(t *testing.T) {
	var v file
	o, problems := Decode("f.yaml", []byte("listen: [':53', ':54']\nhealth:\n  www: {check: http}\n  ftp: tcp\n"), &v)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for path, want := range map[string]string{
		"listen": "f.yaml:1:9", "listen[1]": "f.yaml:1:17", "health.www": "f.yaml:3:3", "health.www.check": "f.yaml:3:16",
		"health.www.part": "f.yaml:3:3", "health.ftp.check": "f.yaml:4:8", "health.ftp.part": "f.yaml:4:3", "nothing": "f.yaml:1:1",
	} {
		if got := o.At(path).String(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// FuzzDecode holds that no input panics and that every problem has a place in the file.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"listen: [a]\n", "health:\n  www: https\n", "a: &x {b: *x}\n", "@: 1", "{", "port: 1\nport: 2", "a: |\n b\n", "? a\n: b", "<<: *x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		var v file
		_, problems := Decode("f.yaml", []byte(src), &v)
		for _, p := range problems {
			if p.Pos.File != "f.yaml" || p.Severity != zones.Error || strings.TrimSpace(p.Text) == "" {
				t.Errorf("problem without place or text: %+v", p)
			}
		}
	})
}
