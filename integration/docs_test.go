package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// pages are what a user reads.
var pages = []string{"../README.md", "../docs/configuration.md", "../docs/dependencies.md", "../docs/rfc.md", "../cmd/mangrove/JSON.md",
	"../providers/COMPATIBILITY.md", "../zones/store/FORMAT.md"}

// exampleZone is a zone that every example of a NAME.yaml fits.
const exampleZone = `$TTL 300
@    IN SOA ns1 hostmaster 1 3600 600 1209600 60
     IN NS  ns1
     IN NS  ns2.example.net.
     IN A   192.0.2.1
     IN A   192.0.2.2
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
www  IN A   192.0.2.2
db   IN A   192.0.2.3
db   IN A   192.0.2.4
api  IN CNAME eu.lb.example.net.
`

const exampleConfig = `providers:
  cf: {type: cloudflare, token: example}
  aws: {type: route53, access_key_id: example, secret_access_key: example}
`

var secretReference = regexp.MustCompile(`\benv:([A-Z_]+)`)

// TestExamples has mangrove check every YAML block of the pages: no error, and no warning.
func TestExamples(t *testing.T) {
	checked := 0
	for _, page := range pages[:2] {
		for _, b := range codeBlocks(t, page) {
			if b.lang != "yaml" {
				continue
			}
			checked++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(page), b.line), func(t *testing.T) {
				n := newNode(t, "")
				n.write("zones/example.com.zone", exampleZone)
				if strings.Contains(b.title(), "example.com.yaml") {
					n.write("mangrove.yaml", exampleConfig)
					n.write("zones/example.com.yaml", b.text)
				} else {
					n.write("mangrove.yaml", b.text)
				}
				for _, m := range secretReference.FindAllStringSubmatch(b.text, -1) {
					n.env = append(n.env, m[1]+"=00112233445566778899aabbccddeeff") // hexadecimal, and base64
				}
				if r := n.run("check"); r.stdout != "1 zone checked: no errors, no warnings\n" {
					t.Errorf("%s:%d: mangrove check: %s", page, b.line, r)
				}
			})
		}
	}
	if checked < 6 {
		t.Errorf("%d examples found, want 6 at least", checked)
	}
}

// TestReadmeHasEveryKey demands every key of the configuration in the two examples that say they have them all. The
// keys of accounts are in docs/configuration.md.
func TestReadmeHasEveryKey(t *testing.T) {
	for _, kind := range []struct{ title, schema string }{
		{"mangrove.yaml: every key", "../docs/mangrove.schema.json"},
		{"zones/example.com.yaml: every key", "../docs/zone.schema.json"},
	} {
		i := slices.IndexFunc(codeBlocks(t, readme), func(b codeBlock) bool { return strings.HasPrefix(b.title(), kind.title) })
		if i < 0 {
			t.Errorf("the README has no block that begins with # %s", kind.title)
			continue
		}
		var example map[string]any
		if err := yaml.Unmarshal([]byte(codeBlocks(t, readme)[i].text), &example); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(kind.schema)
		if err != nil {
			t.Fatal(err)
		}
		checks := []any{example["check_defaults"]}
		for _, c := range mapping(example["checks"]) {
			checks = append(checks, c)
		}
		for key, s := range decode[jsonSchema](t, string(text)).Properties {
			if _, ok := example[key]; !ok {
				t.Errorf("# %s: %s is missing", kind.title, key)
			}
			switch key {
			case "providers", "checks": // accounts are elsewhere, and a check has the keys of check_defaults
			case "check_defaults":
				missing(t, kind.title, key, s, checks)
			default:
				missing(t, kind.title, key, s, []any{example[key]})
			}
		}
	}
}

// jsonSchema is as much of a schema as is looked at.
type jsonSchema struct {
	Properties map[string]jsonSchema
	OneOf      []jsonSchema
	Additional json.RawMessage `json:"additionalProperties"`
}

// missing reports the keys of s that none of values has.
func missing(t *testing.T, title, path string, s jsonSchema, values []any) {
	for _, one := range s.OneOf {
		missing(t, title, path, one, values)
	}
	var each jsonSchema
	if json.Unmarshal(s.Additional, &each) == nil && (each.Properties != nil || each.OneOf != nil) {
		var entries []any
		for _, v := range values {
			for _, e := range mapping(v) {
				entries = append(entries, e)
			}
		}
		missing(t, title, path+".NAME", each, entries)
	}
	for key, sub := range s.Properties {
		var below []any
		for _, v := range values {
			if e, ok := mapping(v)[key]; ok {
				below = append(below, e)
			}
		}
		if len(below) == 0 {
			t.Errorf("# %s: %s.%s is missing", title, path, key)
			continue
		}
		missing(t, title, path+"."+key, sub, below)
	}
}

