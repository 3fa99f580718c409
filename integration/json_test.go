package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestJSONHasNoNull holds what --json prints to JSON.md where types can't: one value, and no list that is null.
func TestJSONHasNoNull(t *testing.T) {
	t.Parallel()
	n := newNode(t, `
providers:
  file: {type: zonefile, directory: mirror}
  dark: {type: rfc2136, server: "127.0.0.1:1"}
private_targets: 127.0.0.0/8
`)
	n.write("zones/example.com.zone", exampleZone+"local IN A 127.0.0.1\nlocal IN A 127.0.0.2\n")
	look := func(when string) {
		t.Helper()
		for _, command := range []string{"check", "plan", "push", "status"} {
			r := n.run(command, "--json")
			var v any
			if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
				t.Errorf("%s, %s --json: %v: %s", when, command, err, r)
				continue
			}
			if nulls := nullsIn("", v); len(nulls) > 0 {
				t.Errorf("%s, %s --json has null at %s", when, command, strings.Join(nulls, ", "))
			}
		}
	}
	look("mirrored nowhere")
	n.write("zones/example.com.yaml", "providers: [file, dark]\nhealth:\n  local: tcp:1\n")
	look("not running")
	n.start()
	look("running")
	n.write("zones/example.com.zone", "broken")
	if r := n.run("reload"); r.code != 1 {
		t.Errorf("reload of a broken zone: %s, want exit 1", r)
	}
	look("broken")
	n.stop()

	for _, args := range [][]string{{"plan", "example.net"}, {"push", "--provider", "none"}} {
		if r := n.run(append(args, "--json")...); r.code == 0 || r.stdout != "" || r.stderr == "" {
			t.Errorf("mangrove %s --json: %s, want an error on standard error alone", strings.Join(args, " "), r)
		}
	}
}

// nullsIn returns the paths of what is null in v.
func nullsIn(path string, v any) []string {
	var out []string
	switch v := v.(type) {
	case nil:
		return []string{"." + path}
	case []any:
		for i, e := range v {
			out = append(out, nullsIn(fmt.Sprintf("%s[%d]", path, i), e)...)
		}
	case map[string]any:
		for k, e := range v {
			out = append(out, nullsIn(path+"."+k, e)...)
		}
	}
	return out
}
