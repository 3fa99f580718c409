package rfc2136

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	libdns "github.com/libdns/rfc2136"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers/providertest"
)

const (
	keyName   = "mirror.key."
	keySecret = "bWFuZ3JvdmUtdGVzdC1rZXktMDEyMzQ1Njc4OWFiY2Q="
	keyWrong  = "d3JvbmctdGVzdC1rZXktMDEyMzQ1Njc4OWFiY2QhISE="
	apex      = "$TTL 3600\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 60\n@ IN NS ns1.example.net.\n"
)

// start runs a name server until the test ends and waits until it answers for example.org.
func start(t *testing.T, addr, program string, args ...string) {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion("example.org.", dns.TypeSOA)
	providertest.StartPeer(t, func() bool {
		r, err := dns.Exchange(q, addr)
		return err == nil && len(r.Answer) == 1
	}, program, args...)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// startKnot returns the address of a Knot with an empty example.org.
func startKnot(t *testing.T) string {
	program, dir, port := providertest.PeerPath(t, "knotd", "knot"), t.TempDir(), providertest.FreePort(t)
	write(t, filepath.Join(dir, "example.org.zone"), apex)
	conf := write(t, filepath.Join(dir, "knot.conf"), fmt.Sprintf(`
server:
    listen: 127.0.0.1@%d
    rundir: %q
    udp-workers: 1
    tcp-workers: 2
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: %q
key:
  - id: %s
    algorithm: hmac-sha256
    secret: %s
acl:
  - id: mirror
    key: %s
    action: [transfer, update]
zone:
  - domain: example.org
    storage: %q
    file: example.org.zone
    acl: mirror
`, port, dir, dir, keyName, keySecret, keyName, dir))
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	start(t, addr, program, "-c", conf)
	return addr
}

// startNamed returns the address of a BIND with an empty example.org.
func startNamed(t *testing.T) string {
	program, dir, port := providertest.PeerPath(t, "named", "bind9"), t.TempDir(), providertest.FreePort(t)
	write(t, filepath.Join(dir, "example.org.zone"), apex)
	conf := write(t, filepath.Join(dir, "named.conf"), fmt.Sprintf(`
options {
	directory %q;
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
	notify no;
	allow-transfer { none; };
};
controls { };
key %q { algorithm hmac-sha256; secret %q; };
zone "example.org" {
	type primary;
	file "example.org.zone";
	check-names ignore;
	allow-update { key %q; };
	allow-transfer { key %q; };
};
`, dir, port, keyName, keySecret, keyName, keyName))
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	start(t, addr, program, "-g", "-n", "1", "-c", conf)
	return addr
}

func account(addr, secret string) *libdns.Provider {
	return &libdns.Provider{Server: addr, KeyName: strings.TrimSuffix(keyName, "."), KeyAlg: "hmac-sha256", Key: secret}
}

func newDriver(t *testing.T, a *libdns.Provider) *Driver {
	t.Helper()
	d, err := New(Options{Account: a})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
