package cloudflare_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
)

const token = "test-token"

type answer struct {
	Status   int
	Header   http.Header
	Raw      string
	Result   json.RawMessage
	Success  bool
	Errors   []cloudflare.APIError
	Messages []any
	Info     struct {
		Page       int `json:"page"`
		PerPage    int `json:"per_page"`
		Count      int `json:"count"`
		TotalCount int `json:"total_count"`
		TotalPages int `json:"total_pages"`
	} `json:"result_info"`
}

// call asks the handler itself, without a socket.
func call(t *testing.T, s *cloudflare.Server, auth, method, path, body string) answer {
	t.Helper()
	r := httptest.NewRequest(method, "/client/v4"+path, strings.NewReader(body))
	if auth != "" {
		r.Header.Set("Authorization", auth)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Status: w.Code, Header: w.Header(), Raw: string(raw)}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&a); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return a
}

func codes(a answer) string {
	var out []string
	for _, e := range a.Errors {
		out = append(out, fmt.Sprint(e.Code))
		for _, c := range e.Chain {
			out = append(out, fmt.Sprintf("(%d)", c.Code))
		}
	}
	return strings.Join(out, " ")
}

// with returns a server of one zone that holds records given as JSON objects, and the zone's id.
func with(t *testing.T, opts cloudflare.Options, records ...string) (*cloudflare.Server, string) {
	t.Helper()
	s := cloudflare.New(opts)
	id := s.AddZone("example.com")
	for _, r := range records {
		var f map[string]any
		if err := json.Unmarshal([]byte(r), &f); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create("example.com", f); err != nil {
			t.Fatalf("%s: %v", r, err)
		}
	}
	return s, id
}

