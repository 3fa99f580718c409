package powerdns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// What the API speaks (https://doc.powerdns.com/authoritative/http-api/zone.html).

type zoneJSON struct {
	Name   string      `json:"name"`
	RRsets []rrsetJSON `json:"rrsets"`
}

type rrsetJSON struct {
	Name       string       `json:"name"`
	Type       string       `json:"type"`
	TTL        uint32       `json:"ttl"`
	ChangeType string       `json:"changetype,omitempty"`
	Records    []recordJSON `json:"records"`
}

type recordJSON struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

const (
	maxAnswer = 256 << 20
	maxPatch  = 1 << 20 // half of what a server takes by default (webserver-max-bodysize)
)

// zoneURL names a zone as PowerDNS does: everything but letters, digits, "-" and "." as "=" and two hexadecimal digits.
func (d *Driver) zoneURL(zone zones.Name) string {
	var id strings.Builder
	for _, c := range []byte(zone.String()) {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' {
			id.WriteByte(c)
		} else {
			fmt.Fprintf(&id, "=%02X", c)
		}
	}
	if zone == zones.Root {
		return d.base + "/zones/=2E"
	}
	return d.base + "/zones/" + id.String()
}

// getZone reads the whole zone.
func (d *Driver) getZone(ctx context.Context, zone zones.Name) (*zoneJSON, error) {
	body, err := d.call(ctx, http.MethodGet, d.zoneURL(zone), nil)
	if err != nil {
		return nil, err
	}
	var z zoneJSON
	if err := json.Unmarshal(body, &z); err != nil {
		return nil, fmt.Errorf("%w: read the answer: %w", providers.ErrUnavailable, err)
	}
	if name, err := zones.ParseName(z.Name); err != nil || name != zone || z.RRsets == nil {
		return nil, fmt.Errorf("%w: asked for %s, the answer is about %q", providers.ErrUnavailable, zone, z.Name)
	}
	return &z, nil
}

// patch changes RRsets, in one transaction.
func (d *Driver) patch(ctx context.Context, zone zones.Name, sets []rrsetJSON) error {
	body, err := json.Marshal(map[string]any{"rrsets": sets})
	if err != nil {
		return err
	}
	_, err = d.call(ctx, http.MethodPatch, d.zoneURL(zone), body)
	return err
}

// call makes one request and returns the answer's body; any status but 2xx is an error.
func (d *Driver) call(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", d.token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = errors.New("the answer is over 256 MiB")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read the answer: %w", providers.ErrUnavailable, err)
	}
	if resp.StatusCode/100 == 2 {
		return text, nil
	}
	return nil, refusal(resp, text)
}

// refusal returns the error for a status that is not 2xx.
func refusal(resp *http.Response, text []byte) error {
	var said struct {
		Error  string   `json:"error"`
		Errors []string `json:"errors"`
	}
	words := strings.TrimSpace(string(text[:min(len(text), 300)]))
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		words = strings.Join(append([]string{said.Error}, said.Errors...), "; ")
	}
	err := fmt.Errorf("%s: %s", resp.Status, words)
	wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	after := time.Duration(wait) * time.Second
	switch c := resp.StatusCode; {
	case c == http.StatusUnauthorized, c == http.StatusForbidden:
		return fmt.Errorf("%w: %w", providers.ErrAuth, err)
	case c == http.StatusNotFound && strings.Contains(resp.Request.URL.Path, "/zones/"):
		return fmt.Errorf("%w: %w", providers.ErrZoneNotFound, err)
	case c == http.StatusTooManyRequests:
		return &providers.RetryError{After: after, Err: fmt.Errorf("%w: %w", providers.ErrRateLimited, err)}
	case c >= 500:
		return &providers.RetryError{After: after, Err: fmt.Errorf("%w: %w", providers.ErrUnavailable, err)}
	}
	return &refusedError{words: words, err: fmt.Errorf("%w: %w", providers.ErrRefused, err)}
}

// refusedError is a 4xx: the server understood and said no. words is what it said.
type refusedError struct {
	words string
	err   error
}

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }
