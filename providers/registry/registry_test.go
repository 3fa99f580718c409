package registry

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

var deps = Dependencies{
	Directory: "/etc/mangrove",
	Write:     func(io.Writer, *zones.Zone) error { return nil },
	Parse:     func(string, []byte, zones.Name) (*zones.Zone, error) { return nil, nil },
}

// account fills the options of a vendor with what suffices for a driver.
var accounts = map[string]any{
	"cloudflare": &Cloudflare{Token: "0123456789012345678901234567890123456789"},
	"route53":    &Route53{Region: "us-east-1", AccessKeyID: "AKIDEXAMPLE", SecretKey: "secret"},
	"powerdns":   &PowerDNS{ServerURL: "http://127.0.0.1:8081", APIToken: "secret"},
	"rfc2136":    &RFC2136{Server: "127.0.0.1", KeyName: "k", Key: "c2VjcmV0"},
	"zonefile":   &ZoneFile{Directory: "mirror"},
}

// TestVendors: every vendor is documented, in order, and makes a driver of a complete account.
func TestVendors(t *testing.T) {
	vendors := Vendors()
	if !slices.IsSortedFunc(vendors, func(a, b Vendor) int { return strings.Compare(a.Type, b.Type) }) {
		t.Error("the table is not sorted by type")
	}
	for _, v := range vendors {
		t.Run(v.Type, func(t *testing.T) {
			typ := reflect.TypeOf(v.Options())
			if typ.Kind() != reflect.Pointer || typ != reflect.TypeOf(accounts[v.Type]) {
				t.Fatalf("options are %s", typ)
			}
			for i := range typ.Elem().NumField() {
				f := typ.Elem().Field(i)
				if f.Tag.Get("yaml") == "" || f.Tag.Get("doc") == "" {
					t.Errorf("%s has no yaml or doc tag", f.Name)
				}
			}
			d, err := v.New(accounts[v.Type], deps)
			if err != nil || d == nil {
				t.Fatalf("%v", err)
			}
			if _, whole := d.(providers.WholeZone); whole != (v.Type == "zonefile") {
				t.Errorf("whole zone: %v", whole)
			}
		})
	}
}

// TestEmptyAccounts: what is missing is said, with its key; route53 finds credentials elsewhere.
func TestEmptyAccounts(t *testing.T) {
	want := map[string]string{
		"cloudflare": "token", "powerdns": "server_url: not set", "rfc2136": "server: not set", "zonefile": "directory is not set",
	}
	for _, v := range Vendors() {
		text, ok := want[v.Type]
		if !ok {
			continue
		}
		if _, err := v.New(v.Options(), deps); !strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("%s: %v, want %q in it", v.Type, err, text)
		}
	}
}
