package powerdns

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mangrove-dns/mangrove/providers/providertest"
)

const token = "mirror-test-token"

// pdns is a PowerDNS with an empty example.org.
type pdns struct{ url, dns string }

const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

// startPowerDNS runs a server until the test ends.
func startPowerDNS(t *testing.T) pdns {
	t.Helper()
	program := providertest.PeerPath(t, "pdns_server", "pdns-server")
	sqlite := providertest.PeerPath(t, "sqlite3", "sqlite3")
	sql, err := os.ReadFile(schema)
	if err != nil {
		providertest.Missing(t, "%s is not there (Debian: pdns-backend-sqlite3)", schema)
	}
	dir, port, api := t.TempDir(), providertest.FreePort(t), providertest.FreePort(t)
	db := filepath.Join(dir, "pdns.db")
	load := exec.CommandContext(t.Context(), sqlite, db)
	load.Stdin = bytes.NewReader(sql)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := pdns{fmt.Sprintf("http://127.0.0.1:%d", api), fmt.Sprintf("127.0.0.1:%d", port)}
	start(t, p.url, program, "--config-dir="+dir, "--launch=gsqlite3", "--gsqlite3-database="+db, "--daemon=no", "--guardian=no",
		"--local-address=127.0.0.1", fmt.Sprintf("--local-port=%d", port), "--socket-dir="+dir, "--write-pid=no", "--api=yes", "--api-key="+token,
		"--webserver=yes", "--webserver-address=127.0.0.1", fmt.Sprintf("--webserver-port=%d", api), "--zone-cache-refresh-interval=0",
		"--disable-syslog=yes", "--receiver-threads=1", "--distributor-threads=1", "--retrieval-threads=1", "--loglevel=4")
	p.request(t, http.MethodPost, "/zones",
		`{"name":"example.org.","kind":"Native","nameservers":["ns1.example.net."],"soa_edit_api":"INCREASE"}`, http.StatusCreated)
	return p
}

// request makes a request of the test's own.
func (p pdns) request(t *testing.T, method, path, body string, want int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+"/api/v1/servers/localhost"+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		var text bytes.Buffer
		_, _ = text.ReadFrom(resp.Body)
		t.Fatalf("%s %s: %s: %s", method, path, resp.Status, &text)
	}
}

// start runs a program until the test ends and waits until url is answered.
func start(t *testing.T, url, program string, args ...string) {
	t.Helper()
	providertest.StartPeer(t, func() bool {
		resp, err := http.Get(url)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	}, program, args...)
}
