package route53

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
)

// before is what the zone of the change tests holds.
var before = []string{
	"CREATE www.example.com 300 A 192.0.2.1|192.0.2.2",
	"CREATE alias.example.com 300 CNAME www.example.com.",
	"CREATE w.example.com 60 A 192.0.2.10 + <SetIdentifier>one</SetIdentifier><Weight>10</Weight>",
	"CREATE f.example.com 60 A 192.0.2.20 + <SetIdentifier>p</SetIdentifier><Failover>PRIMARY</Failover>",
	"CREATE m.example.com 60 A 192.0.2.30 + <SetIdentifier>a</SetIdentifier><MultiValueAnswer>true</MultiValueAnswer>",
	"CREATE l.example.com 60 A 192.0.2.40 + <SetIdentifier>a</SetIdentifier><Region>eu-west-1</Region>",
	"CREATE g.example.com 60 A 192.0.2.50 + <SetIdentifier>a</SetIdentifier><GeoLocation><CountryCode>DE</CountryCode></GeoLocation>",
}

func TestChangesTaken(t *testing.T) {
	for name, c := range map[string]struct {
		batch []string
		want  []string // lines that the zone holds after it; "-" before one that it no longer does
	}{
		"create": {[]string{"CREATE New.Example.COM 60 TXT \"a\"|\"b\""}, []string{`new.example.com. 60 TXT "a"|"b"`}},
		"wildcard": {[]string{"CREATE *.example.com 60 A 192.0.2.9"},
			[]string{`\052.example.com. 60 A 192.0.2.9`}},
		"upsert replaces": {[]string{"UPSERT www.example.com. 60 A 192.0.2.3"},
			[]string{"-www.example.com. 300 A 192.0.2.1|192.0.2.2", "www.example.com. 60 A 192.0.2.3"}},
		"upsert creates": {[]string{"UPSERT x.example.com 0 AAAA 2001:db8::1"}, []string{"x.example.com. 0 AAAA 2001:db8::1"}},
		"delete, values in any order": {[]string{"DELETE www.example.com 300 A 192.0.2.2|192.0.2.1"},
			[]string{"-www.example.com. 300 A 192.0.2.1|192.0.2.2"}},
		"compare and swap": {[]string{"DELETE www.example.com 300 A 192.0.2.1|192.0.2.2", "CREATE www.example.com 300 A 192.0.2.2"},
			[]string{"-www.example.com. 300 A 192.0.2.1|192.0.2.2", "www.example.com. 300 A 192.0.2.2"}},
		"address to CNAME": {[]string{"DELETE www.example.com 300 A 192.0.2.1|192.0.2.2", "CREATE www.example.com 300 CNAME x.example.net"},
			[]string{"-www.example.com. 300 A 192.0.2.1|192.0.2.2", "www.example.com. 300 CNAME x.example.net"}},
		"second weighted": {[]string{"CREATE w.example.com 60 A 192.0.2.11 + <SetIdentifier>two</SetIdentifier><Weight>0</Weight>"},
			[]string{"w.example.com. 60 A 192.0.2.10", "w.example.com. 60 A 192.0.2.11"}},
		"secondary": {[]string{"CREATE f.example.com 60 A 192.0.2.21 + <SetIdentifier>s</SetIdentifier><Failover>SECONDARY</Failover><HealthCheckId>abc</HealthCheckId>"},
			[]string{"f.example.com. 60 A 192.0.2.21"}},
		"alias": {[]string{"CREATE example.com - A + <AliasTarget><HostedZoneId>Z2FDTNDATAQYW2</HostedZoneId><DNSName>D123.cloudfront.net</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"},
			[]string{"example.com. 0 A "}},
		"highest TTL": {[]string{"CREATE t.example.com 2147483647 A 192.0.2.1"}, []string{"t.example.com. 2147483647 A 192.0.2.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, Options{})
			a.change(t, before...)
			a.change(t, c.batch...)
			held := "\n" + strings.Join(a.held(), "\n") + "\n"
			for _, line := range c.want {
				gone, unwanted := strings.CutPrefix(line, "-")
				if strings.Contains(held, "\n"+gone+"\n") == unwanted {
					t.Errorf("want %s in:%s", line, held)
				}
			}
		})
	}
}

