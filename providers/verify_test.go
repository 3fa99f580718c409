package providers_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/providers/providertest"
	"github.com/mangrove-dns/mangrove/zones"
)

// TestDeletionUnderAWildcard: the name goes on being answered, by the wildcard, and that is right.
func TestDeletionUnderAWildcard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		f.Servers = 2
		r := newRig(t, options(nil, f), providers.Mirror{Provider: "p", Driver: f})
		const star = "\n* 300 A 192.0.2.99\na A 192.0.2.1\nb A 192.0.2.1\n"
		r.update(both+star, both+star)
		r.push("p")
		without := strings.Replace(both+star, "mail A 192.0.2.5\n", "", 1)
		r.update(without, without)
		if res := r.push("p"); len(res.Unverified) != 0 || res.Applied != 1 {
			t.Errorf("result %+v", res)
		}
	})
}

// TestProxiedIsNotAskedFor: what the proxy answers can't be foretold.
func TestProxiedIsNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		f.Servers, f.Lag = 1, time.Hour
		r := newRig(t, options(nil, f), providers.Mirror{Provider: "p", Driver: f,
			Overlay: providers.Overlay{providertest.Set(origin, "www A 192.0.2.1").Name: {"proxied": "true"}}})
		r.update("www A 192.0.2.1", "www A 192.0.2.1")
		res := r.push("p")
		if len(res.Unverified) != 0 || len(res.Unasked) != 1 || !strings.HasPrefix(res.Unasked[0], "www A: ") {
			t.Errorf("result %+v", res)
		}
	})
}

// TestNameServersByName: addresses are looked up, IPv4 is asked first, and what can't be is a problem in words.
func TestNameServersByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &named{Fake: providertest.NewFake(origin), servers: []providers.Nameserver{{Name: "ns1.example.net.", Addr: "ns1.example.net:53"}}}
		var asked []string
		o := options(nil, nil)
		o.Timeouts.Verify = 10 * time.Second
		o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "ns1.example.net" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.53")}, nil
		}
		o.Exchange = func(ctx context.Context, m *dns.Msg, addr string) (*dns.Msg, error) {
			asked = append(asked, addr)
			if addr == "192.0.2.53:53" {
				return nil, errors.New("network unreachable")
			}
			return f.Exchange(ctx, m, addr)
		}
		r := newRig(t, o, providers.Mirror{Provider: "p", Driver: f})
		r.update("www A 192.0.2.1", "www A 192.0.2.1")
		if res := r.push("p"); len(res.Unverified) != 0 {
			t.Errorf("unverified %q", res.Unverified)
		}
		if got := strings.Join(asked, " "); got != "192.0.2.53:53 [2001:db8::1]:53" {
			t.Errorf("asked %s", got)
		}
		f.servers[0].Addr = "ns2.example.net:53"
		r.update("www A 192.0.2.2", "www A 192.0.2.2")
		if res := r.push("p"); len(res.Unverified) != 1 || res.Unverified[0] != "www A: ns1.example.net.: no such host" {
			t.Errorf("unverified %q", res.Unverified)
		}
	})
}

// named is a fake with name servers of the test's own.
type named struct {
	*providertest.Fake
	servers []providers.Nameserver
}

func (n *named) Nameservers(context.Context, zones.Name) ([]providers.Nameserver, error) {
	return n.servers, nil
}

// TestInterruptedWriteIsVerified: what a write was found to have done after a crash is asked for too.
func TestInterruptedWriteIsVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(origin)
		state := &providers.MemoryState{}
		o := options(state, f)
		o.Timeouts.Apply = time.Second
		first := newRig(t, o, providers.Mirror{Provider: "p", Driver: f})
		first.update(both, both)
		f.Fault = func(c providertest.Call) providertest.Fault {
			return providertest.Fault{Before: map[bool]error{true: providers.ErrUnavailable}[c.Op == providertest.OpSnapshot && c.N == 2]}
		}
		if _, err := first.engine.Push(t.Context(), "p", zone, providers.PushOptions{}); !errors.Is(err, providers.ErrUnavailable) {
			t.Fatalf("push: %v", err)
		}
		f.Servers, f.Lag = 1, time.Minute
		second := newRig(t, options(state, f), providers.Mirror{Provider: "p", Driver: f})
		second.update(both, both)
		second.run()
		time.Sleep(time.Second)
		second.wantPhase("p", providers.Verifying)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		second.wantPhase("p", providers.InSync)
		if s := second.status("p"); s.VerifiedSerial != 1 || s.Generation != 1 {
			t.Errorf("status %+v", s)
		}
		second.stop()
		// a third run knows before it has read anything
		third := newRig(t, options(state, f), providers.Mirror{Provider: "p", Driver: f})
		if s := third.status("p"); s.Phase != providers.Starting || s.VerifiedSerial != 1 || s.VerifiedAt.IsZero() {
			t.Errorf("status before reading %+v", s)
		}
	})
}

// TestMirrorsComeAndGo: a mirror that is no longer configured is left alone; one that changes keeps what it knows.
func TestMirrorsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := providertest.NewFake(origin), providertest.NewFake(origin)
		r := newRig(t, options(nil, nil))
		r.run()
		r.update(both, both)
		mirror := providers.Mirror{Provider: "p", Zone: zone, Driver: f, Edits: providers.Auto}
		if err := r.engine.Set([]providers.Mirror{mirror}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wantHeld(t, f, "mail.example.org", dns.TypeA, "192.0.2.5")
		mirror.Edits = providers.PlanOnly
		if err := r.engine.Set([]providers.Mirror{mirror, {Provider: "q", Zone: zone, Driver: g, Edits: providers.Auto}}); err != nil {
			t.Fatal(err)
		}
		r.update(both+"\nnew A 192.0.2.7", both+"\nnew A 192.0.2.7")
		time.Sleep(time.Minute)
		wantHeld(t, f, "new.example.org", dns.TypeA, "")
		wantHeld(t, g, "new.example.org", dns.TypeA, "192.0.2.7")
		if err := r.engine.Set(nil); err != nil {
			t.Fatal(err)
		}
		calls := len(f.Calls())
		r.update(both, onlyB, "www A 192.0.2.1")
		time.Sleep(time.Hour)
		if n := len(f.Calls()); n != calls || len(r.engine.Status()) != 0 {
			t.Errorf("%d calls after the mirror went", n-calls)
		}
		wantHeld(t, f, "mail.example.org", dns.TypeA, "192.0.2.5")
		r.stop()
	})
}