func mapping(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

var dependencyRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\|$")

// TestDependencies holds docs/dependencies.md to go.mod: each direct requirement and tool is there, with a reason, and nothing
// else; and what is said to be for tests alone is not in the program.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json", "../go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	mod := decode[struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Tool []struct{ Path string }
	}](t, string(out))
	want := map[string]bool{}
	for _, r := range mod.Require {
		want[r.Path] = !r.Indirect
	}
	for _, tool := range mod.Tool {
		want[tool.Path] = true
	}
	text, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range dependencyRow.FindAllStringSubmatch(string(text), -1) {
		if !want[m[1]] {
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not require directly", m[1])
		}
		delete(want, m[1])
	}
	for path, direct := range want {
		if direct {
			t.Errorf("docs/dependencies.md does not list %s", path)
		}
	}
	_, tests, ok := strings.Cut(string(text), "## In tests alone")
	tests, _, ok2 := strings.Cut(tests, "## Tools")
	if !ok || !ok2 {
		t.Fatal("docs/dependencies.md has no longer the sections that this test knows")
	}
	out, err = exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "../cmd/mangrove").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range dependencyRow.FindAllStringSubmatch(tests, -1) {
		if slices.Contains(strings.Fields(string(out)), m[1]) {
			t.Errorf("%s is said to be for tests alone, and the program has it", m[1])
		}
	}
}

var (
	pageLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInSlug  = regexp.MustCompile(`[^a-z0-9 _-]`)
	makeTarget = regexp.MustCompile("(?m)(?:^|`|also: )make ([a-z]+)")
	subcommand = regexp.MustCompile("(?:`|\\$ |/)mangrove ((?:(?:config|store|zone) )?[a-z]+)")
)

// TestLinks follows the links of the pages to other files of the tree and to their headings.
func TestLinks(t *testing.T) {
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pageLink.FindAllStringSubmatch(string(text), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			found, err := os.ReadFile(target)
			if errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(slugs(string(found)), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", page, m[1])
			}
		}
	}
}

// slugs returns the anchors of the headings of a page.
func slugs(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return out
}

// TestReadmeCommands demands that what the README says to type and no test types is there: targets of make, commands of
// mangrove.
func TestReadmeCommands(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	targets := makeTarget.FindAllStringSubmatch(string(text), -1)
	if len(targets) == 0 {
		t.Error("the README names no target of make")
	}
	for _, m := range targets {
		if !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("the README says make %s, and there is no such target", m[1])
		}
	}
	n := newNode(t, "")
	for _, m := range subcommand.FindAllStringSubmatch(string(text), -1) {
		if r := n.run(append(strings.Fields(m[1]), "--help")...); r.code != 0 || !strings.Contains(r.stdout, "mangrove "+m[1]) {
			t.Errorf("the README says mangrove %s: %s", m[1], r)
		}
	}
}

var (
	standardRow  = regexp.MustCompile(`(?m)^\| [0-9]{4} \| .+ \| (.+) \|$`)
	standardTest = regexp.MustCompile("`(Test[A-Za-z0-9]+)`|`([a-z0-9/]+)`")
)

// TestStandards demands the tests that docs/rfc.md names.
func TestStandards(t *testing.T) {
	text, err := os.ReadFile("../docs/rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := standardRow.FindAllStringSubmatch(string(text), -1)
	if want := strings.Count(string(text), "\n| ") - 1; len(rows) != want || want < 10 {
		t.Errorf("%d rows understood of %d", len(rows), want)
	}
	for _, row := range rows {
		dir, named := "", 0
		for _, m := range standardTest.FindAllStringSubmatch(row[1], -1) {
			if m[2] != "" {
				dir = m[2]
				continue
			}
			named++
			if !hasTest(t, "../"+dir, m[1]) {
				t.Errorf("docs/rfc.md names %s of %s, which is not there", m[1], dir)
			}
		}
		if named == 0 {
			t.Errorf("docs/rfc.md: no test in %s", row[0])
		}
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(dir + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(f string) bool {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "func "+name+"(t *testing.T)")
	})
}
