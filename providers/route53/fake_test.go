package route53

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	libdns "github.com/libdns/route53"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

var example = zones.MustParseName("example.com")

// fake is one hosted zone behind the API, as plain data: sets by "name type", in the API's
// form. It compares as Route 53 does, letter by letter, and panics where a batch is over the limits.
type fake struct {
	sets    map[string]types.ResourceRecordSet
	page    int
	batches [][]string               // the changes of each call, in short
	fail    func(call string) error  // asked before each call
	poison  string                   // a value that no batch may have
	meddle  func(f *fake, batch int) // somebody else, before a batch is looked at
	zones   []types.HostedZone       // of ListHostedZonesByName
	polls   int                      // GetChange says PENDING so often
	garbage bool                     // lists are empty answers
	set     *types.DelegationSet     // of GetHostedZone
	urgent  []bool                   // by batch
}

func newFake(lines ...string) *fake {
	f := &fake{sets: map[string]types.ResourceRecordSet{}, page: 2, set: &types.DelegationSet{NameServers: []string{"ns-1.awsdns-01.org", "ns-2.awsdns-02.net"}}}
	f.zones = []types.HostedZone{{Id: aws.String("/hostedzone/Z1"), Name: aws.String("example.com."), Config: &types.HostedZoneConfig{}}}
	for _, l := range append([]string{"example.com. 900 SOA ns-1.awsdns-01.org. hostmaster.example. 1 7200 900 1209600 86400", "example.com. 172800 NS ns-1.awsdns-01.org.|ns-2.awsdns-02.net."}, lines...) {
		f.put(l)
	}
	return f
}

