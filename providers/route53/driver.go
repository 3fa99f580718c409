package route53

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	libdns "github.com/libdns/route53"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// API is what a Driver calls of the SDK's client.
type API interface {
	ListHostedZonesByName(context.Context, *r53.ListHostedZonesByNameInput, ...func(*r53.Options)) (*r53.ListHostedZonesByNameOutput, error)
	GetHostedZone(context.Context, *r53.GetHostedZoneInput, ...func(*r53.Options)) (*r53.GetHostedZoneOutput, error)
	ListResourceRecordSets(context.Context, *r53.ListResourceRecordSetsInput, ...func(*r53.Options)) (*r53.ListResourceRecordSetsOutput, error)
	ChangeResourceRecordSets(context.Context, *r53.ChangeResourceRecordSetsInput, ...func(*r53.Options)) (*r53.ChangeResourceRecordSetsOutput, error)
	GetChange(context.Context, *r53.GetChangeInput, ...func(*r53.Options)) (*r53.GetChangeOutput, error)
}

// Options are what the libdns provider has no field for. The zero value of each is its default.
type Options struct {
	// RoleARN is assumed with the provider's credentials; ExternalID goes with it.
	RoleARN    string
	ExternalID string
	// ZoneIDs name the hosted zone of each zone that has several of its name. The provider's
	// HostedZoneID is for a provider of one zone.
	ZoneIDs map[zones.Name]string
	// Endpoint replaces AWS's address of the API: "http://127.0.0.1:4566".
	Endpoint string
	// Nameservers (host:port) replace those of the zone's delegation set.
	Nameservers []string
	// CallTimeout bounds each call, its repetitions included; 0 means 30 s.
	CallTimeout time.Duration
	// Limiter is shared by drivers with the same credentials; nil means one of its own.
	Limiter *Limiter
	// HTTPClient makes the requests; nil means the SDK's, which heeds AWS_CA_BUNDLE and proxies of the environment.
	HTTPClient aws.HTTPClient
	// API replaces the SDK's client, for tests. Credentials and endpoint are then not looked at.
	API API
	// Log gets what an operator may want to know at debug level; nil means nothing.
	Log *slog.Logger
}

// Driver speaks to Route 53 with one account's credentials. It implements providers.Driver.
type Driver struct {
	provider *libdns.Provider
	opts     Options
	api      API
	limiter  *Limiter
	log      *slog.Logger

	mu    sync.Mutex
	found map[zones.Name]hostedZone
	turns map[string]chan struct{} // by hosted zone id: one change call at a time
}

var _ providers.Driver = (*Driver)(nil)

// New returns a Driver with the configuration that p holds. It reads AWS's configuration files
// where p relies on them, and nothing over the network; every mistake is in the error. p is
// not used by anybody else afterwards.
func New(p *libdns.Provider, opts Options) (*Driver, error) {
	d := &Driver{
		provider: p, opts: opts, api: opts.API, limiter: opts.Limiter, log: opts.Log,
		found: make(map[zones.Name]hostedZone), turns: make(map[string]chan struct{}),
	}
	if d.limiter == nil {
		d.limiter = NewLimiter()
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.opts.CallTimeout == 0 {
		d.opts.CallTimeout = 30 * time.Second
	}
	if err := check(p, opts); err != nil {
		return nil, err
	}
	if d.api != nil {
		return d, nil
	}
	cfg, err := d.load()
	if err != nil {
		return nil, err
	}
	d.api = r53.NewFromConfig(cfg, func(o *r53.Options) {
		if opts.Endpoint != "" {
			o.BaseEndpoint = aws.String(opts.Endpoint)
		}
	})
	return d, nil
}

// check finds the mistakes that need no file.
func check(p *libdns.Provider, opts Options) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("route53: "+format, args...)) }
	if (p.AccessKeyId == "") != (p.SecretAccessKey == "") {
		bad("access_key_id and secret_access_key go together; only one of them is set")
	}
	if p.SessionToken != "" && p.AccessKeyId == "" {
		bad("session_token is set without access_key_id and secret_access_key")
	}
	if p.Profile != "" && p.AccessKeyId != "" {
		bad("both profile and access_key_id are set; use one of them")
	}
	if p.MaxRetries < 0 {
		bad("max_retries %d is negative", p.MaxRetries)
	}
	if p.Route53MaxWait < 0 || opts.CallTimeout < 0 {
		bad("a time limit is negative")
	}
	if p.HostedZoneID != "" && !isZoneID(p.HostedZoneID) {
		bad("hosted_zone_id %q is not one: they look like Z0123456789ABCDEFGHIJ", p.HostedZoneID)
	}
	for name, id := range opts.ZoneIDs {
		if !isZoneID(id) {
			bad("hosted zone id %q of %s is not one: they look like Z0123456789ABCDEFGHIJ", id, name)
		}
	}
	if opts.RoleARN != "" && !strings.HasPrefix(opts.RoleARN, "arn:") {
		bad("role %q is no ARN", opts.RoleARN)
	}
	if opts.ExternalID != "" && opts.RoleARN == "" {
		bad("an external id is set without a role")
	}
	if opts.Endpoint != "" {
		if u, err := url.Parse(opts.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			bad("endpoint %q is no http or https URL", opts.Endpoint)
		}
	}
	for _, a := range opts.Nameservers {
		if _, _, err := net.SplitHostPort(a); err != nil {
			bad("name server %q is not host:port", a)
		}
	}
	return errors.Join(errs...)
}

// isZoneID takes what the API and its answers write: the id, with or without its prefix.
func isZoneID(id string) bool {
	id = bareID(id)
	return id != "" && len(id) <= 32 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

func bareID(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// load makes the SDK's configuration as libdns/route53 does, but for its log.Fatal.
func (d *Driver) load() (aws.Config, error) {
	p := d.provider
	attempts := p.MaxRetries
	if attempts == 0 {
		attempts = 3
	}
	opts := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), attempts) }),
	}
	if p.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(p.Profile))
	}
	if p.Region != "" {
		opts = append(opts, config.WithRegion(p.Region))
	}
	if p.AccessKeyId != "" {
		opts = append(opts, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(p.AccessKeyId, p.SecretAccessKey, p.SessionToken)))
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), opts...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("route53: AWS configuration: %w", err)
	}
	cfg.HTTPClient = limited{d.client(cfg.HTTPClient), d.limiter}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // Route 53 is global, and signs there
	}
	if d.opts.RoleARN != "" {
		assume := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), d.opts.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "mangrove"
			if d.opts.ExternalID != "" {
				o.ExternalID = aws.String(d.opts.ExternalID)
			}
		})
		cfg.Credentials = aws.NewCredentialsCache(assume)
	}
	cfg.Credentials = taggedCredentials{cfg.Credentials}
	return cfg, nil
}

// client returns what makes the requests; configured is the SDK's, with a CA bundle of the environment.
func (d *Driver) client(configured aws.HTTPClient) aws.HTTPClient {
	if d.opts.HTTPClient != nil {
		return d.opts.HTTPClient
	}
	if configured == nil {
		configured = awshttp.NewBuildableClient()
	}
	if b, ok := configured.(*awshttp.BuildableClient); ok {
		return b.WithTimeout(attemptTimeout)
	}
	return configured
}

// attemptTimeout bounds one request of a call that is repeated.
const attemptTimeout = 15 * time.Second

// taggedCredentials marks what goes wrong on the way to credentials as such: the SDK has no type for it.
type taggedCredentials struct{ next aws.CredentialsProvider }

func (c taggedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	v, err := c.next.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", providers.ErrAuth, err)
	}
	return v, err
}

// limited charges every request, repetitions included, to the account's rate.
type limited struct {
	next    aws.HTTPClient
	limiter *Limiter
}

func (l limited) Do(r *http.Request) (*http.Response, error) {
	if err := l.limiter.wait(r.Context(), isUrgent(r.Context())); err != nil {
		return nil, err
	}
	return l.next.Do(r)
}

// call bounds one call in time and says of what kind its error is.
func call[In, Out any](ctx context.Context, d *Driver, what string, f func(context.Context, In, ...func(*r53.Options)) (Out, error), in In, opts ...func(*r53.Options)) (Out, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.CallTimeout)
	defer cancel()
	out, err := f(ctx, in, opts...)
	return out, d.classify(what, err)
}
