package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

const aliasZone = `$TTL 300
@    IN SOA ns1 hostmaster 1 3600 600 1209600 60
@    IN NS  ns1
@    IN NS  ns2.elsewhere.test.
@    IN MX  10 mail
@ 60 IN ALIAS lb.target.test.
*.w  IN ALIAS cname.target.test.
own  IN ALIAS here
here IN A 192.0.2.80
ns1  IN A 192.0.2.53
mail IN A 192.0.2.25
`

func TestALIAS(t *testing.T) {
	t.Parallel()
	peerBinary(t, "unbound")
	target := startTargetServer(t, "", "lb A 192.0.2.1\nlb A 192.0.2.2\ncname CNAME lb\n")
	resolver := startResolver(t, "", target)
	mirror := startPlain(t, "knot", peerZone{"alias.test.", "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 1209600 60\n@ NS ns1\nns1 A 192.0.2.53\n"})
	n := newNode(t, fmt.Sprintf(`resolvers: [%q]
providers:
  knot: %s
  copy: {type: zonefile, directory: mirror}
zone_defaults: {providers: [knot, copy]}
`, resolver.addr, rfc2136Config(mirror)))
	n.env = append(n.env, secrets...)
	n.write("zones/alias.test.zone", aliasZone)
	n.start()

	const both = "192.0.2.1 192.0.2.2"
	eventuallyAddresses(t, n.addr, "alias.test.", both)
	eventuallyAddresses(t, n.addr, "any.w.alias.test.", both)
	eventuallyAddresses(t, n.addr, "own.alias.test.", "192.0.2.80")
	if r := dig(t, n.addr, "alias.test.", dns.TypeA); r.Answer[0].Header().Ttl != 60 || !r.Authoritative {
		t.Errorf("the addresses of an ALIAS record have another TTL or are not authoritative: %v", r)
	}
	for _, p := range n.pushes("alias.test") {
		if p.Error != "" || len(p.Left) > 0 {
			t.Errorf("push to %s: %s, left %v", p.Provider, p.Error, p.Left)
		}
	}
	// atMirrors waits until both mirrors have what is answered.
	atMirrors := func(want string) {
		t.Helper()
		eventuallyAddresses(t, mirror, "alias.test.", want)
		eventuallyAddresses(t, mirror, "any.w.alias.test.", want)
		eventually(t, "the zone file has "+want, func() (bool, string) {
			text, err := os.ReadFile(n.path("mirror/alias.test.zone"))
			if err != nil {
				return false, err.Error()
			}
			if strings.Contains(string(text), "ALIAS") || strings.Contains(string(text), "65401") {
				t.Fatalf("an ALIAS record was mirrored:\n%s", text)
			}
			rs := parseRecords(t, "alias.test.", string(text))
			var got []string
			for _, typ := range []string{"A", "AAAA"} {
				for _, rr := range rs[rrset{"alias.test.", typ}] {
					got = append(got, rdata(rr))
				}
			}
			slices.Sort(got)
			return strings.Join(got, " ") == want, fmt.Sprint(got)
		})
	}
	atMirrors(both)

	// Another set of addresses is another version, everywhere, without a push; edits go on waiting for one.
	n.write("zones/alias.test.zone", strings.Replace(aliasZone, "192.0.2.25", "192.0.2.26", 1))
	eventuallyAddresses(t, n.addr, "mail.alias.test.", "192.0.2.26")
	target.set("lb.target.test. 1 A 192.0.2.2", "lb.target.test. 1 A 192.0.2.3", "lb.target.test. 1 AAAA 2001:db8::1")
	const three = "192.0.2.2 192.0.2.3 2001:db8::1"
	eventuallyAddresses(t, n.addr, "alias.test.", three)
	eventuallyAddresses(t, n.addr, "any.w.alias.test.", three)
	atMirrors(three)
	if got := addressesAt(t, mirror, "mail.alias.test."); got != "192.0.2.25" {
		t.Errorf("an edit rode along: mail has %s at the mirror", got)
	}
	if got := n.must("zone", "history", "--limit", "1", "alias.test"); !strings.Contains(got, "alias alias.test. to lb.target.test.: with 192.0.2.3, 2001:db8::1 without 192.0.2.1") &&
		!strings.Contains(n.must("zone", "history", "alias.test"), "with 192.0.2.3, 2001:db8::1 without 192.0.2.1") {
		t.Errorf("the history says nothing of it: %s", n.must("zone", "history", "alias.test"))
	}
	for _, p := range n.plans("alias.test") {
		if p.Plan == nil || len(p.Plan.Lines) != 2 && p.Provider == "knot" {
			t.Errorf("the plan for %s is not that of the edit alone: %+v", p.Provider, p.Plan)
		}
	}
	// A target of our own is followed at once, without anybody being asked.
	n.write("zones/alias.test.zone", strings.Replace(aliasZone, "192.0.2.80", "192.0.2.81", 1))
	eventuallyAddresses(t, n.addr, "own.alias.test.", "192.0.2.81")

	// The target's server dies: what was heard last stays, and that is said.
	target.kill()
	eventually(t, "status says that the target is not resolved", func() (bool, string) {
		for _, a := range n.aliases("alias.test.") {
			if a.Name == "@" {
				return strings.Contains(a.Problem, "resolver "+resolver.addr), a.Problem
			}
		}
		return false, "no ALIAS"
	})
	if got := addressesAt(t, n.addr, "alias.test."); got != three {
		t.Errorf("with its target dead, the ALIAS has %s", got)
	}
	// So it does after a restart while the resolver is dead, too, and under the same serial.
	resolver.kill()
	serial := n.zone("alias.test.").Serial
	n.stop()
	for _, p := range n.plans("alias.test") { // of the last run's addresses
		if p.Plan == nil {
			t.Fatalf("plan for %s without a daemon: %s", p.Provider, p.Error)
		}
		for _, l := range p.Plan.Lines {
			if l.Name != "here" && l.Type != "SOA" {
				t.Errorf("plan for %s without a daemon: %+v", p.Provider, l)
			}
		}
	}
	n.start()
	for name, want := range map[string]string{"alias.test.": three, "any.w.alias.test.": three, "own.alias.test.": "192.0.2.81"} {
		if got := addressesAt(t, n.addr, name); got != want {
			t.Errorf("after a restart, %s has %s", name, got)
		}
	}
	if got := n.zone("alias.test.").Serial; got != serial {
		t.Errorf("the restart made serial %d of %d", got, serial)
	}
	atMirrors(three)
	// It comes back with one address less.
	target = startTargetServer(t, target.addr, "lb A 192.0.2.3\nlb AAAA 2001:db8::1\ncname CNAME lb\n")
	startResolver(t, resolver.addr, target)
	eventuallyAddresses(t, n.addr, "alias.test.", "192.0.2.3 2001:db8::1")
	atMirrors("192.0.2.3 2001:db8::1")
}