// put stores "name ttl type value|value", in the API's form.
func (f *fake) put(line string) {
	p := strings.SplitN(line, " ", 4)
	set := types.ResourceRecordSet{Name: aws.String(p[0]), Type: types.RRType(p[2]), TTL: new(int64)}
	if _, err := fmt.Sscan(p[1], set.TTL); err != nil {
		panic(err)
	}
	for _, v := range strings.Split(p[3], "|") {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	f.sets[p[0]+" "+p[2]] = set
}

func short(set types.ResourceRecordSet) string {
	var vs []string
	for _, r := range set.ResourceRecords {
		vs = append(vs, *r.Value)
	}
	return fmt.Sprintf("%s %d %s %s", *set.Name, aws.ToInt64(set.TTL), set.Type, strings.Join(vs, "|"))
}

// held returns all sets but the apex's.
func (f *fake) held() []string {
	var out []string
	for k, s := range f.sets {
		if !strings.HasPrefix(k, "example.com. ") {
			out = append(out, short(s))
		}
	}
	slices.Sort(out)
	return out
}

func (f *fake) check(call string) error {
	if f.fail == nil {
		return nil
	}
	return f.fail(call)
}

func (f *fake) ListHostedZonesByName(context.Context, *r53.ListHostedZonesByNameInput, ...func(*r53.Options)) (*r53.ListHostedZonesByNameOutput, error) {
	if err := f.check("zones"); err != nil || f.garbage {
		return &r53.ListHostedZonesByNameOutput{}, err
	}
	return &r53.ListHostedZonesByNameOutput{HostedZones: f.zones, MaxItems: aws.Int32(100)}, nil
}

func (f *fake) GetHostedZone(_ context.Context, in *r53.GetHostedZoneInput, _ ...func(*r53.Options)) (*r53.GetHostedZoneOutput, error) {
	if err := f.check("zone"); err != nil {
		return nil, err
	}
	for _, z := range f.zones {
		if bareID(*z.Id) == *in.Id {
			return &r53.GetHostedZoneOutput{HostedZone: &z, DelegationSet: f.set}, nil
		}
	}
	return nil, &types.NoSuchHostedZone{Message: aws.String("No hosted zone found with ID: " + *in.Id)}
}

func (f *fake) ListResourceRecordSets(_ context.Context, in *r53.ListResourceRecordSetsInput, _ ...func(*r53.Options)) (*r53.ListResourceRecordSetsOutput, error) {
	if err := f.check("list"); err != nil || f.garbage {
		return &r53.ListResourceRecordSetsOutput{}, err
	}
	keys := []string{}
	for k := range f.sets {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := &r53.ListResourceRecordSetsOutput{MaxItems: in.MaxItems}
	start := aws.ToString(in.StartRecordName) + " " + string(in.StartRecordType)
	for _, k := range keys {
		if start != " " && k < start {
			continue
		}
		if len(out.ResourceRecordSets) == f.page {
			set := f.sets[k]
			out.IsTruncated, out.NextRecordName, out.NextRecordType = true, set.Name, set.Type
			break
		}
		out.ResourceRecordSets = append(out.ResourceRecordSets, f.sets[k])
	}
	return out, nil
}

func (f *fake) ChangeResourceRecordSets(ctx context.Context, in *r53.ChangeResourceRecordSetsInput, _ ...func(*r53.Options)) (*r53.ChangeResourceRecordSetsOutput, error) {
	values, chars := 0, 0
	var log []string
	for _, c := range in.ChangeBatch.Changes {
		log = append(log, string(c.Action)+" "+short(*c.ResourceRecordSet))
		for _, r := range c.ResourceRecordSet.ResourceRecords {
			values, chars = values+1, chars+len(*r.Value)
		}
	}
	if values > 1000 || chars > 32000 {
		panic(fmt.Sprintf("batch of %d values, %d characters", values, chars))
	}
	if f.meddle != nil {
		f.meddle(f, len(f.batches))
	}
	f.batches, f.urgent = append(f.batches, log), append(f.urgent, isUrgent(ctx))
	if err := f.check("change"); err != nil {
		return nil, err
	}
	next := make(map[string]types.ResourceRecordSet, len(f.sets))
	for k, v := range f.sets {
		next[k] = v
	}
	var messages []string
	for _, c := range in.ChangeBatch.Changes {
		messages = append(messages, apply(next, c, f.poison)...)
	}
	if len(messages) > 0 {
		return nil, &types.InvalidChangeBatch{Messages: messages}
	}
	f.sets = next
	return &r53.ChangeResourceRecordSetsOutput{ChangeInfo: &types.ChangeInfo{Id: aws.String(fmt.Sprintf("/change/C%d", len(f.batches))), Status: types.ChangeStatusPending}}, nil
}

func apply(sets map[string]types.ResourceRecordSet, c types.Change, poison string) []string {
	set := *c.ResourceRecordSet
	k := *set.Name + " " + string(set.Type)
	k = strings.Replace(k, "*", `\052`, 1)
	have, there := sets[k]
	say := func(text string) []string {
		return []string{fmt.Sprintf("[Tried to change resource record set [name='%s', type='%s'] %s]", *set.Name, set.Type, text)}
	}
	switch {
	case poison != "" && strings.Contains(short(set), poison):
		return say("Invalid Resource Record: 'FATAL problem'")
	case c.Action == types.ChangeActionCreate && there:
		return say("but it already exists")
	case c.Action == types.ChangeActionCreate:
		set.Name = aws.String(strings.Replace(*set.Name, "*", `\052`, 1))
		sets[k] = set
	case !there:
		return say("but it was not found")
	case short(have) != short(set):
		return say("but the values provided do not match the current values")
	default:
		delete(sets, k)
	}
	return nil
}

func (f *fake) GetChange(context.Context, *r53.GetChangeInput, ...func(*r53.Options)) (*r53.GetChangeOutput, error) {
	if err := f.check("get"); err != nil {
		return nil, err
	}
	status := types.ChangeStatusInsync
	if f.polls > 0 {
		f.polls--
		status = types.ChangeStatusPending
	}
	return &r53.GetChangeOutput{ChangeInfo: &types.ChangeInfo{Status: status}}, nil
}

// apiError is an error with a code, as the SDK makes it of an answer it has no type for.
func apiError(code string) error { return &smithy.GenericAPIError{Code: code, Message: "said so"} }

func driver(t *testing.T, f *fake, p *libdns.Provider, opts Options) *Driver {
	t.Helper()
	if p == nil {
		p = &libdns.Provider{}
	}
	opts.API = f
	d, err := New(p, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// plans returns the changes from what the snapshot holds to the lines wanted: "name TYPE"
// alone means that it goes.
func plans(t *testing.T, snap *providers.Snapshot, wanted ...string) []providers.Change {
	t.Helper()
	var out []providers.Change
	for _, w := range wanted {
		var c providers.Change
		if p := strings.Fields(w); len(p) == 2 {
			c.Name, c.Type = zones.MustParseName(p[0]), dns.StringToType[p[1]]
		} else {
			c.New.RRset = rrset(t, strings.Split(w, "|")...)
			c.Name, c.Type = c.New.Name, c.New.Type
		}
		for _, s := range snap.RRsets {
			if s.Name == c.Name && s.Type == c.Type {
				c.Old = s
			}
		}
		out = append(out, c)
	}
	return out
}

func snapshot(t *testing.T, d *Driver) *providers.Snapshot {
	t.Helper()
	snap, err := d.Snapshot(t.Context(), example)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}
