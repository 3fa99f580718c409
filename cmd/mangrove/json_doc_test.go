package main

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/providers"
)

// jsonPages is the heading in JSON.md of each type that a command prints.
var jsonPages = map[reflect.Type]string{
	reflect.TypeFor[checkReport]():      "check",
	reflect.TypeFor[problemJSON]():      "problem",
	reflect.TypeFor[planReport]():       "plan",
	reflect.TypeFor[providers.Plan]():   "plan of a mirror",
	reflect.TypeFor[providers.Line]():   "change",
	reflect.TypeFor[providers.Counts](): "counts",
	reflect.TypeFor[providers.Record](): "foreign record",
	reflect.TypeFor[providers.Loss]():   "loss",
	reflect.TypeFor[providers.Note]():   "note",
	reflect.TypeFor[providers.Guard]():  "guard",
	reflect.TypeFor[pushReport]():       "push",
	reflect.TypeFor[statusReport]():     "status",
	reflect.TypeFor[rateLimitReport]():  "rate limit",
	reflect.TypeFor[limitedReport]():    "limited network",
	reflect.TypeFor[zoneReport]():       "zone",
	reflect.TypeFor[healthReport]():     "checked RRset",
	reflect.TypeFor[targetReport]():     "target",
	reflect.TypeFor[aliasReport]():      "ALIAS record",
	reflect.TypeFor[providers.Status](): "mirror",
	reflect.TypeFor[showReport]():       "zone show",
	reflect.TypeFor[shownRecord]():      "shown record",
	reflect.TypeFor[leftReport]():       "left out",
	reflect.TypeFor[diffReport]():       "zone diff",
	reflect.TypeFor[diffSide]():         "side",
	reflect.TypeFor[recordRow]():        "record",
	reflect.TypeFor[versionReport]():    "zone history",
}

// TestJSONPage holds JSON.md to the types: every field with its type and whether it can be absent, and no other.
func TestJSONPage(t *testing.T) {
	p := jsonPage{t: t, sections: docSections(t, "JSON.md"), seen: map[reflect.Type]bool{}}
	for _, root := range []any{checkReport{}, []planReport{}, []pushReport{}, statusReport{}, showReport{}, diffReport{}, []versionReport{}} {
		p.typeOf(reflect.TypeOf(root))
	}
	for typ, heading := range jsonPages {
		if !p.seen[typ] {
			t.Errorf("JSON.md, %s: no command prints a %v", heading, typ)
		}
	}
}

type jsonPage struct {
	t        *testing.T
	sections map[string]map[string]string
	seen     map[reflect.Type]bool
}

// typeOf returns what JSON.md calls a type, and checks the sections of the structs in it.
func (p *jsonPage) typeOf(typ reflect.Type) string {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ.Kind() {
	case reflect.Slice:
		return "list of " + p.typeOf(typ.Elem())
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			return "time"
		}
		p.section(typ)
		return jsonPages[typ]
	}
	if typ == reflect.TypeFor[healthcheck.State]() || typ == reflect.TypeFor[providers.Mode]() {
		return "text"
	}
	return "number"
}

func (p *jsonPage) section(typ reflect.Type) {
	heading, ok := jsonPages[typ]
	if !ok {
		p.t.Errorf("JSON.md has no section for %v", typ)
	}
	if p.seen[typ] || !ok {
		return
	}
	p.seen[typ] = true
	rows := maps.Clone(p.sections[heading])
	for _, f := range reflect.VisibleFields(typ) {
		tag := f.Tag.Get("json")
		if tag == "" || tag == "-" {
			if f.IsExported() && !f.Anonymous {
				p.t.Errorf("%v.%s has no JSON name", typ, f.Name)
			}
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		row, ok := rows[name]
		if !ok {
			p.t.Errorf("JSON.md, %s: no row for %s", heading, name)
			continue
		}
		delete(rows, name)
		if got, want := cell(row, 1), p.typeOf(f.Type); got != want {
			p.t.Errorf("JSON.md, %s: %s is %q there, and %q in truth", heading, name, got, want)
		}
		if got, want := strings.Contains(row, "*Absent*"), strings.Contains(options, "omit"); got != want {
			p.t.Errorf("JSON.md, %s: %s can be absent: %v there, %v in truth", heading, name, got, want)
		}
	}
	for name := range rows {
		p.t.Errorf("JSON.md, %s: there is no field %s", heading, name)
	}
}

// TestJSONWords holds the words that JSON.md says a field can be to those that there are.
func TestJSONWords(t *testing.T) {
	sections := docSections(t, "JSON.md")
	var types, guards []string
	for _, v := range vendors() {
		types = append(types, v.Type)
	}
	guards = append(guards, providers.GuardSource, providers.GuardDeletes, providers.GuardUpdates, providers.GuardCritical,
		providers.GuardAdopt, providers.GuardSwap, providers.GuardEmpty)
	for _, c := range []struct {
		section, field string
		words          []string
	}{
		{"plan", "type", types},
		{"guard", "id", guards},
		{"plan of a mirror", "mode", []string{providers.Full.String(), providers.Health.String()}},
		{"change", "op", texted(providers.Add, providers.Remove, providers.Alter)},
		{"change", "why", texted(providers.Edited, providers.Withdrawn, providers.Restored, providers.Drift, providers.Adopted, providers.Aliased, providers.Serial)},
		{"zone", "state", texted(sourceOK, sourceBroken, sourceGone)},
		{"record", "op", []string{"+", "-"}},
		{"zone history", "cause", []string{causeFile, causeHealth, causeAlias}},
		{"target", "state", []string{healthcheck.Unknown.String(), healthcheck.Up.String(), healthcheck.Degraded.String(), healthcheck.Down.String()}},
		{"mirror", "phase", texted(providers.Starting, providers.Unreachable, providers.Behind, providers.Blocked, providers.Diverged,
			providers.Drifted, providers.Pending, providers.Verifying, providers.InSync)},
	} {
		row := sections[c.section][c.field]
		for _, w := range slices.Compact(c.words) {
			if !strings.Contains(row, "`"+w+"`") {
				t.Errorf("JSON.md, %s: %s can be %q, which its row does not say", c.section, c.field, w)
			}
		}
	}
}

func texted[T ~string](words ...T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
