package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// comparison is a question and what everybody says to it.
type comparison struct {
	question question
	realm    *realm
	apex     map[string]bool // of all zones that are served
	sizes    map[string]int
	verdicts map[string]verdict
	answers  map[string]*dns.Msg
}

func (c *comparison) asked() *dns.Msg {
	m := new(dns.Msg)
	if err := m.Unpack(c.question.wire); err != nil {
		panic(err) // we packed it
	}
	return m
}

// crowded says whether an answer nearly fills a datagram. Which addresses that are a courtesy are in it is everybody's own choice, and
// whether an address goes without the signature that does not fit (RFC 4035 3.1.1).
func (c *comparison) crowded() bool {
	most := 0
	for _, size := range c.sizes {
		most = max(most, size)
	}
	room := 80
	if o := c.asked().IsEdns0(); o != nil && o.Do() {
		room += 160
	}
	return c.question.network == "udp" && most > udpLimit(c.asked())-room
}

// udpLimit is how long the answer to a question may be over UDP.
func udpLimit(m *dns.Msg) int {
	if o := m.IsEdns0(); o != nil {
		return min(max(dns.MinMsgSize, int(o.UDPSize())), 1232)
	}
	return dns.MinMsgSize
}

// compare reports where the peers agree and mangrove does not.
func (d *differing) compare(t *testing.T, c *comparison) {
	d.questions++
	got := c.verdicts["mangrove"]
	truncated := false
	for _, v := range c.verdicts {
		truncated = truncated || v[aspectTruncated] == "true"
	}
	alike := true
	for a := range aspects {
		if truncated && a >= aspectAnswer || a == aspectSiblings && c.crowded() {
			continue
		}
		want := c.verdicts[d.peers[0]][a]
		agree := true
		for _, p := range d.peers[1:] {
			agree = agree && c.verdicts[p][a] == want
		}
		if !agree {
			alike = false
			if !slices.ContainsFunc(d.peers, func(p string) bool { return c.verdicts[p][a] == got[a] }) {
				d.alone[a]++
			}
			continue
		}
		d.compared[a]++
		if got[a] == want {
			continue
		}
		if name := excuse(c, a); name != "" {
			d.excused[name]++
			continue
		}
		d.differs(t, difference(a, got[a], want), func() string { return c.report(a, d.peers) })
	}
	if alike {
		d.alike++
	}
}

// difference is a kind of difference: those of one kind are reported once or twice.
func difference(a aspect, got, want string) string {
	kind := func(s string) string {
		var out []string
		for l := range strings.Lines(s) {
			if f := strings.Fields(l); len(f) > 3 && a >= aspectAnswer && a != aspectOrder {
				out = append(out, f[3])
			} else if a != aspectOrder {
				out = append(out, strings.TrimSpace(l))
			}
		}
		return strings.Join(slices.Compact(out), " ")
	}
	return fmt.Sprintf("%s: mangrove %q, the others %q", aspectNames[a], kind(got), kind(want))
}

// differs reports a difference, the first two of its kind in full.
func (d *differing) differs(t *testing.T, kind string, report func() string) {
	t.Helper()
	if d.found[kind]++; d.found[kind] > 2 {
		t.Fail()
		return
	}
	t.Errorf("%s\n%s", kind, report())
}

// report tells of a difference so that it can be repeated: the zones, the question, the answers.
func (c *comparison) report(a aspect, peers []string) string {
	var b strings.Builder
	if c.realm != nil {
		for _, z := range c.realm.zones {
			fmt.Fprintf(&b, "; zone %s\n%s", z.origin, z.text)
		}
	}
	fmt.Fprintln(&b, digLine(c.asked(), c.question.network))
	for _, name := range append([]string{"mangrove"}, peers...) {
		fmt.Fprintf(&b, "-- %s (%d octets): %s\n", name, c.sizes[name], strings.ReplaceAll(c.verdicts[name][a], "\n", "\n   "))
	}
	last := peers[len(peers)-1]
	fmt.Fprintf(&b, "-- mangrove in full:\n%v-- %s in full:\n%v", c.answers["mangrove"], last, c.answers[last])
	return b.String()
}

// digLine is the question as one would ask it by hand.
func digLine(m *dns.Msg, network string) string {
	q := m.Question[0]
	line := fmt.Sprintf("dig @SERVER +qid=1 '%s' %s %s", q.Name, dns.Class(q.Qclass), dns.Type(q.Qtype))
	flag := func(on bool, name string) {
		if on {
			line += " +" + name
		} else {
			line += " +no" + name
		}
	}
	flag(network == "tcp", "tcp")
	flag(m.RecursionDesired, "recurse")
	flag(m.CheckingDisabled, "cdflag")
	flag(m.AuthenticatedData, "adflag")
	line += " +ignore +nocookie"
	o := m.IsEdns0()
	if o == nil {
		return line + " +noedns"
	}
	line += fmt.Sprintf(" +edns=%d +bufsize=%d +ednsflags=%#x", o.Version(), o.UDPSize(), o.Hdr.Ttl&0x7fff)
	flag(o.Do(), "dnssec")
	for _, x := range o.Option {
		line += fmt.Sprintf(" +ednsopt=%d:%x", x.Option(), []byte(strings.TrimPrefix(x.String(), "LOCAL:")))
	}
	return line
}
