package cloudflare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/miekg/dns"
)

// Record is a DNS record as the API shows it.
type Record struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"` // lower case, punycode, without final dot
	Type       string         `json:"type"`
	Content    string         `json:"content"`
	Priority   *int           `json:"priority,omitempty"`
	Proxiable  bool           `json:"proxiable"`
	Proxied    bool           `json:"proxied"`
	TTL        int            `json:"ttl"` // 1: automatic
	Data       map[string]any `json:"data,omitempty"`
	Settings   map[string]any `json:"settings"`
	Meta       map[string]any `json:"meta"`
	Comment    *string        `json:"comment"`
	Tags       []string       `json:"tags"`
	CreatedOn  time.Time      `json:"created_on"`
	ModifiedOn time.Time      `json:"modified_on"`
	// CommentModifiedOn and TagsModifiedOn are there where comment and tags are.
	CommentModifiedOn *time.Time `json:"comment_modified_on,omitempty"`
	TagsModifiedOn    *time.Time `json:"tags_modified_on,omitempty"`

	rr dns.RR // what DNS answers with; also the identity of the content
}

func compareRecords(a, b *Record) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Content, b.Content), cmp.Compare(a.ID, b.ID))
}

// same says whether both answer a query alike but for the TTL: an "identical record".
func (r *Record) same(o *Record) bool {
	return r.Name == o.Name && r.Type == o.Type && dns.IsDuplicate(r.rr, o.rr)
}

// readOnly says whether another product of the vendor's owns the record.
func (r *Record) readOnly() bool {
	v, _ := r.Meta["read_only"].(bool)
	return v
}

// fields are the members of a request's JSON object.
type fields map[string]json.RawMessage

// rawFields is for callers in this process; it panics where a value is no JSON.
func rawFields(in map[string]any) fields {
	out := make(fields, len(in))
	for k, v := range in {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		out[k] = raw
	}
	return out
}

// has says whether a member is there and not null.
func (f fields) has(key string) bool {
	raw, ok := f[key]
	return ok && string(bytes.TrimSpace(raw)) != "null"
}

// read decodes one member; false where it has another JSON type.
func read[T any](f fields, key string) (T, bool) {
	var v T
	err := json.Unmarshal(f[key], &v)
	return v, err == nil
}

// addressTypes are what the proxy can stand before, and what a CNAME excludes.
var addressTypes = []string{"A", "AAAA", "CNAME"}

// build makes the record that f describes, or all reasons why there is none. ID and times are the caller's.
func (s *Server) build(z *zone, f fields) (*Record, problems) {
	var p problems
	r := &Record{TTL: 1, Settings: map[string]any{}, Meta: map[string]any{}, Tags: []string{}}
	r.Type, _ = read[string](f, "type")
	if _, ok := contentRules[r.Type]; !ok {
		p.add(9002, "DNS record type is invalid.")
		return nil, p
	}
	name, ok := read[string](f, "name")
	if r.Name = z.recordName(name); !ok || r.Name == "" {
		p.add(9000, "DNS name is invalid.")
		return nil, p
	}
	s.buildTTL(r, f, &p)
	contentRules[r.Type](r, f, &p)
	buildProxied(r, f, &p)
	s.buildNotes(r, f, &p)
	if len(p) > 0 {
		return nil, p
	}
	r.rr.Header().Name, r.rr.Header().Class = r.Name+".", dns.ClassINET
	if n := dns.Len(r.rr) - len(r.Name) - 1 - 10; n > 4096 {
		p.add(9015, "Record content exceeds the allowed length of 4096 wire format bytes.")
	}
	if r.Type == "CNAME" && r.Content == r.Name {
		p.add(9039, "CNAME content cannot reference itself.")
	}
	return r, p
}

// recordName returns the name in the API's form, "" for what is none. A name that is not
// within the zone is taken as relative to it, without a word: the vendor does so.
func (z *zone) recordName(name string) string {
	name = strings.TrimSuffix(name, ".")
	if name == "@" {
		return z.name
	}
	if name = toASCII(name); name == "" {
		return ""
	}
	if name != z.name && !strings.HasSuffix(name, "."+z.name) {
		name += "." + z.name
	}
	if len(name) > 253 || !validLabels(name, true) {
		return ""
	}
	return name
}

// validLabels knows what the vendor takes as a name: letters, digits, hyphen, underscore and
// (reverse zones, RFC 2317) slash, and "*" as the whole first label.
func validLabels(name string, wildcard bool) bool {
	for i, label := range strings.Split(name, ".") {
		if label == "*" && i == 0 && wildcard {
			continue
		}
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_/") != "" {
			return false
		}
	}
	return true
}

func (s *Server) buildTTL(r *Record, f fields, p *problems) {
	if !f.has("ttl") {
		return
	}
	least := 60
	if s.opts.Plan == Enterprise {
		least = 30
	}
	ttl, ok := read[int](f, "ttl")
	if !ok || ttl != 1 && (ttl < least || ttl > 86400) {
		p.add(9021, "TTL must be between %d and 86400 seconds, or 1 for Automatic.", least)
		return
	}
	r.TTL = ttl
}

func buildProxied(r *Record, f fields, p *problems) {
	kind := slices.Contains(addressTypes, r.Type)
	r.Proxiable = kind
	if a, err := netip.ParseAddr(r.Content); kind && err == nil {
		r.Proxiable = !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() && !a.IsMulticast()
	}
	if !f.has("proxied") {
		return
	}
	proxied, ok := read[bool](f, "proxied")
	switch {
	case !ok:
		p.add(9003, "Invalid 'proxied' value, must be a boolean.")
	case proxied && !kind:
		p.add(9004, "This record type cannot be proxied.")
	case proxied && !r.Proxiable:
		p.add(9041, "This DNS record cannot be proxied - click the cloud icon to turn it gray to proceed")
	case proxied:
		r.Proxied, r.TTL = true, 1
	}
}

// buildNotes reads what has no effect on DNS answers.
func (s *Server) buildNotes(r *Record, f fields, p *problems) {
	if f.has("comment") {
		comment, ok := read[string](f, "comment")
		most := 100
		if s.opts.Plan != Free {
			most = 500
		}
		switch n := utf8.RuneCountInString(comment); {
		case !ok || strings.ContainsAny(comment, "\r\n"):
			p.add(9301, "DNS record comment is invalid.")
		case n > most:
			p.add(9301, "DNS record comment has %d characters, exceeding the quota of %d.", n, most)
		case comment != "":
			r.Comment = &comment
		}
	}
	if f.has("tags") {
		s.buildTags(r, f, p)
	}
	if f.has("settings") {
		settings, ok := read[map[string]any](f, "settings")
		if !ok {
			p.add(9102, "settings must be an object.")
			return
		}
		r.Settings = settings
	}
}

func (s *Server) buildTags(r *Record, f fields, p *problems) {
	tags, ok := read[[]string](f, "tags")
	if !ok {
		p.add(9102, "tags must be a list of strings.")
		return
	}
	quota := 20
	if s.opts.Plan == Free {
		quota = 0
	}
	if len(tags) > quota {
		p.add(9300, "DNS record has %d tags, exceeding the quota of %d.", len(tags), quota)
		return
	}
	for _, t := range tags {
		name, _, _ := strings.Cut(t, ":")
		if name == "" || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			p.add(9301, "Tag %q is invalid.", t)
		}
		r.Tags = append(r.Tags, t)
	}
}
