package route53

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	libdns "github.com/libdns/route53"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

func TestNewRefuses(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	for _, c := range []struct {
		p    *libdns.Provider
		opts Options
		want []string
	}{
		{p: &libdns.Provider{AccessKeyId: "AKIA"}, want: []string{"access_key_id and secret_access_key go together"}},
		{p: &libdns.Provider{SecretAccessKey: "s", SessionToken: "t", MaxRetries: -1}, want: []string{"go together", "session_token is set without", "max_retries -1 is negative"}},
		{p: &libdns.Provider{Profile: "p", AccessKeyId: "a", SecretAccessKey: "s"}, want: []string{"both profile and access_key_id"}},
		{p: &libdns.Provider{HostedZoneID: "example.com"}, want: []string{`hosted_zone_id "example.com" is not one`}},
		{opts: Options{ZoneIDs: map[zones.Name]string{example: "z"}}, want: []string{`hosted zone id "z" of example.com.`}},
		{opts: Options{Endpoint: "localhost:4566"}, want: []string{`endpoint "localhost:4566" is no http or https URL`}},
		{opts: Options{Nameservers: []string{"127.0.0.1"}}, want: []string{`"127.0.0.1" is not host:port`}},
		{opts: Options{RoleARN: "admin", CallTimeout: -1}, want: []string{`role "admin" is no ARN`, "time limit is negative"}},
		{opts: Options{ExternalID: "x"}, want: []string{"external id is set without a role"}},
		{p: &libdns.Provider{Profile: "missing"}, want: []string{"AWS configuration", "missing"}},
	} {
		if c.p == nil {
			c.p = &libdns.Provider{}
		}
		_, err := New(c.p, c.opts)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
}

// TestProfile: the configuration files are read as the SDK reads them.
func TestProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[profile dns]\naws_access_key_id = AKIA\naws_secret_access_key = s\nregion = eu-west-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file+"none")
	d := &Driver{provider: &libdns.Provider{Profile: "dns"}, limiter: NewLimiter()}
	cfg, err := d.load()
	if err != nil {
		t.Fatal(err)
	}
	v, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || v.AccessKeyID != "AKIA" || cfg.Region != "eu-west-1" {
		t.Errorf("got %s, %s, %v", v.AccessKeyID, cfg.Region, err)
	}
}

// TestRole: the role is assumed with the configured credentials.
func TestRole(t *testing.T) {
	var asked url.Values
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		asked = r.PostForm
		fmt.Fprint(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>
			<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	d := &Driver{provider: &libdns.Provider{AccessKeyId: "AKIA", SecretAccessKey: "s"}, limiter: NewLimiter(),
		opts: Options{RoleARN: "arn:aws:iam::123456789012:role/dns", ExternalID: "x1"}}
	cfg, err := d.load()
	if err != nil {
		t.Fatal(err)
	}
	v, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || v.AccessKeyID != "ASIA" || asked.Get("RoleArn") != d.opts.RoleARN || asked.Get("ExternalId") != "x1" {
		t.Errorf("got %s, %v, asked %v", v.AccessKeyID, err, asked)
	}
}

func hosted(id, name string, private bool) types.HostedZone {
	return types.HostedZone{Id: aws.String("/hostedzone/" + id), Name: aws.String(name), Config: &types.HostedZoneConfig{PrivateZone: private}}
}

func TestLocate(t *testing.T) {
	for _, c := range []struct {
		what  string
		zones []types.HostedZone
		p     *libdns.Provider
		opts  Options
		id    string
		err   error
		text  string
	}{
		{what: "by name", zones: []types.HostedZone{hosted("Z1", "example.com.", false), hosted("Z2", "example.comx.", false)}, id: "Z1"},
		{what: "public first", zones: []types.HostedZone{hosted("Z1", "example.com.", true), hosted("Z2", "example.com.", false)}, id: "Z2"},
		{what: "one private", zones: []types.HostedZone{hosted("Z1", "example.com.", true)}, id: "Z1"},
		{what: "none", zones: []types.HostedZone{hosted("Z1", "www.example.com.", false)}, err: providers.ErrZoneNotFound},
		{what: "several", zones: []types.HostedZone{hosted("Z1", "example.com.", false), hosted("Z2", "example.com.", false)}, err: providers.ErrRefused, text: "2 public hosted zones (Z1, Z2); set hosted_zone_id"},
		{what: "several, one named", zones: []types.HostedZone{hosted("Z1", "example.com.", false), hosted("Z2", "example.com.", false)}, p: &libdns.Provider{HostedZoneID: "Z2"}, id: "Z2"},
		{what: "several, one named by zone", zones: []types.HostedZone{hosted("Z1", "example.com.", false), hosted("Z2", "example.com.", false)}, p: &libdns.Provider{HostedZoneID: "Z1"}, opts: Options{ZoneIDs: map[zones.Name]string{example: "/hostedzone/Z2"}}, id: "Z2"},
		{what: "another's id", zones: []types.HostedZone{hosted("Z1", "example.org.", false)}, p: &libdns.Provider{HostedZoneID: "Z1"}, err: providers.ErrZoneNotFound, text: "hosted zone Z1 is example.org., not example.com."},
		{what: "no such id", p: &libdns.Provider{HostedZoneID: "Z9"}, err: providers.ErrZoneNotFound},
	} {
		f := newFake()
		f.zones = c.zones
		z, err := driver(t, f, c.p, c.opts).locate(t.Context(), example)
		if z.id != c.id || !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %q, %v", c.what, z.id, err)
		}
	}
}