// The zone is the same after every one of these.
func TestChangesRefused(t *testing.T) {
	a := open(t, Options{})
	a.change(t, before...)
	want := a.RRsets(a.zone)
	ns := strings.Join(want[0].Values, "|")
	many := strings.TrimSuffix(strings.Repeat("192.0.2.1|", 401), "|")
	for _, c := range []struct{ batch, want string }{
		{"CREATE www.example.com 60 A 192.0.2.1",
			"InvalidChangeBatch: Tried to create resource record set [name='www.example.com.', type='A'] but it already exists"},
		{"DELETE no.example.com 60 A 192.0.2.1",
			"InvalidChangeBatch: Tried to delete resource record set [name='no.example.com.', type='A'] but it was not found"},
		{"DELETE *.example.com 60 A 192.0.2.1",
			`InvalidChangeBatch: Tried to delete resource record set [name='\052.example.com.', type='A'] but it was not found`},
		{"DELETE www.example.com 60 A 192.0.2.1|192.0.2.2", stale("A", "www", "")},
		{"DELETE www.example.com 300 A 192.0.2.1", stale("A", "www", "")},
		{"DELETE www.example.com 300 A 192.0.2.1|192.0.2.3", stale("A", "www", "")},
		{"DELETE alias.example.com 300 CNAME www.example.com", stale("CNAME", "alias", "")}, // values are text
		{"DELETE w.example.com 60 A 192.0.2.10 + <SetIdentifier>one</SetIdentifier><Weight>11</Weight>", stale("A", "w", "one")},
		{"DELETE w.example.com 60 A 192.0.2.10 + <SetIdentifier>two</SetIdentifier><Weight>10</Weight>",
			"InvalidChangeBatch: Tried to delete resource record set [name='w.example.com.', type='A', set identifier='two'] but it was not found"},
		{"DELETE example.com 900 SOA x", "InvalidChangeBatch: Invalid Resource Record: 'FATAL problem: SOARRDATANotSevenFields (SOA record doesn't have 7 fields) encountered with 'x''"},
		{"DELETE example.com 172800 NS " + ns, "InvalidChangeBatch: A HostedZone must contain at least one NS record for the zone itself."},
		{"CREATE www.example.org 60 A 192.0.2.1",
			"InvalidChangeBatch: RRSet with DNS name www.example.org. is not permitted in zone example.com."},
		{"CREATE wwwexample.com 60 A 192.0.2.1",
			"InvalidChangeBatch: RRSet with DNS name wwwexample.com. is not permitted in zone example.com."},
		{"CREATE a..example.com 60 A 192.0.2.1", "InvalidChangeBatch: FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with 'a..example.com'"},
		{"CREATE example.com 60 CNAME www.example.org",
			"InvalidChangeBatch: RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com."},
		{"CREATE example.com 60 DS 1 8 2 ab",
			"InvalidChangeBatch: RRSet of type DS with DNS name example.com. is not permitted at apex in zone example.com."},
		{"CREATE www.example.com 60 CNAME www.example.org",
			"InvalidChangeBatch: RRSet of type CNAME with DNS name www.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com."},
		{"CREATE alias.example.com 60 TXT \"x\"",
			"InvalidChangeBatch: RRSet of type TXT with DNS name alias.example.com. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com."},
		{"CREATE two.example.com 60 CNAME a.example.org|b.example.org",
			"InvalidChangeBatch: RRSet of type CNAME with DNS name two.example.com. has more than one resource record"},
		{"CREATE *.example.com 60 NS ns.example.org",
			`InvalidChangeBatch: RRSet of type NS with DNS name \052.example.com. is not permitted: a wildcard cannot have NS records`},
		{"CREATE x.example.com 900 SOA a. b. 1 2 3 4 5",
			"InvalidChangeBatch: RRSet of type SOA with DNS name x.example.com. is not permitted in zone example.com.: only the apex has a SOA record"},
		{"CREATE d.example.com 60 MX 10 Mail.example.com|10 mail.example.com.", "InvalidChangeBatch: Duplicate Resource Record: '10 mail.example.com.'"},
		{"CREATE d.example.com 60 A " + many, "InvalidChangeBatch: Cannot have more than 400 records in a RRSet."},
		{"CREATE x.example.com 60 A x|y",
			"InvalidChangeBatch: Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'x''\n" +
				"Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'y''"},
		{"CREATE w.example.com 60 A 192.0.2.1", "InvalidChangeBatch: RRSet with DNS name w.example.com., type A cannot be created as other RRSets exist with the same name and type."},
		{"CREATE www.example.com 60 A 192.0.2.1 + <SetIdentifier>x</SetIdentifier><Weight>1</Weight>",
			"InvalidChangeBatch: RRSet with DNS name www.example.com., type A, SetIdentifier x cannot be created because a non weighted rrset exists with the same name and type."},
		{"CREATE m.example.com 60 A 192.0.2.1 + <SetIdentifier>x</SetIdentifier><Weight>1</Weight>",
			"InvalidChangeBatch: RRSet with DNS name m.example.com., type A, SetIdentifier x cannot be created because a non weighted rrset exists with the same name and type."},
		{"CREATE f.example.com 60 A 192.0.2.1 + <SetIdentifier>x</SetIdentifier><Failover>PRIMARY</Failover>",
			"InvalidChangeBatch: RRSet with DNS name f.example.com., type A, SetIdentifier x cannot be created as a failover RRSet with the same failover exists with the same name and type."},
		{"CREATE l.example.com 60 A 192.0.2.1 + <SetIdentifier>x</SetIdentifier><Region>eu-west-1</Region>",
			"InvalidChangeBatch: RRSet with DNS name l.example.com., type A, SetIdentifier x cannot be created as a latency RRSet with the same region exists with the same name and type."},
		{"CREATE g.example.com 60 A 192.0.2.1 + <SetIdentifier>x</SetIdentifier><GeoLocation><CountryCode>DE</CountryCode></GeoLocation>",
			"InvalidChangeBatch: RRSet with DNS name g.example.com., type A, SetIdentifier x cannot be created as a geolocation RRSet with the same location exists with the same name and type."},
		{"CREATE x.example.com 60 LOC 51 30 12.748 N 0 7 39.611 W 0.00m",
			"InvalidInput: Invalid XML ; cvc-enumeration-valid: Value 'LOC' is not facet-valid with respect to enumeration '[" + strings.Join(recordTypes, ", ") + "]'. It must be a value from the enumeration."},
		{"REPLACE x.example.com 60 A 192.0.2.1",
			"InvalidInput: Invalid XML ; cvc-enumeration-valid: Value 'REPLACE' is not facet-valid with respect to enumeration '[CREATE, DELETE, UPSERT]'. It must be a value from the enumeration."},
		{"CREATE x.example.com 2147483648 A 192.0.2.1",
			"InvalidInput: Invalid XML ; cvc-maxInclusive-valid: Value '2147483648' is not facet-valid with respect to minInclusive '0' and maxInclusive '2147483647' for type 'TTL'."},
		{"CREATE x.example.com - A",
			"InvalidInput: Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with [Action=CREATE, Name=x.example.com, Type=A, SetIdentifier=null]"},
		{"CREATE x.example.com - A + <TTL>60</TTL>",
			"InvalidInput: Invalid request: Missing field 'ResourceRecords' in Change with [Action=CREATE, Name=x.example.com, Type=A, SetIdentifier=null]"},
		{"CREATE x.example.com 60 A 192.0.2.1 + <Weight>1</Weight>",
			"InvalidInput: Invalid request: Missing field 'SetIdentifier' in Change with [Action=CREATE, Name=x.example.com, Type=A, SetIdentifier=null]"},
		{"CREATE x.example.com 60 A 192.0.2.1 + <SetIdentifier>i</SetIdentifier>",
			"InvalidInput: Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], but found none in Change with [Action=CREATE, Name=x.example.com, Type=A, SetIdentifier=i]"},
		{"CREATE x.example.com 60 A 192.0.2.1 + <SetIdentifier>i</SetIdentifier><Weight>1</Weight><Region>eu-west-1</Region>",
			"InvalidInput: Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], but found more than one in Change with [Action=CREATE, Name=x.example.com, Type=A, SetIdentifier=i]"},
		{"CREATE x.example.com 60 NS ns.example.org + <SetIdentifier>i</SetIdentifier><Weight>1</Weight>",
			"InvalidInput: Invalid request: Type NS cannot have a routing policy in Change with [Action=CREATE, Name=x.example.com, Type=NS, SetIdentifier=i]"},
		{"CREATE x.example.com 60 A 192.0.2.1 + <Flavour>1</Flavour>",
			"InvalidInput: Invalid XML ; cvc-complex-type.2.4.a: Invalid content was found starting with element 'Flavour'."},
		{"CREATE x.example.com 60 A 192.0.2.1 + " + aliasTo("Z2FDTNDATAQYW2", "d.cloudfront.net"),
			"InvalidInput: Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found more than one in Change with [Action=CREATE, Name=x.example.com, Type=A, SetIdentifier=null]"},
		{"CREATE x.example.com - NS + " + aliasTo(a.zone, "www.example.com"),
			"InvalidInput: Invalid request: An alias cannot have type NS in Change with [Action=CREATE, Name=x.example.com, Type=NS, SetIdentifier=null]"},
		{"CREATE x.example.com - A + " + aliasTo(a.zone, "nowhere.example.com"),
			"InvalidChangeBatch: Tried to create an alias that targets nowhere.example.com., type A in zone " + a.zone + ", but that target was not found"},
		{"CREATE x.example.com - A + " + aliasTo(a.zone, "www.example.org"),
			"InvalidChangeBatch: Tried to create an alias that targets www.example.org., type A in zone " + a.zone + ", but the alias target name does not lie within the target zone"},
	} {
		// Beside a good change: all or nothing.
		if got := a.try(t, "CREATE good.example.com 60 A 192.0.2.1", c.batch); got != c.want {
			t.Errorf("%.80s\n got %s\nwant %s", c.batch, got, c.want)
		}
	}
	if diff := cmp.Diff(want, a.RRsets(a.zone)); diff != "" {
		t.Errorf("refused changes changed the zone:\n%s", diff)
	}
}

