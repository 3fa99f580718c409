package main

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/mangrove-dns/mangrove/cmd/mangrove/yamlconf"
)

// The JSON Schemas of the two kinds of configuration file, made from the types that read them, so that editors
// complete and check by them. The subset of draft 2020-12 that this takes is a struct of ten fields.

// schema is a JSON Schema.
type schema struct {
	Draft       string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Const       string             `json:"const,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false, or the schema of every value
	OneOf       []*schema          `json:"oneOf,omitempty"`
}

// schemaOf returns the schema of the file that v, a config or zoneConfig, is read from.
func schemaOf(v any, title string) ([]byte, error) {
	s := fieldsSchema(reflect.TypeOf(v))
	s.Draft, s.Title = "https://json-schema.org/draft/2020-12/schema", title
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

// textTypes describes the types that are read from text of their own form; number says that a plain number is one too.
var textTypes = map[reflect.Type]struct {
	pattern string
	number  bool
	words   []string
}{
	reflect.TypeFor[time.Duration](): {pattern: `^([0-9.]+(ns|us|ms|s|m|h))+$`},
	reflect.TypeFor[ttlRange]():      {pattern: `^[0-9]+(/[0-9]+)?$`, number: true},
	reflect.TypeFor[fall]():          {pattern: `^[0-9]+(/[0-9]+)?$`, number: true},
	reflect.TypeFor[quantity]():      {pattern: `^[0-9]+%?$`, number: true},
	reflect.TypeFor[fraction]():      {pattern: `^[0-9.]+%$`},
	reflect.TypeFor[factor]():        {pattern: `^[0-9.]+x?$`, number: true},
	reflect.TypeFor[statusRange]():   {pattern: `^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$`, number: true},
	reflect.TypeFor[network]():       {pattern: `^[0-9a-fA-F:.]+(/[0-9]+)?$`},
	reflect.TypeFor[editsMode]():     {words: []string{"auto", "plan-only"}},
	reflect.TypeFor[actMode]():       {words: []string{"act", "observe"}},
	reflect.TypeFor[rateMode]():      {words: []string{"on", "observe", "off"}},
	reflect.TypeFor[policyName]():    {words: []string{"all", "failover"}},
	reflect.TypeFor[allDown]():       {words: []string{"all"}},
	reflect.TypeFor[logLevel]():      {words: []string{"debug", "info", "warn", "error"}},
	reflect.TypeFor[logFormat]():     {words: []string{"text", "json"}},
}

// shortWords are the short forms of structs that have a few only.
var shortWords = map[reflect.Type][]string{
	reflect.TypeFor[rateLimitConfig](): {"on", "observe", "off"},
	reflect.TypeFor[cookieConfig]():    {"on", "off"},
}

func valueSchema(t reflect.Type) *schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if text, ok := textTypes[t]; ok {
		s := &schema{Type: "string", Pattern: text.pattern, Enum: text.words}
		if text.number {
			return &schema{OneOf: []*schema{{Type: "integer"}, s}}
		}
		return s
	}
	if t == reflect.TypeFor[providerConfig]() {
		return providerSchema()
	}
	switch t.Kind() {
	case reflect.Slice:
		// A list of one may be written as its element.
		item := valueSchema(t.Elem())
		return &schema{OneOf: []*schema{{Type: "array", Items: item}, item}}
	case reflect.Map:
		return &schema{Type: "object", Additional: valueSchema(t.Elem())}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Struct:
		s := fieldsSchema(t)
		if reflect.PointerTo(t).Implements(reflect.TypeFor[yamlconf.Shorthand]()) {
			return &schema{OneOf: []*schema{{Type: "string", Enum: shortWords[t]}, s}}
		}
		return s
	}
	return &schema{Type: "integer"}
}

func fieldsSchema(t reflect.Type) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("yaml"); name != "" {
			p := valueSchema(f.Type)
			p.Description = f.Tag.Get("doc")
			s.Properties[name] = p
		}
	}
	return s
}

// providerSchema has one alternative for each vendor, told apart by type.
func providerSchema() *schema {
	var s schema
	for _, v := range vendors() {
		one := fieldsSchema(reflect.TypeOf(v.Options()).Elem())
		one.Properties["type"] = &schema{Const: v.Type}
		one.Required = []string{"type"}
		s.OneOf = append(s.OneOf, one)
	}
	return &s
}