// A first start while the resolver is dead: nothing is denied, and what a mirror has stays, until the target is known.
func TestALIASUnresolved(t *testing.T) {
	t.Parallel()
	peerBinary(t, "unbound")
	resolver := freePort(t)
	mirror := startPlain(t, "knot", peerZone{"alias.test.", "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 1209600 60\n@ NS ns1\nns1 A 192.0.2.53\n@ A 192.0.2.99\n"})
	n := newNode(t, fmt.Sprintf("resolvers: [%q]\nproviders: {knot: %s}\nzone_defaults: {providers: [knot]}\n", resolver, rfc2136Config(mirror)))
	n.env = append(n.env, secrets...)
	n.write("zones/alias.test.zone", aliasZone)
	if r := n.run("check"); r.code != 0 || !strings.Contains(r.stderr, "not asked for") {
		t.Errorf("check: %s", r)
	}
	if r := n.run("check", "--resolve"); r.code != 0 || !strings.Contains(r.stdout, "alias.test. ALIAS lb.target.test. is not resolved: resolver "+resolver) ||
		!strings.Contains(r.stdout, "alias.test.zone:6:1: warning:") || strings.Contains(r.stdout, "own.alias.test.") {
		t.Errorf("check --resolve: %s", r)
	}
	n.start()
	var got []string
	for _, q := range []struct {
		name  string
		qtype uint16
	}{
		{"alias.test.", dns.TypeA}, {"alias.test.", dns.TypeAAAA}, {"any.w.alias.test.", dns.TypeA}, {"alias.test.", dns.TypeNS}, {"alias.test.", dns.TypeMX},
		{"alias.test.", dns.TypeTXT}, {"alias.test.", 65401}, {"own.alias.test.", dns.TypeA}, {"any.w.alias.test.", dns.TypeMX},
	} {
		r := dig(t, n.addr, q.name, q.qtype)
		got = append(got, fmt.Sprintf("%s %s: %s, %d", q.name, dns.Type(q.qtype), dns.RcodeToString[r.Rcode], len(r.Answer)))
	}
	want := []string{"alias.test. A: SERVFAIL, 0", "alias.test. AAAA: SERVFAIL, 0", "any.w.alias.test. A: SERVFAIL, 0", "alias.test. NS: NOERROR, 2", "alias.test. MX: NOERROR, 1",
		"alias.test. TXT: NOERROR, 0", "alias.test. TYPE65401: NOERROR, 0", "own.alias.test. A: NOERROR, 1", "any.w.alias.test. MX: NOERROR, 0"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if plan := n.run("plan", "alias.test").stdout; !strings.Contains(plan, "note: @ A: not known yet, since lb.target.test. is not resolved; what the provider has there stays") {
		t.Errorf("the plan does not say what is not known:\n%s", plan)
	}
	for _, p := range n.pushes("alias.test") {
		if p.Error != "" || len(p.Left) > 0 {
			t.Errorf("push to %s: %s, left %v", p.Provider, p.Error, p.Left)
		}
	}
	if got := addressesAt(t, mirror, "alias.test."); got != "192.0.2.99" {
		t.Errorf("at the mirror the unresolved ALIAS has %q", got)
	}
	if got := addressesAt(t, mirror, "mail.alias.test."); got != "192.0.2.25" {
		t.Errorf("the rest was not pushed: mail has %q", got)
	}
	// The target becomes known: own answers are right, and so is, by itself, what was pushed as an ALIAS. What stood there before is not ours to remove.
	target := startTargetServer(t, "", "lb AAAA 2001:db8::1\nlb A 192.0.2.1\ncname CNAME lb\n")
	startResolver(t, resolver, target)
	const known = "192.0.2.1 2001:db8::1"
	eventuallyAddresses(t, n.addr, "alias.test.", known)
	eventuallyAddresses(t, n.addr, "any.w.alias.test.", known)
	eventuallyAddresses(t, mirror, "any.w.alias.test.", known)
	if got := addressesAt(t, mirror, "alias.test."); !strings.HasPrefix(got, "192.0.2.99") {
		t.Errorf("data of others was touched: %s", got)
	}
	if r := n.run("check", "--resolve"); r.code != 0 || strings.Contains(r.stdout, "not resolved") {
		t.Errorf("check --resolve: %s", r)
	}
}

// Health checks the addresses of an ALIAS: a dead one is withdrawn, also where the ALIAS of another zone leads to it.
func TestALIASHealth(t *testing.T) {
	t.Parallel()
	port, targets := newTargets(t, "127.0.0.2", "127.0.0.3")
	stub, _ := stubResolver(t, "127.0.0.2", "127.0.0.3", "127.0.1.1")
	n := newNode(t, fmt.Sprintf("resolvers: [%q]\nalias_networks: [127.0.0.0/24]\n%s", stub, fastChecks))
	n.write("zones/alias.test.zone", strings.Replace(aliasZone, "*.w", ";", 1))
	n.write("zones/alias.test.yaml", fmt.Sprintf("health: {\"@\": tcp:%d}\n", port))
	n.write("zones/other.test.zone", "$TTL 300\n@ IN SOA ns1 h 1 3600 600 1209600 60\n@ IN NS ns1\n@ IN NS ns2.elsewhere.test.\nns1 IN A 192.0.2.53\nwww IN ALIAS alias.test.\n")
	n.start()
	const both = "127.0.0.2 127.0.0.3" // and not 127.0.1.1, which is not opened
	eventuallyAddresses(t, n.addr, "alias.test.", both)
	eventuallyAddresses(t, n.addr, "www.other.test.", both)
	targets[0].kill()
	eventuallyAddresses(t, n.addr, "alias.test.", "127.0.0.3")
	eventuallyAddresses(t, n.addr, "www.other.test.", "127.0.0.3")
	targets[0].revive()
	eventuallyAddresses(t, n.addr, "alias.test.", both)
	eventuallyAddresses(t, n.addr, "www.other.test.", both)
}

// What the first start heard outlives a crash, though it never changed.
func TestALIASCrash(t *testing.T) {
	t.Parallel()
	stub, stop := stubResolver(t, "192.0.2.1")
	n := newNode(t, fmt.Sprintf("resolvers: [%q]\n", stub))
	n.write("zones/alias.test.zone", aliasZone)
	n.start()
	eventuallyAddresses(t, n.addr, "alias.test.", "192.0.2.1")
	eventually(t, "aliases.json is there", func() (bool, string) {
		_, err := os.Stat(n.path("data/aliases.json"))
		return err == nil, fmt.Sprint(err)
	})
	n.kill()
	stop()
	n.start()
	if got := addressesAt(t, n.addr, "alias.test."); got != "192.0.2.1" {
		t.Errorf("after a crash, with its resolver dead, the ALIAS has %s", got)
	}
}

// Two zones whose ALIAS records lead to each other: neither has an address, and that is said where they stand.
func TestALIASRing(t *testing.T) {
	t.Parallel()
	n := newNode(t, "resolvers: [127.0.0.1:1]\n")
	zone := "$TTL 300\n@ IN SOA ns1 h 1 3600 600 1209600 60\n@ IN NS ns1\n@ IN NS ns2.elsewhere.test.\nns1 IN A 192.0.2.53\nwww IN ALIAS www.%s.test.\n"
	n.write("zones/a.test.zone", fmt.Sprintf(zone, "b"))
	n.write("zones/b.test.zone", fmt.Sprintf(zone, "a"))
	n.start()
	if got := addressesAt(t, n.addr, "www.a.test."); got != "SERVFAIL SERVFAIL" {
		t.Errorf("www.a.test. has %s", got)
	}
	for _, z := range []string{"a.test.", "b.test."} {
		if got := strings.Join(n.zone(z).Problems, "\n"); !strings.Contains(got, z+"zone:6:1: www."+z+" ALIAS is in a ring with other zones") {
			t.Errorf("problems of %s: %s", z, got)
		}
	}
}