// TestRefuses is the table of requests that POST dns_records must refuse, and why.
func TestRefuses(t *testing.T) {
	there := []string{
		`{"type":"A","name":"a","content":"192.0.2.1"}`,
		`{"type":"CNAME","name":"c","content":"a.example.com"}`,
		`{"type":"NS","name":"sub","content":"ns.example.net"}`,
		`{"type":"TXT","name":"t","content":"\"hello\""}`,
		`{"type":"MX","name":"m","content":"mail.example.com","priority":10}`,
		`{"type":"CAA","name":"caa","data":{"flags":0,"tag":"issue","value":"ca.example.net"}}`,
	}
	for _, c := range []struct{ body, want string }{
		{`{"type":"A","name":"x","content":"192.0.2"}`, "400 9005"},
		{`{"type":"A","name":"x","content":"2001:db8::1"}`, "400 9005"},
		{`{"type":"A","name":"x"}`, "400 9005"},
		{`{"type":"AAAA","name":"x","content":"192.0.2.1"}`, "400 9006"},
		{`{"type":"CNAME","name":"x","content":"192.0.2.1"}`, "400 9007"},
		{`{"type":"CNAME","name":"x","content":"under score.example"}`, "400 9007"},
		{`{"type":"CNAME","name":"x","content":"x.example.com"}`, "400 9039"},
		{`{"type":"MX","name":"x","content":"192.0.2.1","priority":1}`, "400 9009"},
		{`{"type":"MX","name":"x","content":"mail.example.com"}`, "400 9101"},
		{`{"type":"MX","name":"x","content":"mail.example.com","priority":65536}`, "400 9102"},
		{`{"type":"TXT","name":"x","content":""}`, "400 9010"},
		{`{"type":"TXT","name":"x","content":"\"this"}`, "400 9010"},
		{`{"type":"TXT","name":"x","content":"\"these\" ones\""}`, "400 9010"},
		{`{"type":"TXT","name":"x","content":"` + strings.Repeat("x", 4100) + `"}`, "400 9015"},
		{`{"type":"SOA","name":"@","content":"a. b. 1 2 3 4 5"}`, "400 9002"},
		{`{"type":"SPF","name":"@","content":"v=spf1"}`, "400 9002"},
		{`{"type":"a","name":"x","content":"192.0.2.1"}`, "400 9002"},
		{`{"name":"x","content":"192.0.2.1"}`, "400 9002"},
		{`{"type":"A","content":"192.0.2.1"}`, "400 9000"},
		{`{"type":"A","name":"a..b","content":"192.0.2.1"}`, "400 9000"},
		{`{"type":"A","name":"a.*.b","content":"192.0.2.1"}`, "400 9000"},
		{`{"type":"A","name":"` + strings.Repeat("x", 64) + `","content":"192.0.2.1"}`, "400 9000"},
		{`{"type":"A","name":"x","content":"192.0.2.1","ttl":0}`, "400 9021"},
		{`{"type":"A","name":"x","content":"192.0.2.1","ttl":59}`, "400 9021"},
		{`{"type":"A","name":"x","content":"192.0.2.1","ttl":86401}`, "400 9021"},
		{`{"type":"A","name":"x","content":"192.0.2.1","ttl":"300"}`, "400 9021"},
		{`{"type":"A","name":"x","content":"192.0.2.1","proxied":"yes"}`, "400 9003"},
		{`{"type":"A","name":"x","content":"10.0.0.1","proxied":true}`, "400 9041"},
		{`{"type":"TXT","name":"x","content":"v","proxied":true}`, "400 9004"},
		{`{"type":"A","name":"x","content":"192.0.2.1","tags":["a:b"]}`, "400 9300"},
		{`{"type":"A","name":"x","content":"192.0.2.1","comment":"` + strings.Repeat("x", 101) + `"}`, "400 9301"},
		{`{"type":"A","name":"x","content":"192.0.2.1","comment":"a\nb"}`, "400 9301"},
		{`{"type":"A","name":"x","content":"bad","ttl":5}`, "400 9021 9005"},
		// data
		{`{"type":"SRV","name":"_s._tcp","content":"1 2 3 host.example.com"}`, "400 9101 9101 9101 9101"},
		{`{"type":"SRV","name":"_s._tcp","data":{"priority":1,"port":3,"target":"h.example.com"}}`, "400 9101"},
		{`{"type":"SRV","name":"_s._tcp","data":{"priority":1,"weight":"2","port":3,"target":"h.example.com"}}`, "400 9102"},
		{`{"type":"SRV","name":"_s._tcp","data":{"priority":1,"weight":2,"port":70000,"target":"h.example.com"}}`, "400 9102"},
		{`{"type":"CAA","name":"x","content":"0 issue \"ca.example.net\""}`, "400 9101 9101 9101"},
		{`{"type":"CAA","name":"x","data":{"flags":256,"tag":"issue","value":"v"}}`, "400 9102"},
		{`{"type":"CAA","name":"x","data":{"flags":0,"tag":"is sue","value":"v"}}`, "400 9102"},
		{`{"type":"TLSA","name":"_443._tcp","content":"3 1 1 abcd"}`, "400 9101 9101 9101 9101"},
		{`{"type":"TLSA","name":"_443._tcp","data":{"usage":3,"selector":1,"matching_type":1,"certificate":"xyz"}}`, "400 9102"},
		{`{"type":"SSHFP","name":"x","data":{"algorithm":4,"type":2,"fingerprint":""}}`, "400 9102"},
		{`{"type":"HTTPS","name":"x","data":{"priority":1,"target":".","value":"port=x"}}`, "400 9102"},
		{`{"type":"LOC","name":"x","data":{"lat_degrees":91,"lat_minutes":0,"lat_seconds":0,"lat_direction":"E","long_degrees":0,"long_minutes":0,"long_seconds":0,"long_direction":"E","altitude":0,"size":0,"precision_horz":0,"precision_vert":0}}`, "400 9102 9102"},
		{`{"type":"URI","name":"x","data":{"weight":1,"target":"https://example.com/"}}`, "400 9101"},
		{`{"type":"NAPTR","name":"x","data":{"order":1,"preference":1,"flags":1,"service":"","regex":"","replacement":"."}}`, "400 9102"},
		{`{"type":"SRV","name":"x","data":[]}`, "400 9102"},
		// conflicts
		{`{"type":"A","name":"a","content":"192.0.2.1","ttl":600}`, "400 81058"},
		{`{"type":"A","name":"A.Example.COM","content":"192.0.2.1"}`, "400 81058"},
		{`{"type":"CNAME","name":"a","content":"b.example.com"}`, "400 81053"},
		{`{"type":"CNAME","name":"c","content":"b.example.com"}`, "400 81053"},
		{`{"type":"A","name":"c","content":"192.0.2.9"}`, "400 81054"},
		{`{"type":"AAAA","name":"c","content":"2001:db8::9"}`, "400 81054"},
		{`{"type":"A","name":"sub","content":"192.0.2.9"}`, "400 81056"},
		{`{"type":"NS","name":"a","content":"ns.example.net"}`, "400 81055"},
		{`{"type":"TXT","name":"t","content":"hello"}`, "400 81058"},
		{`{"type":"MX","name":"m","content":"mail.example.com.","priority":10}`, "400 81058"},
		{`{"type":"CAA","name":"caa","data":{"flags":0,"tag":"ISSUE","value":"ca.example.net"}}`, "400 81058"},
		// the body itself
		{`{"type":`, "400 6007"},
		{`[]`, "400 6007"},
	} {
		s, zone := with(t, cloudflare.Options{}, there...)
		before := s.Records("example.com")
		a := call(t, s, "Bearer "+token, "POST", "/zones/"+zone+"/dns_records", c.body)
		if got := fmt.Sprintf("%d %s", a.Status, codes(a)); got != c.want {
			t.Errorf("%.120s\n got %s %s\nwant %s", c.body, got, a.Raw, c.want)
		}
		if a.Success || string(a.Result) != "null" {
			t.Errorf("%s: success %v, result %s", c.body, a.Success, a.Result)
		}
		if diff := cmp.Diff(len(before), len(s.Records("example.com"))); diff != "" {
			t.Errorf("%s: changed the zone: %s", c.body, diff)
		}
	}
}

