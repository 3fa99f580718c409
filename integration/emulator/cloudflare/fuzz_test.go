package cloudflare_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
)

// FuzzRecord: whatever is taken may be sent back as it is shown, and stays what it is.
func FuzzRecord(f *testing.F) {
	for _, b := range []string{
		`{"type":"A","name":"x","content":"192.0.2.1","ttl":60}`,
		`{"type":"TXT","name":"@","content":"\"a \\\"b\\\" \\233\" \"\""}`,
		`{"type":"MX","name":"x","content":".","priority":0}`,
		`{"type":"SRV","name":"_s._tcp","data":{"priority":1,"weight":0,"port":3,"target":"h"}}`,
		`{"type":"CAA","name":"x","data":{"flags":0,"tag":"issue","value":"a;b\""}}`,
		`{"type":"HTTPS","name":"x","data":{"priority":1,"target":".","value":"alpn=h2 port=1"}}`,
		`{"type":"NAPTR","name":"x","data":{"order":1,"preference":2,"flags":"u","service":"s","regex":"!a\\b!","replacement":"."}}`,
		`{"type":"LOC","name":"x","data":{"lat_degrees":1,"lat_minutes":2,"lat_seconds":3.5,"lat_direction":"N","long_degrees":1,"long_minutes":2,"long_seconds":3,"long_direction":"W","altitude":-1.5,"size":1,"precision_horz":1,"precision_vert":1}}`,
		`{"type":"TLSA","name":"x","data":{"usage":3,"selector":1,"matching_type":1,"certificate":"ab"}}`,
		`{"type":"URI","name":"x","priority":1,"data":{"weight":1,"target":"https://x/"}}`,
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := cloudflare.New(cloudflare.Options{Plan: cloudflare.Paid})
		path := "/client/v4/zones/" + s.AddZone("example.com") + "/dns_records"
		do := func(method, path, body string) (int, string) {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		if status, _ := do("POST", path, body); status != 200 {
			if len(s.Records("example.com")) > 0 {
				t.Fatal("refused and stored")
			}
			return
		}
		before := s.Records("example.com")[0]
		shown, err := json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := do("PUT", path+"/"+before.ID, string(shown)); status != 200 {
			t.Fatalf("%s sent back: %s", shown, answer)
		}
		if after := s.Records("example.com")[0]; after.Content != before.Content || after.Name != before.Name {
			t.Fatalf("%s became %s %s", shown, after.Name, after.Content)
		}
		if status, answer := do("POST", path, string(shown)); status == 200 {
			t.Fatalf("%s is taken twice: %s", shown, answer)
		}
	})
}
