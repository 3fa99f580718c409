package route53

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"
)

const (
	accessKey = "AKIAEXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// account is a started emulator with one public zone, example.com.
type account struct {
	*Server
	zone   string
	client *r53.Client
}

func open(t *testing.T, opts Options) *account {
	t.Helper()
	opts.AccessKey, opts.SecretKey = accessKey, secretKey
	s := New(opts)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &account{Server: s, zone: s.AddZone("example.com", false), client: client(s, accessKey, secretKey)}
}

func client(s *Server, key, secret string) *r53.Client {
	return r53.New(r53.Options{
		BaseEndpoint:     aws.String(s.URL()),
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider(key, secret, ""),
		RetryMaxAttempts: 1,
	})
}

// raw sends one signed request as it stands and returns status and body.
func (a *account) raw(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req := a.signed(t, method, path, body, accessKey, secretKey, time.Now())
	return send(t, req)
}

func (a *account) signed(t *testing.T, method, path, body, key, secret string, at time.Time) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, req,
		hex.EncodeToString(sum[:]), "route53", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func send(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// batch turns lines of "ACTION name TTL type value|value" into the request's
// document. Extra XML of the record set may follow a " + ".
func batch(lines ...string) string {
	var b bytes.Buffer
	b.WriteString(`<ChangeResourceRecordSetsRequest xmlns="` + xmlns + `"><ChangeBatch><Changes>`)
	for _, line := range lines {
		line, extra, _ := strings.Cut(line, " + ")
		f := strings.SplitN(line, " ", 5)
		fmt.Fprintf(&b, "<Change><Action>%s</Action><ResourceRecordSet><Name>%s</Name><Type>%s</Type>", f[0], f[1], f[3])
		b.WriteString(extra)
		if f[2] != "-" {
			fmt.Fprintf(&b, "<TTL>%s</TTL><ResourceRecords>", f[2])
			for v := range strings.SplitSeq(f[4], "|") {
				b.WriteString("<ResourceRecord><Value>")
				_ = xml.EscapeText(&b, []byte(v))
				b.WriteString("</Value></ResourceRecord>")
			}
			b.WriteString("</ResourceRecords>")
		}
		b.WriteString("</ResourceRecordSet></Change>")
	}
	b.WriteString("</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>")
	return b.String()
}

// change sends a batch that must be taken.
func (a *account) change(t *testing.T, lines ...string) {
	t.Helper()
	if got := a.try(t, lines...); got != "" {
		t.Fatalf("change %q: %s", lines, got)
	}
}

// try sends a batch and returns "" or "Code: messages".
func (a *account) try(t *testing.T, lines ...string) string {
	t.Helper()
	status, body := a.raw(t, "POST", "/2013-04-01/hostedzone/"+a.zone+"/rrset/", batch(lines...))
	if status == http.StatusOK {
		return ""
	}
	var e errorResponse
	if err := xml.Unmarshal([]byte(body), &e); err == nil {
		return e.Error.Code + ": " + e.Error.Message
	}
	var b batchErrorResponse
	if err := xml.Unmarshal([]byte(body), &b); err != nil {
		t.Fatalf("answer %d is no error document: %s", status, body)
	}
	return "InvalidChangeBatch: " + strings.Join(b.Messages, "\n")
}

// held lists what the API holds beyond the default SOA and NS sets.
func (a *account) held() []string {
	var lines []string
	for _, r := range a.RRsets(a.zone) {
		if r.Type == "SOA" || r.Type == "NS" && r.Name == "example.com." {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %d %s %s", r.Name, r.TTL, r.Type, strings.Join(r.Values, "|")))
	}
	return lines
}

// dig asks over UDP, or TCP for "+tcp", and returns rcode and sections as text.
func (a *account) dig(t *testing.T, question string) string {
	t.Helper()
	f := strings.Fields(question)
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(f[0]), dns.StringToType[f[1]])
	c := dns.Client{Timeout: 5 * time.Second}
	if len(f) > 2 {
		c.Net = "tcp"
	}
	in, _, err := c.ExchangeContext(t.Context(), m, a.DNSAddr())
	if err != nil {
		t.Fatalf("dig %s: %v", question, err)
	}
	out := dns.RcodeToString[in.Rcode]
	if in.Authoritative {
		out += " aa"
	}
	if in.Truncated {
		out += " tc"
	}
	for _, rr := range in.Answer {
		out += "\n" + strings.Join(strings.Fields(rr.String()), " ")
	}
	for _, rr := range append(in.Ns, in.Extra...) {
		out += "\n; " + strings.Join(strings.Fields(rr.String()), " ")
	}
	return out
}

func code(err error) string {
	var invalid *types.InvalidChangeBatch
	if errors.As(err, &invalid) {
		return "InvalidChangeBatch: " + strings.Join(invalid.Messages, "\n")
	}
	var api interface {
		ErrorCode() string
		ErrorMessage() string
	}
	if errors.As(err, &api) {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	if err == nil {
		return ""
	}
	return "?: " + err.Error()
}

// clock is a time that tests move by hand.
type clock struct {
	start  time.Time
	offset atomic.Int64
}

func newClock() *clock                   { return &clock{start: time.Now()} }
func (c *clock) now() time.Time          { return c.start.Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }
