package cloudflare

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/providers"
)

// errGone is wrapped by answers that do not know the zone's id.
var errGone = fmt.Errorf("%w: the zone's id is not known", providers.ErrZoneNotFound)

// apiError is one entry of an envelope's "errors".
type apiError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Chain   []apiError `json:"error_chain"`
}

func (e apiError) String() string {
	s := strings.TrimSuffix(e.Message, ".")
	for _, c := range e.Chain {
		s += ": " + c.String()
	}
	return fmt.Sprintf("%s (%d)", s, e.Code)
}

// Codes that decide more than the HTTP status does.
var (
	codesAuth = []int{1000, 6003, 6111, 9103, 9106, 10000, 10001} // 9109 is both: see refusal
	// The id is well formed and nothing that these credentials see.
	codesGone = []int{7000, 7003, 9109, 1001}
	// What is there is not what we read just before.
	codesConflict = []int{81044, 81053, 81054, 81055, 81056, 81057, 81058}
)

// refusal makes an error of an answer that is not a success.
func refusal(res *http.Response, list []apiError) error {
	status := res.StatusCode
	text := fmt.Errorf("HTTP %d", status)
	if len(list) > 0 {
		parts := make([]string, len(list))
		for i, e := range list {
			parts[i] = e.String()
		}
		text = errors.New(strings.Join(parts, "; "))
	}
	switch {
	case status == http.StatusTooManyRequests:
		return &providers.RetryError{After: retryAfter(res.Header), Err: fmt.Errorf("%w: %w", providers.ErrRateLimited, text)}
	case status >= 500:
		return unavailable(retryAfter5xx(res.Header), text)
	case has(list, codesGone) && !strings.Contains(strings.ToLower(text.Error()), "access token"):
		return fmt.Errorf("%w: %w", errGone, text)
	case status == http.StatusUnauthorized || status == http.StatusForbidden || has(list, codesAuth):
		return fmt.Errorf("%w: %w", providers.ErrAuth, text)
	case has(list, codesConflict):
		return fmt.Errorf("%w: %w", providers.ErrConflict, text)
	case status >= 400 || len(list) > 0:
		return fmt.Errorf("%w: %w", providers.ErrRefused, text)
	}
	return unavailable(0, text) // redirects and the like
}

func has(list []apiError, codes []int) bool {
	return slices.ContainsFunc(list, func(e apiError) bool {
		return slices.Contains(codes, e.Code) || has(e.Chain, codes)
	})
}

// unavailable: the call may have been done or not.
func unavailable(after time.Duration, err error) error {
	return &providers.RetryError{After: after, Err: fmt.Errorf("%w: %w", providers.ErrUnavailable, err)}
}

// retryAfter reads how long a token is blocked; five minutes where it is not said.
func retryAfter(h http.Header) time.Duration {
	if d := retryAfter5xx(h); d > 0 {
		return d
	}
	if _, reset, ok := parseRatelimit(h.Get("Ratelimit")); ok && reset > 0 {
		return reset
	}
	return 5 * time.Minute
}

// retryAfter5xx reads Retry-After in seconds; 0 where there is none.
func retryAfter5xx(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 || n > 86400 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// recovered makes an error of a panic: a record of somebody's must not stop the daemon. To be deferred.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic in the Cloudflare driver: %v\n%s", p, debug.Stack())
	}
}