// TestStores is the table of records as they come back.
func TestStores(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ body, name, content, data string }{
		{`{"type":"A","name":"@","content":"192.0.2.1"}`, "example.com", "192.0.2.1", ""},
		{`{"type":"A","name":"WWW.Example.com.","content":"192.0.2.1","data":{"tag":""}}`, "www.example.com", "192.0.2.1", ""},
		{`{"type":"A","name":"www.example.org","content":"192.0.2.1"}`, "www.example.org.example.com", "192.0.2.1", ""},
		{`{"type":"A","name":"*.w","content":"192.0.2.1"}`, "*.w.example.com", "192.0.2.1", ""},
		{`{"type":"A","name":"bücher","content":"192.0.2.1"}`, "xn--bcher-kva.example.com", "192.0.2.1", ""},
		{`{"type":"A","name":"他们为什么不说中文","content":"192.0.2.1"}`, "xn--ihqwcrb4cv8a8dqg056pqjye.example.com", "192.0.2.1", ""},
		{`{"type":"AAAA","name":"x","content":"FE80::0:0:1"}`, "x.example.com", "fe80::1", ""},
		{`{"type":"CNAME","name":"x","content":"Host.Example.NET."}`, "x.example.com", "host.example.net", ""},
		{`{"type":"MX","name":"x","content":".","priority":0}`, "x.example.com", ".", ""},
		{`{"type":"NS","name":"@","content":"ns.example.net"}`, "example.com", "ns.example.net", ""},
		{`{"type":"DS","name":"sub","data":{"key_tag":1,"algorithm":13,"digest_type":2,"digest":"ab cd"}}`, "sub.example.com", "1 13 2 abcd", ""},
		{`{"type":"TXT","name":"x","content":"no quotes; at all"}`, "x.example.com", `"no quotes; at all"`, ""},
		{`{"type":"TXT","name":"x","content":"\"one\"  \"two\""}`, "x.example.com", `"one" "two"`, ""},
		{`{"type":"TXT","name":"x","content":"\"\""}`, "x.example.com", `""`, ""},
		{`{"type":"TXT","name":"x","content":"\"a \\\"b\\\" \\\\ \\233 é\""}`, "x.example.com", `"a \"b\" \\ \233 é"`, ""},
		{`{"type":"TXT","name":"x","content":"` + long + `"}`, "x.example.com", `"` + long[:255] + `" "` + long[255:] + `"`, ""},
		{`{"type":"SRV","name":"_s._tcp","content":"ignored","data":{"priority":10,"weight":0,"port":5223,"target":"server.example.com."}}`, "_s._tcp.example.com", "0 5223 server.example.com", `{"port":5223,"priority":10,"target":"server.example.com","weight":0}`},
		{`{"type":"CAA","name":"x","data":{"flags":128,"tag":"issue","value":"a\"b; c=d"}}`, "x.example.com", `128 issue "a\"b; c=d"`, `{"flags":128,"tag":"issue","value":"a\"b; c=d"}`},
		{`{"type":"HTTPS","name":"x","data":{"priority":1,"target":".","value":"ipv4hint=192.0.2.1 alpn=h3,h2"}}`, "x.example.com", `1 . alpn="h3,h2" ipv4hint="192.0.2.1"`, `{"priority":1,"target":".","value":"alpn=\"h3,h2\" ipv4hint=\"192.0.2.1\""}`},
		{`{"type":"HTTPS","name":"x","data":{"priority":0,"target":"a.example.net","value":""}}`, "x.example.com", `0 a.example.net`, `{"priority":0,"target":"a.example.net","value":""}`},
		{`{"type":"TLSA","name":"x","data":{"usage":3,"selector":1,"matching_type":1,"certificate":"ab cd"}}`, "x.example.com", "3 1 1 ABCD", `{"certificate":"ABCD","matching_type":1,"selector":1,"usage":3}`},
		{`{"type":"SSHFP","name":"x","data":{"algorithm":4,"type":2,"fingerprint":"abCD"}}`, "x.example.com", "4 2 abCD", ""},
		{`{"type":"NAPTR","name":"x","data":{"order":1,"preference":2,"flags":"u","service":"E2U+sip","regex":"!^(.*)$!sip:\\1@example.com!","replacement":"."}}`, "x.example.com", `1 2 "u" "E2U+sip" "!^(.*)$!sip:\\1@example.com!" .`, ""},
		{`{"type":"URI","name":"x","priority":10,"data":{"weight":1,"target":"https://example.com/a?b"}}`, "x.example.com", `1 "https://example.com/a?b"`, ""},
		{`{"type":"LOC","name":"x","data":{"lat_degrees":31,"lat_minutes":58,"lat_seconds":52.1,"lat_direction":"S","long_degrees":115,"long_minutes":49,"long_seconds":11.7,"long_direction":"E","altitude":20,"size":10,"precision_horz":10,"precision_vert":2}}`, "x.example.com", "IN LOC 31 58 52.1 S 115 49 11.7 E 20m 10m 10m 2m", ""},
		{`{"type":"CERT","name":"x","data":{"type":1,"key_tag":2,"algorithm":8,"certificate":"AAAA"}}`, "x.example.com", "1 2 8 AAAA", ""},
		{`{"type":"DNSKEY","name":"x","data":{"flags":257,"protocol":3,"algorithm":13,"public_key":"AAAA"}}`, "x.example.com", "257 3 13 AAAA", ""},
		{`{"type":"SMIMEA","name":"x","data":{"usage":3,"selector":0,"matching_type":0,"certificate":"ff"}}`, "x.example.com", "3 0 0 FF", ""},
		{`{"type":"OPENPGPKEY","name":"x","content":"AAAA"}`, "x.example.com", "AAAA", ""},
	} {
		s, zone := with(t, cloudflare.Options{})
		a := call(t, s, "Bearer "+token, "POST", "/zones/"+zone+"/dns_records", c.body)
		if a.Status != 200 || !a.Success {
			t.Errorf("%s: %d %s", c.body, a.Status, a.Raw)
			continue
		}
		var r struct {
			ID, Name, Content string
			Data              json.RawMessage
			TTL               int
			CreatedOn         string `json:"created_on"`
		}
		if err := json.Unmarshal(a.Result, &r); err != nil {
			t.Fatal(err)
		}
		if r.Name != c.name || r.Content != c.content || r.TTL != 1 || r.CreatedOn == "" {
			t.Errorf("%s: got %+v, want name %s, content %s", c.body, r, c.name, c.content)
		}
		if c.data != "" && string(r.Data) != c.data {
			t.Errorf("%s: data\n got %s\nwant %s", c.body, r.Data, c.data)
		}
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(r.ID) {
			t.Errorf("%s: id %q", c.body, r.ID)
		}
		// What is shown may be sent back as it is, and is then identical to itself.
		if back := call(t, s, "Bearer "+token, "PUT", "/zones/"+zone+"/dns_records/"+r.ID, string(a.Result)); back.Status != 200 {
			t.Errorf("%s: sent back: %s", c.body, back.Raw)
		} else if got := s.Records("example.com"); len(got) != 1 || got[0].Content != c.content {
			t.Errorf("%s: sent back, became %+v", c.body, got)
		}
	}
}

