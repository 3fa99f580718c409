package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	libcloudflare "github.com/libdns/cloudflare"
)

// defaultBase is where the API lives.
const defaultBase = "https://api.cloudflare.com/client/v4"

const (
	maxAnswer   = 256 << 20
	callTimeout = 30 * time.Second // of one call, within the caller's deadline
)

// A client sends calls within the budget and understands envelopes. It is a libdns HTTPClient too, so that
// whatever goes through libdns is counted, bounded and redirected alike.
type client struct {
	base   string
	token  string
	zone   string // token for looking up zones, "" for the same
	http   libcloudflare.HTTPClient
	budget *Budget
}

// newHTTPClient never follows a redirect: the API has none, and the token would go along.
func newHTTPClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Do implements the HTTPClient of libdns/cloudflare: the request goes to our base address, within the budget.
func (c *client) Do(req *http.Request) (*http.Response, error) {
	if rest, ok := strings.CutPrefix(req.URL.String(), defaultBase); ok && c.base != defaultBase {
		u, err := url.Parse(c.base + rest)
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.URL, req.Host = u, ""
	}
	if err := c.budget.take(req.Context(), forEdits); err != nil {
		return nil, err
	}
	return c.send(req)
}

// send learns from the answer's headers what is left of the budget.
func (c *client) send(req *http.Request) (*http.Response, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	c.budget.learn(res.Header.Get("Ratelimit"))
	if res.StatusCode == http.StatusTooManyRequests {
		c.budget.block(retryAfter(res.Header))
	}
	return res, nil
}

// envelope is what every JSON answer is wrapped in.
type envelope struct {
	Success bool            `json:"success"`
	Errors  []apiError      `json:"errors"`
	Result  json.RawMessage `json:"result"`
	Info    *resultInfo     `json:"result_info"`
}

type resultInfo struct {
	Page       int `json:"page"`
	TotalCount int `json:"total_count"`
}

// A request is one call, without its token.
type request struct {
	method, path string
	query        url.Values
	body         any
	use          use
	lookup       bool // uses the token for looking up zones
}

// call sends one request and returns its envelope, or an error that wraps one of the sentinels of package providers.
func (c *client) call(ctx context.Context, r request) (*envelope, error) {
	what := r.method + " " + r.path
	if err := c.budget.take(ctx, r.use); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := c.request(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	res, err := c.send(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, unavailable(0, err))
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, unavailable(0, err))
	}
	env, err := understand(res, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return env, nil
}

func (c *client) request(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	address := c.base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	token := c.token
	if r.lookup && c.zone != "" {
		token = c.zone
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// understand tells an answer from everything that only looks like one: an answer is JSON of status 200 that says "success".
func understand(res *http.Response, body []byte) (*envelope, error) {
	env := new(envelope)
	err := json.Unmarshal(body, env)
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, refusal(res, env.Errors)
	case err != nil:
		return nil, unavailable(0, fmt.Errorf("answer is no JSON: %w", err))
	case !env.Success && len(env.Errors) > 0:
		return nil, refusal(res, env.Errors)
	case !env.Success || len(env.Errors) > 0:
		return nil, unavailable(0, errors.New("answer says neither success nor why not"))
	case len(env.Result) == 0 || string(env.Result) == "null":
		return nil, unavailable(0, errors.New("answer has no result"))
	}
	return env, nil
}