func stale(rrtype, owner, id string) string {
	if id != "" {
		id = ", set identifier='" + id + "'"
	}
	return fmt.Sprintf("InvalidChangeBatch: Tried to delete resource record set [name='%s.example.com.', type='%s'%s] but the values provided do not match the current values", owner, rrtype, id)
}

func aliasTo(zone, target string) string {
	return "<AliasTarget><HostedZoneId>" + zone + "</HostedZoneId><DNSName>" + target + "</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"
}

func TestRepeatedSets(t *testing.T) {
	const problem = "InvalidChangeBatch: The request contains an invalid set of changes for a resource record set 'A x.example.com.'"
	line := func(action string) string { return action + " x.example.com 60 A 192.0.2.1" }
	for actions, want := range map[string]string{
		"CREATE CREATE": problem, "UPSERT UPSERT": problem, "CREATE DELETE": problem, "UPSERT DELETE": problem,
		"DELETE CREATE UPSERT": problem,
		"DELETE DELETE":        problem,
		"DELETE CREATE":        "InvalidChangeBatch: Tried to delete resource record set [name='x.example.com.', type='A'] but it was not found",
	} {
		a := open(t, Options{})
		var lines []string
		for action := range strings.FieldsSeq(actions) {
			lines = append(lines, line(action))
		}
		if got := a.try(t, lines...); got != want {
			t.Errorf("%s: got %s, want %s", actions, got, want)
		}
	}
}

