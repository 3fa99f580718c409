package cloudflare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

const (
	maxTTL     = 86400
	maxRdata   = 4096 // wire octets of one record
	maxContent = 8192 // characters of all content at one name and type
)

// Project implements providers.Driver.
//
// TTLs are clamped to what the plan allows; what is proxied has the TTL 300. Of the attributes, "proxied" goes to A, AAAA and CNAME
// and is left out elsewhere, because an overlay is for all RRsets of a name.
func (d *Driver) Project(s providers.RRset) (out providers.RRset, notes []string, err error) {
	defer recovered(&err)
	if s.IsZero() {
		return s, nil, nil
	}
	out = s
	if out.Attrs, notes, err = d.projectAttrs(s); err != nil {
		return providers.RRset{}, nil, cannotHold(err)
	}
	if _, err := apiName(s.Name); err != nil {
		return providers.RRset{}, nil, cannotHold(err)
	}
	if out.Data, err = projectData(s.RRset, &notes); err != nil {
		return providers.RRset{}, nil, cannotHold(err)
	}
	d.projectTTL(&out, &notes)
	return out, notes, nil
}

func cannotHold(err error) error { return fmt.Errorf("%w: %w", providers.ErrCannotHold, err) }

func (d *Driver) projectTTL(s *providers.RRset, notes *[]string) {
	least := d.plan.minTTL()
	switch was := s.TTL; {
	case isProxied(*s):
		if s.TTL = autoTTL; was != autoTTL {
			*notes = append(*notes, fmt.Sprintf("TTL %d becomes automatic (%d): it is proxied", was, autoTTL))
		}
	case was < least:
		s.TTL = least
		*notes = append(*notes, fmt.Sprintf("TTL %d becomes %d, the least that Cloudflare takes", was, least))
	case was > maxTTL:
		s.TTL = maxTTL
		*notes = append(*notes, fmt.Sprintf("TTL %d becomes %d, the most that Cloudflare takes", was, maxTTL))
	}
}

// isProxied: one proxied record makes the name proxied.
func isProxied(s providers.RRset) bool {
	v := s.Attrs[attrProxied]
	return proxiable(s.Type) && (v == "true" || strings.HasPrefix(v, mixed))
}

// projectData checks that each record survives the way to the API and back.
func projectData(s zones.RRset, notes *[]string) ([][]byte, error) {
	var out [][]byte
	size := 0
	seen := make(map[string]bool)
	for i, rdata := range providers.Canonical(s).Data {
		if s.Type == dns.TypeCAA {
			rdata = lowerTag(rdata)
		}
		if seen[string(rdata)] {
			*notes = append(*notes, s.Text(i)+" stands twice but for the case of letters; it is held once")
			continue
		}
		seen[string(rdata)] = true
		p, err := encode(s.Type, rdata)
		if err == nil {
			err = survives(s.Type, rdata, p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Text(i), err)
		}
		if len(rdata) > maxRdata {
			return nil, fmt.Errorf("%.40s…: %d octets, Cloudflare takes %d", s.Text(i), len(rdata), maxRdata)
		}
		size += utf8.RuneCountInString(p.shown(s, i))
		out = append(out, kept(s.Data[i], rdata, s.Type))
	}
	if size > maxContent {
		return nil, fmt.Errorf("%d characters at one name and type, Cloudflare takes %d", size, maxContent)
	}
	return out, nil
}

// kept returns the RDATA as it was written, except where Cloudflare shows it in another case that counts.
func kept(written, projected []byte, rrtype uint16) []byte {
	if rrtype == dns.TypeCAA {
		return projected
	}
	return written
}

// lowerTag lowers a CAA tag (RFC 8659 4.1: matched without case): Cloudflare does so.
func lowerTag(rdata []byte) []byte {
	if len(rdata) < 2 || len(rdata) < 2+int(rdata[1]) {
		return rdata
	}
	out := bytes.Clone(rdata)
	copy(out[2:], bytes.ToLower(out[2:2+int(out[1])]))
	return out
}

// shown is about what the API counts as content.
func (p payload) shown(s zones.RRset, i int) string {
	if p.Data != nil {
		return s.Text(i)
	}
	return p.Content
}

// survives takes a payload through JSON, as the API would show it, and compares.
func survives(rrtype uint16, rdata []byte, p payload) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	rec := &record{Type: zones.TypeString(rrtype)}
	if err := json.Unmarshal(raw, rec); err != nil {
		return err
	}
	back, err := decode(rec)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, rdata) {
		return fmt.Errorf("it would come back as %s", zones.RRset{Name: zones.Root, Type: rrtype, Data: [][]byte{back}}.Text(0))
	}
	return nil
}

// projectAttrs keeps of the attributes what this RRset can have.
func (d *Driver) projectAttrs(s providers.RRset) (map[string]string, []string, error) {
	out := make(map[string]string)
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(s.Attrs)) {
		v := s.Attrs[name]
		if _, plain := asked(s.Attrs, name); !plain {
			out[name] = v // as it was found
			continue
		}
		note := ""
		var err error
		switch name {
		case attrProxied:
			err = projectProxied(s.RRset, v, out, &note)
		case attrComment:
			if note = d.commentProblem(v); note == "" {
				out[name] = v
			}
		case attrTags:
			if tags := splitTags(v); len(tags) > d.plan.maxTags() {
				note = fmt.Sprintf("tags left out: %d, and %d is the most of this plan", len(tags), d.plan.maxTags())
			} else {
				out[name] = joinTags(tags)
			}
		default:
			err = fmt.Errorf("overlay %q is unknown here: there are proxied, comment and tags", name)
		}
		if err != nil {
			return nil, nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	if len(out) == 0 {
		return nil, notes, nil
	}
	return out, notes, nil
}

func projectProxied(s zones.RRset, v string, out map[string]string, note *string) error {
	if v != "true" && v != "false" {
		return fmt.Errorf("proxied: %q is neither true nor false", v)
	}
	if !proxiable(s.Type) {
		return nil
	}
	out[attrProxied] = v
	for i := range s.Data {
		if addr, ok := netip.AddrFromSlice(s.Data[i]); v == "true" && s.Type != dns.TypeCNAME && ok && !public(addr) {
			*note = fmt.Sprintf("not proxied: %s cannot be reached by the proxy", addr)
			out[attrProxied] = "false"
			return nil
		}
	}
	return nil
}

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

func (d *Driver) commentProblem(v string) string {
	switch n, most := utf8.RuneCountInString(v), d.plan.maxComment(); {
	case strings.ContainsAny(v, "\r\n"):
		return "comment left out: it has several lines"
	case n > most:
		return fmt.Sprintf("comment left out: %d characters, and %d is the most of this plan", n, most)
	}
	return ""
}
