package main

import (
	"bytes"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// docSections reads the tables of a page: heading -> the first cell of a row, without backticks -> the whole row.
func docSections(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]map[string]string{}
	heading := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			heading = strings.Trim(line, "#` ")
			if sections[heading] != nil {
				t.Errorf("%s has the heading %q twice", path, heading)
			}
			sections[heading] = map[string]string{}
			continue
		}
		row, ok := strings.CutPrefix(line, "| `")
		if !ok || heading == "" {
			continue
		}
		key, _, _ := strings.Cut(row, "`")
		if _, twice := sections[heading][key]; twice {
			t.Errorf("%s, %s: %s stands twice", path, heading, key)
		}
		sections[heading][key] = line
	}
	return sections
}

// cell returns a cell of a row.
func cell(row string, n int) string {
	cells := strings.Split(strings.ReplaceAll(strings.Trim(row, "|"), `\|`, "\x00"), "|")
	if n >= len(cells) {
		return ""
	}
	return strings.ReplaceAll(strings.TrimSpace(cells[n]), "\x00", "|")
}

const configPage = "../../docs/configuration.md"

// TestConfigPage holds docs/configuration.md to the types that read the files: every key with its default, and no other.
func TestConfigPage(t *testing.T) {
	sections := docSections(t, configPage)
	defaults := defaultConfig()
	zone, problems := defaults.parseZoneConfig("", nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	pages := map[string]any{
		"mangrove.yaml": *defaults, "zone_defaults": defaults.ZoneDefaults, "check_defaults": defaults.CheckDefaults,
		"flap": defaults.Flap, "rate_limit": defaults.RateLimit, "cookies": defaults.Cookies, "server": defaults.Server, "log": defaults.Log,
		"NAME.yaml": *zone, "health": healthConfig{Policy: "all"},
	}
	for _, v := range vendors() {
		pages[v.Type] = reflect.ValueOf(v.Options()).Elem().Interface()
	}
	for _, heading := range slices.Sorted(maps.Keys(pages)) {
		rows := maps.Clone(sections[heading])
		for _, f := range reflect.VisibleFields(reflect.TypeOf(pages[heading])) {
			key := f.Tag.Get("yaml")
			if key == "" {
				continue
			}
			row, ok := rows[key]
			if !ok {
				t.Errorf("%s, %s: no row for %s", configPage, heading, key)
				continue
			}
			delete(rows, key)
			if got, want := strings.Trim(cell(row, 1), "`"), shownDefault(pages[heading], f); got != want {
				t.Errorf("%s, %s: the default of %s is %q, the page says %q", configPage, heading, key, want, got)
			}
			for _, mark := range []struct{ tag, text string }{{"restart", "*Restart*"}, {"secret", "Secret"}} {
				if got, want := strings.HasSuffix(cell(row, 2), mark.text), f.Tag.Get(mark.tag) != ""; got != want {
					t.Errorf("%s, %s: the row of %s ends with %q: %v, want %v", configPage, heading, key, mark.text, got, want)
				}
			}
		}
		for key := range rows {
			t.Errorf("%s, %s: there is no key %s", configPage, heading, key)
		}
	}
}

// shownDefault is the default of a key as config show prints it; "" where it has none or is a section of its own.
func shownDefault(v any, f reflect.StructField) string {
	if _, section := textTypes[f.Type]; !section && (f.Type.Kind() == reflect.Struct || f.Type.Kind() == reflect.Map) {
		return ""
	}
	s := shower{origin: func(string) string { return "default" }}
	s.show(f.Tag.Get("yaml"), reflect.ValueOf(v).FieldByIndex(f.Index))
	if len(s.values) == 0 {
		return ""
	}
	return s.values[0].text
}

// TestSchemaFiles holds the schemas that editors are pointed at to the types.
func TestSchemaFiles(t *testing.T) {
	for _, kind := range []string{"mangrove", "zone"} {
		path := "../../docs/" + kind + ".schema.json"
		var want bytes.Buffer
		c := &cli{stdout: &want, stderr: &want}
		root := c.root()
		root.SetArgs([]string{"config", "schema", kind})
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not what the program prints (%v): go run ./cmd/mangrove config schema %s >docs/%s.schema.json", path, err, kind, kind)
		}
	}
}
