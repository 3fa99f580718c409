package cloudflare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// The attributes that an overlay may ask for.
const (
	attrProxied = "proxied" // "true" or "false"; of A, AAAA and CNAME
	attrComment = "comment"
	attrTags    = "tags" // "name:value, name:value"
)

// mixed begins the value of an attribute that differs within an RRset. No overlay can ask for it.
const mixed = "(differs) "

// proxiable are the types that the proxy can stand before.
func proxiable(rrtype uint16) bool {
	return rrtype == dns.TypeA || rrtype == dns.TypeAAAA || rrtype == dns.TypeCNAME
}

// attrs returns what Cloudflare hangs on the RRset, nil for nothing.
func (h *held) attrs() map[string]string {
	out := make(map[string]string)
	for _, name := range []string{attrProxied, attrComment, attrTags} {
		var seen []string
		for _, v := range h.records {
			if s := v.attr(name); !slices.Contains(seen, s) {
				seen = append(seen, s)
			}
		}
		switch {
		case name == attrProxied && !proxiable(h.rrtype):
		case len(seen) == 1 && seen[0] != "":
			out[name] = seen[0]
		case len(seen) > 1:
			slices.Sort(seen)
			out[name] = mixed + strings.Join(seen, " | ")
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// attr returns one attribute of one record; "" for none.
func (r *record) attr(name string) string {
	switch name {
	case attrProxied:
		return fmt.Sprint(r.Proxied)
	case attrComment:
		return r.Comment
	default:
		return joinTags(r.Tags)
	}
}

func joinTags(tags []string) string {
	tags = slices.Clone(tags)
	slices.Sort(tags)
	return strings.Join(tags, ", ")
}

func splitTags(s string) []string {
	tags := []string{}
	for t := range strings.SplitSeq(s, ",") {
		if t = strings.TrimSpace(t); t != "" {
			tags = append(tags, t)
		}
	}
	return tags
}

// asked returns what a change wants of an attribute; false where it leaves it as it is.
func asked(attrs map[string]string, name string) (string, bool) {
	v, ok := attrs[name]
	return v, ok && !strings.HasPrefix(v, mixed)
}
