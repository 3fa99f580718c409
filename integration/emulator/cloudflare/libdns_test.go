package cloudflare_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	libdnscloudflare "github.com/libdns/cloudflare"
	"github.com/libdns/libdns"
	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
)

// TestLibdns drives the emulator with a client that was written against the vendor.
func TestLibdns(t *testing.T) {
	s, _ := with(t, cloudflare.Options{PageSizeMax: 3})
	e := listen(t, s)
	p := &libdnscloudflare.Provider{APIToken: token, HTTPClient: e.Client()}
	ctx, zone := t.Context(), "example.com."
	records := []libdns.Record{
		libdns.Address{Name: "@", TTL: 5 * time.Minute, IP: netip.MustParseAddr("192.0.2.1")},
		libdns.Address{Name: "www", TTL: 5 * time.Minute, IP: netip.MustParseAddr("192.0.2.1")},
		libdns.Address{Name: "www", TTL: 5 * time.Minute, IP: netip.MustParseAddr("192.0.2.2")},
		libdns.CNAME{Name: "alias", TTL: 5 * time.Minute, Target: "www.example.com."},
		libdns.MX{Name: "@", TTL: 5 * time.Minute, Preference: 10, Target: "mail.example.com."},
		libdns.TXT{Name: "t", TTL: 5 * time.Minute, Text: "hello; world"},
		libdns.CAA{Name: "@", TTL: 5 * time.Minute, Tag: "issue", Value: "ca.example.net"},
		libdns.SRV{Service: "sip", Transport: "tcp", Name: "@", TTL: 5 * time.Minute, Priority: 1, Weight: 2, Port: 3, Target: "www.example.com."},
		libdns.ServiceBinding{Scheme: "https", Name: "h", TTL: 5 * time.Minute, Priority: 1, Target: ".", Params: libdns.SvcParams{"alpn": {"h2"}}},
	}
	if _, err := p.AppendRecords(ctx, zone, records); err != nil {
		t.Fatal(err)
	}
	got, err := p.GetRecords(ctx, zone)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rrs(records), rrs(got)); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, r := range records {
		if _, err := p.DeleteRecords(ctx, zone, []libdns.Record{r}); err != nil {
			t.Fatalf("delete %v: %v", r, err)
		}
	}
	if left := contents(s); len(left) != 0 {
		t.Errorf("left after deletion: %v", left)
	}
	if _, err := p.SetRecords(ctx, zone, records[1:2]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"www.example.com A 192.0.2.1"}, contents(s)); diff != "" {
		t.Error(diff)
	}
	p.APIToken = "wrong"
	if _, err := p.GetRecords(ctx, zone); err == nil {
		t.Error("a wrong token works")
	}
}

// rrs compares without order.
func rrs(records []libdns.Record) map[libdns.RR]int {
	out := make(map[libdns.RR]int)
	for _, r := range records {
		out[r.RR()]++
	}
	return out
}