func TestBatchLimits(t *testing.T) {
	a := open(t, Options{})
	lines := func(action string, n int, value string) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("%s n%d.example.com 60 %s", action, i, value))
		}
		return out
	}
	const records = "InvalidChangeBatch: Number of records limit of 1000 exceeded."
	const characters = "InvalidChangeBatch: Number of characters limit of 32000 exceeded."
	txt := `TXT "` + strings.Repeat("x", 248) + `"` // 250 characters
	for _, c := range []struct {
		batch []string
		want  string
	}{
		{lines("CREATE", 1001, "A 192.0.2.1"), records},
		{lines("UPSERT", 501, "A 192.0.2.1"), records},
		{lines("CREATE", 129, txt), characters},
		{lines("UPSERT", 65, txt), characters},
		{lines("UPSERT", 64, txt), ""},
		{lines("UPSERT", 500, "A 192.0.2.1"), ""},
		{lines("DELETE", 500, "A 192.0.2.1"), ""},
		{lines("CREATE", 1000, "A 192.0.2.1"), ""},
	} {
		if got := a.try(t, c.batch...); got != c.want {
			t.Errorf("%d changes like %.40s: got %.200s, want %s", len(c.batch), c.batch[0], got, c.want)
		}
	}
}

func TestMalformedDocuments(t *testing.T) {
	a := open(t, Options{})
	good := batch("CREATE x.example.com 60 A 192.0.2.1")
	for body, want := range map[string]string{
		"":       "MalformedInput",
		"{}":     "MalformedInput",
		good[:9]: "MalformedInput",
		strings.ReplaceAll(good, "ChangeResourceRecordSetsRequest", "ChangeBatch"): "MalformedInput",
		strings.Replace(good, xmlns, "urn:x", 1):                                   "InvalidInput",
		strings.ReplaceAll(good, "Changes>", "Change>"):                            "InvalidInput",
		good + good: "MalformedInput",
		`<ChangeResourceRecordSetsRequest xmlns="` + xmlns + `"/>`: "InvalidInput",
	} {
		status, answer := a.raw(t, "POST", "/2013-04-01/hostedzone/"+a.zone+"/rrset", body)
		if status != 400 || !strings.Contains(answer, "<Code>"+want+"</Code>") {
			t.Errorf("%.60q: got %d %s, want %s", body, status, answer, want)
		}
	}
	if held := a.held(); held != nil {
		t.Errorf("zone holds %q", held)
	}
}

