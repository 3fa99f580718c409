package route53

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	"github.com/libdns/libdns"
	libroute53 "github.com/libdns/route53"
)

func TestSignatures(t *testing.T) {
	a := open(t, Options{})
	const path = "/2013-04-01/hostedzone?maxitems=5&marker="
	good := func() *http.Request { return a.signed(t, "GET", path, "", accessKey, secretKey, time.Now()) }
	edit := func(f func(*http.Request)) *http.Request { r := good(); f(r); return r }
	replace := func(old, new string) *http.Request {
		return edit(func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		})
	}
	for name, c := range map[string]struct {
		req    *http.Request
		status int
		code   string
	}{
		"good":           {good(), 200, ""},
		"unsigned":       {edit(func(r *http.Request) { r.Header.Del("Authorization") }), 403, "MissingAuthenticationToken"},
		"no signature":   {replace(", Signature", ", Sig"), 400, "IncompleteSignature"},
		"other method":   {replace("AWS4-HMAC-SHA256", "AWS"), 400, "IncompleteSignature"},
		"short scope":    {replace("/us-east-1", ""), 400, "IncompleteSignature"},
		"unknown key":    {a.signed(t, "GET", path, "", "AKIAOTHER", secretKey, time.Now()), 403, "InvalidClientTokenId"},
		"wrong secret":   {a.signed(t, "GET", path, "", accessKey, "wrong", time.Now()), 403, "SignatureDoesNotMatch"},
		"other region":   {replace("us-east-1", "eu-west-1"), 403, "SignatureDoesNotMatch"},
		"other service":  {replace("/route53/", "/s3/"), 403, "SignatureDoesNotMatch"},
		"too old":        {a.signed(t, "GET", path, "", accessKey, secretKey, time.Now().Add(-time.Hour)), 403, "SignatureDoesNotMatch"},
		"from tomorrow":  {a.signed(t, "GET", path, "", accessKey, secretKey, time.Now().Add(24*time.Hour)), 403, "SignatureDoesNotMatch"},
		"no date":        {edit(func(r *http.Request) { r.Header.Del("X-Amz-Date") }), 400, "IncompleteSignature"},
		"changed query":  {edit(func(r *http.Request) { r.URL.RawQuery = "maxitems=6" }), 403, "SignatureDoesNotMatch"},
		"changed path":   {edit(func(r *http.Request) { r.URL.Path = "/2013-04-01/hostedzonecount" }), 403, "SignatureDoesNotMatch"},
		"changed method": {edit(func(r *http.Request) { r.Method = "DELETE" }), 403, "SignatureDoesNotMatch"},
		"token":          {edit(func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }), 403, "InvalidClientTokenId"},
		"unknown path":   {a.signed(t, "GET", "/2013-04-01/nowhere", "", accessKey, secretKey, time.Now()), 404, "InvalidAction"},
		"wrong method":   {a.signed(t, "PUT", "/2013-04-01/hostedzone", "", accessKey, secretKey, time.Now()), 405, "InvalidAction"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := send(t, c.req)
			if status != c.status || c.code != "" && !strings.Contains(body, "<Error><Type>Sender</Type><Code>"+c.code+"</Code>") {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.code)
			}
		})
	}
	t.Run("changed body", func(t *testing.T) {
		req := a.signed(t, "POST", "/2013-04-01/hostedzone/"+a.zone+"/rrset", batch("CREATE x.example.com 60 A 192.0.2.1"), accessKey, secretKey, time.Now())
		other := a.signed(t, "POST", "/2013-04-01/hostedzone/"+a.zone+"/rrset", batch("CREATE x.example.com 60 A 192.0.2.2"), accessKey, secretKey, time.Now())
		req.Body = other.Body
		if status, body := send(t, req); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
			t.Errorf("got %d %s", status, body)
		}
		if held := a.held(); held != nil {
			t.Errorf("zone holds %q", held)
		}
	})
}

