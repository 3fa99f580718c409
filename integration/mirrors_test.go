package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsroute53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/integration/emulator/cloudflare"
	"github.com/mangrove-dns/mangrove/integration/emulator/route53"
)

const (
	awsKey    = "AKIAIOSFODNN7EXAMPLE"
	awsSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	cfToken   = "test-token"
)

// cloudflareAccount is an account at the emulator of Cloudflare.
type cloudflareAccount struct {
	*cloudflare.Server
	url, dns string
}

func newCloudflare(t testing.TB, zones ...string) *cloudflareAccount {
	t.Helper()
	s := cloudflare.New(cloudflare.Options{Token: cfToken, Zones: zones})
	e, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return &cloudflareAccount{s, e.URL, e.DNS}
}

// config is the account in mangrove.yaml.
func (a *cloudflareAccount) config() string {
	return fmt.Sprintf("{type: cloudflare, token: env:CF_TOKEN, endpoint: %q, nameservers: [%q]}", a.url, a.dns)
}

// route53Account is an account at the emulator of Route 53.
type route53Account struct {
	*route53.Server
	ids map[string]string // by zone
}

func newRoute53(t testing.TB, zones ...string) *route53Account {
	t.Helper()
	a := &route53Account{route53.New(route53.Options{AccessKey: awsKey, SecretKey: awsSecret}), make(map[string]string)}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, z := range zones {
		a.ids[z] = a.AddZone(z, false)
	}
	return a
}

func (a *route53Account) config() string {
	return fmt.Sprintf("{type: route53, access_key_id: %s, secret_access_key: env:AWS_SECRET, endpoint: %q, nameservers: [%q]}",
		awsKey, a.URL(), a.DNSAddr())
}

// create puts record sets into a zone: somebody else's work.
func (a *route53Account) create(t testing.TB, zone string, sets ...types.ResourceRecordSet) {
	t.Helper()
	c := awsroute53.New(awsroute53.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(a.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(awsKey, awsSecret, ""),
	})
	var changes []types.Change
	for i := range sets {
		changes = append(changes, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &sets[i]})
	}
	_, err := c.ChangeResourceRecordSets(t.Context(), &awsroute53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(a.ids[zone]), ChangeBatch: &types.ChangeBatch{Changes: changes},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// secrets are what mangrove.yaml refers to by env:.
var secrets = []string{"CF_TOKEN=" + cfToken, "AWS_SECRET=" + awsSecret, "PDNS_KEY=an-api-key", "TSIG_KEY=" + tsigSecret}

// rrset names an RRset in tests.
type rrset struct{ name, rrtype string }

// records is a zone as miekg/dns reads it, which is nothing of ours: what ought to be answered.
type records map[rrset][]dns.RR

func parseRecords(t testing.TB, origin, text string) records {
	t.Helper()
	out := make(records)
	for _, rr := range parseZone(t, origin, text) {
		h := rr.Header()
		k := rrset{strings.ToLower(h.Name), dns.TypeToString[h.Rrtype]}
		if k.rrtype == "" || h.Rrtype == dns.TypeNone {
			k.rrtype = fmt.Sprintf("TYPE%d", h.Rrtype)
		}
		out[k] = append(out[k], rr)
	}
	return out
}

// parseZone returns the records of a zone's text, in its order.
func parseZone(t testing.TB, origin, text string) (rrs []dns.RR) {
	t.Helper()
	p := dns.NewZoneParser(strings.NewReader(text), origin, "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatalf("zone %s: %v", origin, err)
	}
	return rrs
}

func readRecords(t testing.TB, origin, path string) records {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parseRecords(t, origin, string(text))
}

// text is an RRset as a line to compare: its TTL, then its values.
func (rs records) text(k rrset) string {
	return rrsetText(rs[k])
}

func rrsetText(rrs []dns.RR) string {
	if len(rrs) == 0 {
		return "(none)"
	}
	vs := values(rrs, rrs[0].Header().Name, rrs[0].Header().Rrtype)
	return fmt.Sprint(rrs[0].Header().Ttl, " ", strings.Join(vs, " | "))
}

// answered asks a server for an RRset, in the way that it can be asked for, and returns its text.
func (rs records) answered(t testing.TB, addr string, k rrset) string {
	t.Helper()
	name, wildcard := k.name, strings.HasPrefix(k.name, "*.")
	if wildcard {
		name = "any" + k.name[1:]
	}
	qtype := typeOf(k.rrtype)
	r := dig(t, addr, name, qtype)
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return dns.RcodeToString[r.Rcode]
	}
	section := r.Answer
	if k.rrtype == "NS" && len(section) == 0 {
		section = r.Ns // a referral
	}
	var got []dns.RR
	for _, rr := range section {
		if rr.Header().Rrtype == qtype && strings.EqualFold(rr.Header().Name, name) {
			got = append(got, rr)
		}
	}
	return rrsetText(got)
}

func typeOf(text string) uint16 {
	if n, ok := dns.StringToType[text]; ok {
		return n
	}
	var n uint16
	fmt.Sscanf(text, "TYPE%d", &n)
	return n
}

// keys returns the names of RRsets, in order.
func (rs records) keys() []rrset {
	var out []rrset
	for k := range rs {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b rrset) int {
		return strings.Compare(a.name+" "+a.rrtype, b.name+" "+b.rrtype)
	})
	return out
}

// hidden says whether name servers answer something else than the RRset: it is below a delegation, or below a DNAME.
func (rs records) hidden(k rrset, origin string) bool {
	for n := k.name; n != origin && n != "."; {
		_, cut := rs[rrset{n, "NS"}]
		if cut && (n != k.name || k.rrtype != "NS" && k.rrtype != "DS") {
			return true
		}
		n = n[strings.Index(n, ".")+1:]
		if _, ok := rs[rrset{n, "DNAME"}]; ok {
			return true
		}
	}
	return false
}

// compareAnswers asks addr for everything in rs and fails the test at each difference. ttl, where it is not nil, returns the
// TTL that is wanted instead; skip says what not to ask for.
func (rs records) compareAnswers(t *testing.T, who, addr, origin string, ttl func(k rrset, ttl uint32) uint32, skip func(rrset) bool) {
	t.Helper()
	asked := 0
	for _, k := range rs.keys() {
		if rs.hidden(k, origin) || skip != nil && skip(k) {
			continue
		}
		want := rs[k]
		if ttl != nil {
			want = nil
			for _, rr := range rs[k] {
				rr = dns.Copy(rr)
				rr.Header().Ttl = ttl(k, rr.Header().Ttl)
				want = append(want, rr)
			}
		}
		asked++
		if got, want := rs.answered(t, addr, k), rrsetText(want); got != want {
			t.Errorf("%s: %s %s (-got +want):\n%s", who, k.name, k.rrtype, cmp.Diff(got, want))
		}
	}
	if asked < len(rs)/2 {
		t.Errorf("%s: only %d of %d RRsets were asked for", who, asked, len(rs))
	}
}

func rfc2136Config(addr string) string {
	return fmt.Sprintf("{type: rfc2136, server: %q, key_name: %s, key_algorithm: hmac-sha256, key: env:TSIG_KEY}", addr, tsigName)
}