func TestCombinedLengthLimit(t *testing.T) {
	s, _ := with(t, cloudflare.Options{})
	for i := range 5 {
		_, err := s.Create("example.com", map[string]any{"type": "TXT", "name": "x", "content": strings.Repeat(fmt.Sprint(i), 2000)})
		if got, want := err != nil, i == 4; got != want {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

func TestErrorChain(t *testing.T) {
	s, zone := with(t, cloudflare.Options{ErrorChain: true})
	a := call(t, s, "Bearer "+token, "POST", "/zones/"+zone+"/dns_records", `{"type":"A","name":"x","content":"nope"}`)
	if got, want := codes(a), "1004 (9005)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRoutes is the table of everything that is not the making of a record.
func TestRoutes(t *testing.T) {
	none := strings.Repeat("0", 32)
	for _, c := range []struct{ auth, method, path, body, want string }{
		{"Bearer test-token", "GET", "/user/tokens/verify", "", "200 "},
		{"Bearer wrong", "GET", "/user/tokens/verify", "", "401 1000"},
		{"Bearer wrong", "GET", "/zones", "", "403 9109"},
		{"Bearer wrong", "GET", "/zones/ZONE/dns_records", "", "403 10000"},
		{"", "GET", "/zones", "", "400 9106"},
		{"Basic abc", "GET", "/zones", "", "400 6003 (6111)"},
		{"Bearer reader", "GET", "/zones/ZONE/dns_records", "", "200 "},
		{"Bearer reader", "POST", "/zones/ZONE/dns_records", `{"type":"A","name":"x","content":"192.0.2.1"}`, "403 10000"},
		{"Bearer reader", "DELETE", "/zones/ZONE/dns_records/RECORD", "", "403 10000"},
		{"Bearer test-token", "GET", "/zones/" + none, "", "403 9109"},
		{"Bearer test-token", "GET", "/zones/example.com/dns_records", "", "404 7003 7000"},
		{"Bearer test-token", "GET", "/zones/ZONE", "", "200 "},
		{"Bearer test-token", "DELETE", "/zones/ZONE", "", "405 10405"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records/" + none, "", "404 81044"},
		{"Bearer test-token", "DELETE", "/zones/ZONE/dns_records/" + none, "", "404 81044"},
		{"Bearer test-token", "PATCH", "/zones/ZONE/dns_records/" + none, `{}`, "404 81044"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records/xyz", "", "404 7003 7000"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records/RECORD", "", "200 "},
		{"Bearer test-token", "PATCH", "/zones/ZONE/dns_records/RECORD", `{"ttl":120}`, "200 "},
		{"Bearer test-token", "PUT", "/zones/ZONE/dns_records/RECORD", `{"ttl":120}`, "400 9002"},
		{"Bearer test-token", "DELETE", "/zones/ZONE/dns_records/RECORD", "", "200 "},
		{"Bearer test-token", "DELETE", "/zones/ZONE/dns_records", "", "405 10405"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records?per_page=0", "", "400 1003"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records?per_page=5000001", "", "400 1003"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records?naem=x", "", "400 1003"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records?order=age", "", "400 1003"},
		{"Bearer test-token", "GET", "/zones?per_page=51", "", "400 1003"},
		{"Bearer test-token", "GET", "/zones/ZONE/dns_records/export", "", "200 "},
		{"Bearer test-token", "GET", "/zones/ZONE/nothing", "", "404 7003 7000"},
		{"Bearer test-token", "GET", "/accounts", "", "404 7003 7000"},
	} {
		s, zone := with(t, cloudflare.Options{ReadOnlyToken: "reader"}, `{"type":"A","name":"a","content":"192.0.2.1"}`)
		path := strings.NewReplacer("ZONE", zone, "RECORD", s.Records("example.com")[0].ID).Replace(c.path)
		a := call(t, s, c.auth, c.method, path, c.body)
		if got := fmt.Sprintf("%d %s", a.Status, codes(a)); got != c.want {
			t.Errorf("%s %s as %q: got %s, want %s: %s", c.method, c.path, c.auth, got, c.want, a.Raw)
		}
		log := s.Requests()
		if len(log) != 1 || log[0].Method != c.method || log[0].Status != a.Status {
			t.Errorf("%s %s: logged %+v", c.method, c.path, log)
		}
	}
}

func TestContentTypeMatters(t *testing.T) {
	s, zone := with(t, cloudflare.Options{})
	r := httptest.NewRequest("POST", "/client/v4/zones/"+zone+"/dns_records", strings.NewReader(`{}`))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("got %d, want 415: %s", w.Code, w.Body)
	}
}

func TestPatchKeepsTheRest(t *testing.T) {
	s, zone := with(t, cloudflare.Options{Plan: cloudflare.Paid}, `{"type":"A","name":"a","content":"192.0.2.1","ttl":300,"comment":"mine","tags":["team:dns"],"settings":{"ipv4_only":true}}`)
	old := s.Records("example.com")[0]
	path := "/zones/" + zone + "/dns_records/" + old.ID
	if a := call(t, s, "Bearer "+token, "PATCH", path, `{"content":"192.0.2.2"}`); a.Status != 200 {
		t.Fatal(a.Raw)
	}
	r := s.Records("example.com")[0]
	if r.Content != "192.0.2.2" || r.TTL != 300 || r.Comment == nil || *r.Comment != "mine" || len(r.Tags) != 1 || r.ID != old.ID || r.Settings["ipv4_only"] != true {
		t.Errorf("got %+v", r)
	}
	if a := call(t, s, "Bearer "+token, "PATCH", path, `{"proxied":true}`); a.Status != 200 {
		t.Fatal(a.Raw)
	}
	if r := s.Records("example.com")[0]; !r.Proxied || r.TTL != 1 {
		t.Errorf("proxied: got %+v", r)
	}
	// PUT puts back what it does not name.
	if a := call(t, s, "Bearer "+token, "PUT", path, `{"type":"A","name":"a","content":"192.0.2.2"}`); a.Status != 200 {
		t.Fatal(a.Raw)
	}
	if r := s.Records("example.com")[0]; r.Proxied || r.Comment != nil || len(r.Tags) != 0 {
		t.Errorf("put: got %+v", r)
	}
}

func TestReadOnlyRecord(t *testing.T) {
	s, zone := with(t, cloudflare.Options{})
	r := s.Seed("example.com", cloudflare.Record{Name: "example.com", Type: "TXT", Content: "plain text", TTL: 1, Meta: map[string]any{"read_only": true}}, `example.com. TXT "plain text"`)
	a := call(t, s, "Bearer "+token, "DELETE", "/zones/"+zone+"/dns_records/"+r.ID, "")
	if got, want := codes(a), "1046"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestListPagesAndFilters(t *testing.T) {
	s, zone := with(t, cloudflare.Options{PageSizeMax: 3},
		`{"type":"A","name":"a","content":"192.0.2.1","comment":"one"}`, `{"type":"A","name":"a","content":"192.0.2.2"}`,
		`{"type":"A","name":"b","content":"192.0.2.1"}`, `{"type":"TXT","name":"a","content":"\"Some text\""}`,
		`{"type":"AAAA","name":"c","content":"2001:db8::1","proxied":true}`)
	for _, c := range []struct {
		query string
		want  string // page/per_page/count/total
	}{
		{"", "1/3/3/5"},
		{"page=2&per_page=100", "2/3/2/5"},
		{"page=9", "9/3/0/5"},
		{"per_page=2", "1/2/2/5"},
		{"type=A", "1/3/3/3"},
		{"name=a.example.com", "1/3/3/3"},
		{"name.exact=a.example.com&type=A", "1/3/2/2"},
		{"name=a", "1/3/0/0"},
		{"content=192.0.2.1", "1/3/2/2"},
		{"content.contains=some", "1/3/1/1"},
		{"content.exact=%22some+text%22", "1/3/1/1"},
		{"name.startswith=b&content.endswith=text%22&match=any", "1/3/2/2"},
		{"comment.present=true", "1/3/1/1"},
		{"comment.absent=true", "1/3/3/4"},
		{"proxied=true", "1/3/1/1"},
		{"search=db8", "1/3/1/1"},
	} {
		a := call(t, s, "Bearer "+token, "GET", "/zones/"+zone+"/dns_records?"+c.query, "")
		if got := fmt.Sprintf("%d/%d/%d/%d", a.Info.Page, a.Info.PerPage, a.Info.Count, a.Info.TotalCount); got != c.want {
			t.Errorf("%s: got %s, want %s: %s", c.query, got, c.want, a.Raw)
		}
	}
	a := call(t, s, "Bearer "+token, "GET", "/zones/"+zone+"/dns_records?order=content&direction=desc&type=A&per_page=1", "")
	if !strings.Contains(a.Raw, "192.0.2.2") {
		t.Errorf("order: %s", a.Raw)
	}
}

func TestListZones(t *testing.T) {
	s := cloudflare.New(cloudflare.Options{Zones: []string{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example"}})
	s.SetZoneStatus("b.example", "pending")
	for query, want := range map[string]int{
		"": 6, "?name=a.example": 1, "?name=A.Example.": 1, "?name=x.example": 0, "?status=pending": 1, "?per_page=5&page=2": 1,
	} {
		a := call(t, s, "Bearer "+token, "GET", "/zones"+query, "")
		if a.Info.Count != want {
			t.Errorf("%q: got %d zones, want %d", query, a.Info.Count, want)
		}
	}
	a := call(t, s, "Bearer "+token, "GET", "/zones?name=b.example", "")
	if !strings.Contains(a.Raw, `"status":"pending"`) || !strings.Contains(a.Raw, `"ada.ns.cloudflare.com"`) {
		t.Errorf("got %s", a.Raw)
	}
	s.RemoveZone("b.example")
	if a := call(t, s, "Bearer "+token, "GET", "/zones", ""); a.Info.TotalCount != 5 {
		t.Errorf("after removal: got %d zones, want 5", a.Info.TotalCount)
	}
}

func TestExport(t *testing.T) {
	s, zone := with(t, cloudflare.Options{}, `{"type":"MX","name":"@","content":"mail.example.com","priority":0}`)
	a := call(t, s, "Bearer "+token, "GET", "/zones/"+zone+"/dns_records/export", "")
	for _, want := range []string{"SOA\tada.ns.cloudflare.com.", "example.com.\t1\tIN\tMX\t0 mail.example.com."} {
		if !strings.Contains(a.Raw, want) {
			t.Errorf("export lacks %q:\n%s", want, a.Raw)
		}
	}
}
