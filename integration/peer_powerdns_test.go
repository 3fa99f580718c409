package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// powerDNS is a PowerDNS with its HTTP API.
type powerDNS struct {
	t    testing.TB
	addr string // of DNS
	url  string // of the API
	key  string
}

// startPowerDNS starts PowerDNS on sqlite3, and makes the zones in it, with nothing but SOA and NS.
func startPowerDNS(t testing.TB, zones ...string) *powerDNS {
	t.Helper()
	path, sqlite := peerBinary(t, "pdns_server"), peerBinary(t, "sqlite3")
	const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
	if _, err := os.Stat(schema); err != nil {
		lacks(t, "pdns-backend-sqlite3")
	}
	d := &powerDNS{t: t, key: "an-api-key"}
	d.addr = startPeer(t, "", func(dir, addr string) (*process, error) {
		db := filepath.Join(dir, "pdns.sqlite3")
		if out, err := exec.CommandContext(t.Context(), sqlite, db, ".read "+schema).CombinedOutput(); err != nil {
			t.Fatalf("make the database of PowerDNS: %v\n%s", err, out)
		}
		host, port := splitAddr(t, addr)
		_, api := splitAddr(t, freePort(t))
		d.url = "http://127.0.0.1:" + api
		writeFile(t, filepath.Join(dir, "pdns.conf"), fmt.Sprintf(`
launch=gsqlite3
gsqlite3-database=%s
local-address=%s
local-port=%s
webserver=yes
webserver-address=127.0.0.1
webserver-port=%s
webserver-allow-from=127.0.0.1
api=yes
api-key=%s
socket-dir=%s
daemon=no
guardian=no
disable-syslog=yes
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
receiver-threads=1
distributor-threads=1
zone-cache-refresh-interval=0
expand-alias=no
dname-processing=yes
`, db, host, port, api, d.key, dir))
		p := startProcess(t, "pdns_server", nil, path, "--config-dir="+dir)
		p.peer = true
		return p, d.answers(p)
	}).addr
	for _, z := range zones {
		code, text := d.call("POST", "/zones", map[string]any{
			"name": z, "kind": "Native", "nameservers": []string{"ns1.powerdns.test.", "ns2.powerdns.test."}, "soa_edit_api": "INCREASE",
		})
		if code != http.StatusCreated {
			t.Fatalf("make zone %s at PowerDNS: %d %s", z, code, text)
		}
	}
	return d
}

// answers waits until the API of a process answers, and says what keeps it from that.
func (d *powerDNS) answers(p *process) (err error) {
	d.t.Helper()
	eventually(d.t, "the API of PowerDNS answers", func() (bool, string) {
		if p.ended() {
			err = p.end()
			return true, ""
		}
		code, text := d.call("GET", "", nil)
		return code == http.StatusOK, text
	})
	return err
}

// call calls the API below servers/localhost.
func (d *powerDNS) call(method, path string, body any) (status int, text string) {
	d.t.Helper()
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			d.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+"/api/v1/servers/localhost"+path, &in)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", d.key)
	c := http.Client{Timeout: 10 * time.Second}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(resp.Body); err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, out.String()
}

// add puts an RRset into a zone: somebody else's work.
func (d *powerDNS) add(zone, name, rrtype string, ttl int, contents ...string) {
	d.t.Helper()
	var records []map[string]any
	for _, c := range contents {
		records = append(records, map[string]any{"content": c, "disabled": false})
	}
	code, text := d.call("PATCH", "/zones/"+zone, map[string]any{"rrsets": []any{map[string]any{
		"name": name, "type": rrtype, "ttl": ttl, "changetype": "REPLACE", "records": records,
	}}})
	if code != http.StatusNoContent {
		d.t.Fatalf("add %s %s at PowerDNS: %d %s", name, rrtype, code, text)
	}
}

func (d *powerDNS) config() string {
	return fmt.Sprintf("{type: powerdns, server_url: %q, api_token: env:PDNS_KEY, nameservers: [%q]}", d.url, d.addr)
}