func TestNameservers(t *testing.T) {
	f := newFake()
	d := driver(t, f, nil, Options{})
	got, err := d.Nameservers(t.Context(), example)
	want := []providers.Nameserver{{Name: "ns-1.awsdns-01.org.", Addr: "ns-1.awsdns-01.org:53"}, {Name: "ns-2.awsdns-02.net.", Addr: "ns-2.awsdns-02.net:53"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	f.fail = func(string) error { return errors.New("must not be asked again") }
	if _, err := d.Nameservers(t.Context(), example); err != nil {
		t.Error(err)
	}
	d = driver(t, f, nil, Options{Nameservers: []string{"127.0.0.1:5353"}})
	if got, err := d.Nameservers(t.Context(), example); err != nil || !cmp.Equal(got, []providers.Nameserver{{Addr: "127.0.0.1:5353"}}) {
		t.Errorf("got %v, %v", got, err)
	}
	f = newFake()
	f.zones = []types.HostedZone{hosted("Z1", "example.com.", true)}
	if got, err := driver(t, f, nil, Options{}).Nameservers(t.Context(), example); err != nil || len(got) > 0 {
		t.Errorf("private: got %v, %v", got, err)
	}
}

// TestZoneMadeAnew: a zone that is gone is looked for again.
func TestZoneMadeAnew(t *testing.T) {
	f := newFake()
	d := driver(t, f, nil, Options{})
	snapshot(t, d)
	f.fail = func(call string) error {
		if call == "list" {
			return &types.NoSuchHostedZone{}
		}
		return nil
	}
	if _, err := d.Snapshot(t.Context(), example); !errors.Is(err, providers.ErrZoneNotFound) {
		t.Fatalf("got %v", err)
	}
	f.fail, f.zones = nil, []types.HostedZone{hosted("Z2", "example.com.", false)}
	if snap := snapshot(t, d); snap.Token.(token).zoneID != "Z2" {
		t.Errorf("still asks for %v", snap.Token)
	}
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		since := func(n int, urgent bool) time.Duration {
			start := time.Now()
			for range n {
				if err := l.wait(t.Context(), urgent); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(start).Round(50 * time.Millisecond)
		}
		if got := since(limitBurst-limitReserve, false); got != 0 {
			t.Errorf("the burst took %v", got)
		}
		if got, want := since(10, false), time.Second; got != want {
			t.Errorf("ten more took %v, want %v", got, want)
		}
		if got := since(limitReserve, true); got != 0 {
			t.Errorf("the reserve took %v", got)
		}
		if got, want := since(5, true), 500*time.Millisecond; got != want {
			t.Errorf("beyond the reserve: took %v, want %v", got, want)
		}
		l.drain()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := l.wait(ctx, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