func TestSync(t *testing.T) {
	clock := newClock()
	a := open(t, Options{Now: clock.now, Sync: Sync{After: time.Minute, Polls: 1}})
	out, err := a.client.ChangeResourceRecordSets(t.Context(), &r53.ChangeResourceRecordSetsInput{HostedZoneId: &a.zone,
		ChangeBatch: &types.ChangeBatch{Changes: []types.Change{{Action: types.ChangeActionCreate, ResourceRecordSet: &types.ResourceRecordSet{
			Name: aws.String("www.example.com"), Type: types.RRTypeA, TTL: aws.Int64(60),
			ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	poll := func() types.ChangeStatus {
		c, err := a.client.GetChange(t.Context(), &r53.GetChangeInput{Id: out.ChangeInfo.Id})
		if err != nil {
			t.Fatal(err)
		}
		return c.ChangeInfo.Status
	}
	const absent, present = "NXDOMAIN aa", "NOERROR aa\nwww.example.com. 60 IN A 192.0.2.1"
	for i, c := range []struct {
		do     func()
		status types.ChangeStatus
		answer string
	}{
		{func() {}, types.ChangeStatusPending, absent},
		{func() {}, types.ChangeStatusPending, absent}, // polled enough, too early
		{func() { clock.advance(time.Minute) }, types.ChangeStatusInsync, present},
		{func() { a.change(t, "DELETE www.example.com 60 A 192.0.2.1") }, types.ChangeStatusInsync, present},
		{func() { a.Release() }, types.ChangeStatusInsync, absent},
	} {
		c.do()
		if got := poll(); got != c.status {
			t.Errorf("step %d: got %s, want %s", i, got, c.status)
		}
		if got := a.dig(t, "www.example.com A"); !strings.HasPrefix(got, c.answer) {
			t.Errorf("step %d: got %s, want %s", i, got, c.answer)
		}
	}
	_, err = a.client.GetChange(t.Context(), &r53.GetChangeInput{Id: aws.String("CNONE")})
	if got := code(err); !strings.HasPrefix(got, "NoSuchChange: ") {
		t.Errorf("unknown change: got %s", got)
	}
}

func TestLaterChangeTakesEarlierAlong(t *testing.T) {
	a := open(t, Options{Sync: Sync{Polls: 1}})
	a.change(t, "CREATE www.example.com 60 A 192.0.2.1")
	a.change(t, "UPSERT www.example.com 60 A 192.0.2.2")
	a.mu.Lock()
	last := a.zones[a.zone].pending[1].id
	a.mu.Unlock()
	for _, want := range []string{"NXDOMAIN", "NOERROR aa\nwww.example.com. 60 IN A 192.0.2.2"} {
		if got := a.dig(t, "www.example.com A"); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
		if _, err := a.client.GetChange(t.Context(), &r53.GetChangeInput{Id: &last}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFaults(t *testing.T) {
	list := func(a *account) string {
		_, err := a.client.ListHostedZones(t.Context(), &r53.ListHostedZonesInput{})
		return code(err)
	}
	for effect, want := range map[Effect]string{
		Throttle:      "Throttling: Rate exceeded",
		PriorRequest:  "PriorRequestNotComplete: The request was rejected because Route 53 was still processing a prior request.",
		InternalError: "InternalError: We encountered an internal error. Please try again.",
		Unavailable:   "ServiceUnavailable: Service is temporarily unavailable",
		Reset:         "?: ",
	} {
		a := open(t, Options{})
		// net/http repeats a GET by itself when a kept connection is cut.
		a.client = r53.New(a.client.Options(), func(o *r53.Options) {
			o.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		})
		a.Fail("ListHostedZones", 2, effect)
		if _, err := a.client.GetHostedZoneCount(t.Context(), &r53.GetHostedZoneCountInput{}); err != nil {
			t.Errorf("%d struck another operation: %v", effect, err)
		}
		for range 2 {
			if got := list(a); !strings.HasPrefix(got, want) || got == "" {
				t.Errorf("%d: got %q, want %q", effect, got, want)
			}
		}
		if got := list(a); got != "" {
			t.Errorf("%d stayed: %s", effect, got)
		}
	}
}

// The SDK takes a body without any XML element for an empty answer, without an
// error: what a driver has to be proof against.
func TestGarbageIsAnEmptyListingToTheSDK(t *testing.T) {
	a := open(t, Options{})
	a.Fail("ListResourceRecordSets", 1, Garbage)
	for _, want := range []int{0, 2} {
		out, err := a.client.ListResourceRecordSets(t.Context(), &r53.ListResourceRecordSetsInput{HostedZoneId: &a.zone})
		if err != nil || len(out.ResourceRecordSets) != want {
			t.Errorf("got %d sets, %v, want %d", len(out.ResourceRecordSets), err, want)
		}
	}
}

func TestFaultsAfterApplying(t *testing.T) {
	for effect, status := range map[Effect]int{ApplyThenError: 500, ApplyThenReset: 0} {
		a := open(t, Options{})
		a.Fail("ChangeResourceRecordSets", 1, effect)
		_, err := a.client.ChangeResourceRecordSets(t.Context(), create("www.example.com", "192.0.2.1", a.zone))
		if err == nil {
			t.Error("no error")
		}
		if diff := cmp.Diff([]string{"www.example.com. 60 A 192.0.2.1"}, a.held()); diff != "" {
			t.Error(diff)
		}
		log := a.Requests()
		if last := log[len(log)-1]; last.Status != status || last.Op != "ChangeResourceRecordSets" || !strings.Contains(last.Body, "192.0.2.1") {
			t.Errorf("log says %+v", last)
		}
	}
}

func create(name, value, zone string) *r53.ChangeResourceRecordSetsInput {
	return &r53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &types.ChangeBatch{Changes: []types.Change{{
		Action: types.ChangeActionCreate, ResourceRecordSet: &types.ResourceRecordSet{Name: &name, Type: types.RRTypeA, TTL: aws.Int64(60),
			ResourceRecords: []types.ResourceRecord{{Value: &value}}}}}}}
}

func TestHangEndsWithTheClientAndWithClose(t *testing.T) {
	a := open(t, Options{})
	a.Fail("", 1, Hang)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := a.client.ListHostedZones(ctx, &r53.ListHostedZonesInput{})
		done <- err
	}()
	for a.Calls("ListHostedZones") == 0 {
		select {
		case err := <-done:
			t.Fatalf("did not hang: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("no error")
	}
	a.Fail("", 1, Hang)
	go func() {
		_, err := a.client.ListHostedZones(t.Context(), &r53.ListHostedZonesInput{})
		done <- err
	}()
	for a.Calls("ListHostedZones") == 1 {
		select {
		case err := <-done:
			t.Fatalf("did not hang: %v", err)
		case <-time.After(time.Millisecond):
		}
	} // the cleanup's Close must get through
}

func TestDarkAPIAnswersDNS(t *testing.T) {
	a := open(t, Options{})
	a.change(t, "CREATE www.example.com 60 A 192.0.2.1")
	calls := a.Calls("")
	a.SetDark(true)
	if _, err := a.client.ListHostedZones(t.Context(), &r53.ListHostedZonesInput{}); err == nil {
		t.Error("dark API answers")
	}
	if got, want := a.dig(t, "www.example.com A"), "NOERROR aa\nwww.example.com. 60 IN A 192.0.2.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	a.SetDark(false)
	if _, err := a.client.ListHostedZones(t.Context(), &r53.ListHostedZonesInput{}); err != nil {
		t.Error(err)
	}
	if got := a.Calls(""); got != calls+1 {
		t.Errorf("%d calls, want %d", got, calls+1)
	}
}

func TestRateLimit(t *testing.T) {
	clock := newClock()
	a := open(t, Options{Now: clock.now, RateLimit: true})
	passed := func(n int) int {
		ok := 0
		for range n {
			if status, _ := a.raw(t, "GET", "/2013-04-01/hostedzonecount", ""); status == 200 {
				ok++
			}
		}
		return ok
	}
	if got := passed(60); got != 50 {
		t.Errorf("%d of 60 at once, want 50", got)
	}
	clock.advance(time.Second)
	if got := passed(20); got != 10 {
		t.Errorf("%d of 20 a second later, want 10", got)
	}
	log := a.Requests()
	if last := log[len(log)-1]; last.Code != "Throttling" || last.Status != 400 {
		t.Errorf("got %+v", last)
	}
	a.SetRateLimit(false)
	if got := passed(20); got != 20 {
		t.Errorf("%d of 20 without limit", got)
	}
}

// The module that the driver configures works against the emulator, endpoint
// and credentials taken from the environment.
func TestLibdns(t *testing.T) {
	a := open(t, Options{})
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"AWS_ENDPOINT_URL_ROUTE_53": a.URL(), "AWS_ACCESS_KEY_ID": accessKey,
		"AWS_SECRET_ACCESS_KEY": secretKey, "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": ""} {
		t.Setenv(k, v)
	}
	p := &libroute53.Provider{WaitForRoute53Sync: true}
	record := func(name, rrtype, data string) libdns.Record {
		return libdns.RR{Name: name, Type: rrtype, Data: data, TTL: 5 * time.Minute}
	}
	set, err := p.SetRecords(t.Context(), "example.com.", []libdns.Record{
		record("www", "A", "192.0.2.1"), record("www", "A", "192.0.2.2"), record("@", "TXT", `say "hi" \ ü`), record("long", "TXT", strings.Repeat("x", 300))})
	if err != nil || len(set) != 4 {
		t.Fatalf("set %d, %v", len(set), err)
	}
	if _, err := p.AppendRecords(t.Context(), "example.com.", []libdns.Record{record("www", "A", "192.0.2.3")}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.DeleteRecords(t.Context(), "example.com.", []libdns.Record{record("www", "A", "192.0.2.1")}); err != nil {
		t.Fatal(err)
	}
	want := []string{`example.com. 300 TXT "say \"hi\" \\ \303\274"`,
		`long.example.com. 300 TXT "` + strings.Repeat("x", 255) + `" "` + strings.Repeat("x", 45) + `"`,
		"www.example.com. 300 A 192.0.2.2|192.0.2.3"}
	if diff := cmp.Diff(want, a.held()); diff != "" {
		t.Error(diff)
	}
	got, err := p.GetRecords(t.Context(), "example.com.")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(got, func(r libdns.Record) bool { return r.RR().Data == strings.Repeat("x", 300) }) {
		t.Errorf("got %v", got)
	}
}
