package route53

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/google/go-cmp/cmp"
)

func TestRecordSetsSorted(t *testing.T) {
	a := open(t, Options{})
	a.change(t,
		"CREATE z.example.com 60 A 192.0.2.1", "CREATE a.z.example.com 60 A 192.0.2.1", "CREATE a.example.com 60 TXT \"x\"",
		"CREATE a.example.com 60 AAAA 2001:db8::1", "CREATE a.example.com 60 A 192.0.2.1", "CREATE *.example.com 60 A 192.0.2.1",
		"CREATE a-b.example.com 60 A 192.0.2.1", "CREATE x.a.example.com 60 A 192.0.2.1", "CREATE example.com 60 A 192.0.2.1",
		"CREATE w.example.com 60 A 192.0.2.1 + <SetIdentifier>b</SetIdentifier><Weight>1</Weight>",
		"CREATE w.example.com 60 A 192.0.2.1 + <SetIdentifier>a</SetIdentifier><Weight>1</Weight>")
	want := []string{"example.com. A ", "example.com. NS ", "example.com. SOA ", `\052.example.com. A `,
		"a-b.example.com. A ", // the hyphen is below the dot that ends "com.example.a."
		"a.example.com. A ", "a.example.com. AAAA ", "a.example.com. TXT ", "x.a.example.com. A ",
		"w.example.com. A a", "w.example.com. A b", "z.example.com. A ", "a.z.example.com. A "}
	// Whatever the page's size, the pages make up the whole.
	for _, size := range []int32{1, 2, 5, 300, 1000} {
		var got []string
		pages := r53.NewListResourceRecordSetsPaginator(a.client, &r53.ListResourceRecordSetsInput{
			HostedZoneId: aws.String(a.zone), MaxItems: aws.Int32(size)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if most := min(size, maxSetsPage); *page.MaxItems != most {
				t.Errorf("page of %d says MaxItems %d", size, *page.MaxItems)
			}
			for _, r := range page.ResourceRecordSets {
				got = append(got, fmt.Sprintf("%s %s %s", *r.Name, r.Type, aws.ToString(r.SetIdentifier)))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d:\n%s", size, diff)
		}
	}
}

func TestListStartsWhereTold(t *testing.T) {
	a := open(t, Options{})
	a.change(t, "CREATE a.example.com 60 A 192.0.2.1", "CREATE a.example.com 60 TXT \"x\"", "CREATE c.example.com 60 A 192.0.2.1",
		"CREATE *.example.com 60 A 192.0.2.1")
	for query, want := range map[string]string{
		"?name=a.example.com":                               "a.example.com. A",
		"?name=A.EXAMPLE.COM.&type=TXT":                     "a.example.com. TXT",
		"?name=b.example.com&type=A":                        "c.example.com. A",
		"?name=%5C052.example.com":                          `\052.example.com. A`,
		"?name=*.example.com":                               `\052.example.com. A`,
		"?name=d.example.com":                               "",
		"?type=A":                                           "InvalidInput",
		"?name=a.example.com&identifier=x":                  "InvalidInput",
		"?name=a.example.com&type=LOC":                      "InvalidInput",
		"?maxitems=0":                                       "InvalidInput",
		"?maxitems=many":                                    "InvalidInput",
		"?name=" + strings.Repeat("a", 70) + ".example.com": "InvalidInput",
	} {
		_, body := a.raw(t, "GET", "/2013-04-01/hostedzone/"+a.zone+"/rrset"+query, "")
		_, first, _ := strings.Cut(body, "<ResourceRecordSet><Name>")
		first = strings.Join(strings.SplitN(strings.NewReplacer("</Name><Type>", " ", "</Type>", "\n").Replace(first), "\n", 2)[:1], "")
		if strings.Contains(body, "<Code>InvalidInput</Code>") {
			first = "InvalidInput"
		}
		if first != want {
			t.Errorf("%s: got %q, want %q", query, first, want)
		}
	}
}

func TestHostedZones(t *testing.T) {
	a := open(t, Options{})
	created, err := a.client.CreateHostedZone(t.Context(), &r53.CreateHostedZoneInput{
		Name: aws.String("Example.ORG"), CallerReference: aws.String("once")})
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(*created.HostedZone.Id, "/hostedzone/")
	if got := *created.HostedZone.Name; got != "example.org." || !strings.HasPrefix(id, "Z") {
		t.Errorf("got zone %s %s", got, id)
	}
	if diff := cmp.Diff(a.NameServers(id), created.DelegationSet.NameServers); diff != "" || len(created.DelegationSet.NameServers) != 4 {
		t.Errorf("delegation set %v %s", created.DelegationSet.NameServers, diff)
	}
	_, err = a.client.CreateHostedZone(t.Context(), &r53.CreateHostedZoneInput{Name: aws.String("example.org"), CallerReference: aws.String("once")})
	if got := code(err); !strings.HasPrefix(got, "HostedZoneAlreadyExists: ") {
		t.Errorf("again: got %s", got)
	}
	_, err = a.client.CreateHostedZone(t.Context(), &r53.CreateHostedZoneInput{Name: aws.String("a..b"), CallerReference: aws.String("2")})
	if got := code(err); !strings.HasPrefix(got, "InvalidDomainName: ") {
		t.Errorf("bad name: got %s", got)
	}
	got, err := a.client.GetHostedZone(t.Context(), &r53.GetHostedZoneInput{Id: aws.String(id)})
	if err != nil || *got.HostedZone.ResourceRecordSetCount != 2 || !slices.Equal(got.DelegationSet.NameServers, a.NameServers(id)) {
		t.Errorf("got %+v, %v", got, err)
	}
	sets := a.RRsets(id)
	soa := a.NameServers(id)[0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
	if len(sets) != 2 || sets[0].TTL != 172800 || len(sets[0].Values) != 4 || sets[1].TTL != 900 || sets[1].Values[0] != soa {
		t.Errorf("default sets %+v", sets)
	}
	count, err := a.client.GetHostedZoneCount(t.Context(), &r53.GetHostedZoneCountInput{})
	if err != nil || *count.HostedZoneCount != 2 {
		t.Errorf("count %+v, %v", count, err)
	}
}

func TestDeleteHostedZone(t *testing.T) {
	a := open(t, Options{})
	a.change(t, "CREATE www.example.com 60 A 192.0.2.1")
	remove := func() string {
		_, err := a.client.DeleteHostedZone(t.Context(), &r53.DeleteHostedZoneInput{Id: aws.String(a.zone)})
		return code(err)
	}
	if got := remove(); !strings.HasPrefix(got, "HostedZoneNotEmpty: ") {
		t.Errorf("not empty: got %s", got)
	}
	a.change(t, "DELETE www.example.com 60 A 192.0.2.1")
	if got := remove(); got != "" {
		t.Errorf("empty: got %s", got)
	}
	if got, want := remove(), "NoSuchHostedZone: No hosted zone found with ID: "+a.zone; got != want {
		t.Errorf("gone: got %s, want %s", got, want)
	}
	if got, want := a.dig(t, "www.example.com A"), "REFUSED"; got != want {
		t.Errorf("DNS of a deleted zone: got %s, want %s", got, want)
	}
}

func TestListHostedZones(t *testing.T) {
	a := open(t, Options{})
	ids := []string{a.zone, a.AddZone("example.com", true), a.AddZone("b.example.com", false), a.AddZone("example.net", false),
		a.AddZone("a.example.com", false), a.AddZone("aexample.com", false)}
	slices.Sort(ids)

	var got []string
	pages := r53.NewListHostedZonesPaginator(a.client, &r53.ListHostedZonesInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range page.HostedZones {
			got = append(got, strings.TrimPrefix(*z.Id, "/hostedzone/"))
		}
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Errorf("by id:\n%s", diff)
	}

	var names []string
	in := &r53.ListHostedZonesByNameInput{MaxItems: aws.Int32(1)}
	for {
		page, err := a.client.ListHostedZonesByName(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range page.HostedZones {
			names = append(names, fmt.Sprintf("%s %t", *z.Name, z.Config.PrivateZone))
		}
		if !page.IsTruncated {
			break
		}
		in.DNSName, in.HostedZoneId = page.NextDNSName, page.NextHostedZoneId
	}
	slices.Sort(names[1:3]) // two of one name come by their ids
	want := []string{"aexample.com. false", "example.com. false", "example.com. true", "a.example.com. false", "b.example.com. false", "example.net. false"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("by name:\n%s", diff)
	}

	first, err := a.client.ListHostedZonesByName(t.Context(), &r53.ListHostedZonesByNameInput{DNSName: aws.String("c.example.com")})
	if err != nil || len(first.HostedZones) != 1 || *first.HostedZones[0].Name != "example.net." {
		t.Errorf("from c.example.com: got %+v, %v", first.HostedZones, err)
	}
	_, err = a.client.ListHostedZonesByName(t.Context(), &r53.ListHostedZonesByNameInput{HostedZoneId: aws.String(a.zone)})
	if got := code(err); !strings.HasPrefix(got, "InvalidInput: ") {
		t.Errorf("id without name: got %s", got)
	}
	private, err := a.client.GetHostedZone(t.Context(), &r53.GetHostedZoneInput{Id: aws.String(privateOf(a))})
	if err != nil || private.DelegationSet != nil {
		t.Errorf("private zone: got %+v, %v", private, err)
	}
}

func privateOf(a *account) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, z := range a.zones {
		if z.private {
			return id
		}
	}
	return ""
}