func TestErrorEnvelopes(t *testing.T) {
	body := batch("CREATE www.example.org 60 A 192.0.2.1")
	const message = "RRSet with DNS name www.example.org. is not permitted in zone example.com."
	for flat, want := range map[bool]string{
		false: `<InvalidChangeBatch xmlns="` + xmlns + `"><Messages><Message>` + message + `</Message></Messages><RequestId>`,
		true:  `<ErrorResponse xmlns="` + xmlns + `"><Error><Type>Sender</Type><Code>InvalidChangeBatch</Code><Message>[` + message + `]</Message></Error><RequestId>`,
	} {
		a := open(t, Options{FlatBatchErrors: flat})
		if _, got := a.raw(t, "POST", "/2013-04-01/hostedzone/"+a.zone+"/rrset/", body); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The SDK reads what we write: every field of a record set survives it.
func TestRecordSetsThroughSDK(t *testing.T) {
	a := open(t, Options{})
	values := func(v ...string) []types.ResourceRecord {
		var out []types.ResourceRecord
		for _, s := range v {
			out = append(out, types.ResourceRecord{Value: aws.String(s)})
		}
		return out
	}
	simple := func(name string, rrtype types.RRType, v ...string) types.ResourceRecordSet {
		return types.ResourceRecordSet{Name: aws.String(name), Type: rrtype, TTL: aws.Int64(300), ResourceRecords: values(v...)}
	}
	policy := func(name, id, value string, set func(*types.ResourceRecordSet)) types.ResourceRecordSet {
		r := simple(name, types.RRTypeA, value)
		r.SetIdentifier = aws.String(id)
		set(&r)
		return r
	}
	want := []types.ResourceRecordSet{ // in the order of the listing
		{Name: aws.String("example.com."), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{
			HostedZoneId: aws.String("Z2FDTNDATAQYW2"), DNSName: aws.String("d123.cloudfront.net."), EvaluateTargetHealth: true}},
		simple("example.com.", types.RRTypeCaa, `0 issue "ca.example.net"`),
		simple("example.com.", types.RRTypeMx, "0 ."),
		simple(`\052.example.com.`, types.RRTypeTxt, `"<&>" "\"\\\303\274"`, `""`),
		policy("f.example.com.", "p", "192.0.2.1", func(r *types.ResourceRecordSet) {
			r.Failover, r.HealthCheckId = types.ResourceRecordSetFailoverPrimary, aws.String("abcdef")
		}),
		policy("g.example.com.", "g", "192.0.2.1", func(r *types.ResourceRecordSet) {
			r.GeoLocation = &types.GeoLocation{ContinentCode: aws.String("EU")}
		}),
		policy("l.example.com.", "l", "192.0.2.1", func(r *types.ResourceRecordSet) { r.Region = types.ResourceRecordSetRegionEuWest1 }),
		policy("m.example.com.", "m", "192.0.2.1", func(r *types.ResourceRecordSet) { r.MultiValueAnswer = aws.Bool(true) }),
		policy("w.example.com.", "w", "192.0.2.1", func(r *types.ResourceRecordSet) { r.Weight = aws.Int64(0) }),
		simple("www.example.com.", types.RRTypeHttps, `1 . alpn="h2"`),
	}
	input := &r53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("/hostedzone/" + a.zone),
		ChangeBatch: &types.ChangeBatch{Comment: aws.String("all of them")}}
	for i := range want {
		input.ChangeBatch.Changes = append(input.ChangeBatch.Changes, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &want[i]})
	}
	out, err := a.client.ChangeResourceRecordSets(t.Context(), input)
	if err != nil {
		t.Fatal(code(err))
	}
	if got := *out.ChangeInfo.Comment; got != "all of them" || out.ChangeInfo.Status != types.ChangeStatusPending ||
		!strings.HasPrefix(*out.ChangeInfo.Id, "/change/C") {
		t.Errorf("got change %+v", out.ChangeInfo)
	}
	list, err := a.client.ListResourceRecordSets(t.Context(), &r53.ListResourceRecordSetsInput{HostedZoneId: aws.String(a.zone)})
	if err != nil {
		t.Fatal(err)
	}
	var got []types.ResourceRecordSet
	for _, r := range list.ResourceRecordSets {
		if r.Type != types.RRTypeSoa && r.Type != types.RRTypeNs {
			got = append(got, r)
		}
	}
	diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore()))
	if diff != "" {
		t.Error(diff)
	}
	// What was listed can be deleted as it is.
	for i := range got {
		input.ChangeBatch.Changes[i] = types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: &got[i]}
	}
	if _, err := a.client.ChangeResourceRecordSets(t.Context(), input); err != nil {
		t.Error(code(err))
	}
	// And a second time not, with one message each.
	_, err = a.client.ChangeResourceRecordSets(t.Context(), input)
	if lines := strings.Count(code(err), "but it was not found"); lines != len(got) {
		t.Errorf("got %d messages of %d: %s", lines, len(got), code(err))
	}
}
