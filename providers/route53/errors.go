package route53

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/mangrove-dns/mangrove/providers"
)

// codes of the API and of AWS's common errors, by what they mean to us.
var errorCodes = map[string]error{
	"NoSuchHostedZone":            providers.ErrZoneNotFound,
	"AccessDenied":                providers.ErrAuth,
	"AccessDeniedException":       providers.ErrAuth,
	"ExpiredToken":                providers.ErrAuth,
	"ExpiredTokenException":       providers.ErrAuth,
	"IncompleteSignature":         providers.ErrAuth,
	"InvalidAccessKeyId":          providers.ErrAuth,
	"InvalidClientTokenId":        providers.ErrAuth,
	"InvalidSignatureException":   providers.ErrAuth,
	"MissingAuthenticationToken":  providers.ErrAuth,
	"NotAuthorized":               providers.ErrAuth,
	"OptInRequired":               providers.ErrAuth,
	"RequestExpired":              providers.ErrAuth,
	"SignatureDoesNotMatch":       providers.ErrAuth,
	"UnrecognizedClientException": providers.ErrAuth,
	"InvalidChangeBatch":          providers.ErrRefused,
	"InvalidInput":                providers.ErrRefused,
	"Throttling":                  providers.ErrRateLimited,
	"ThrottlingException":         providers.ErrRateLimited,
	"ThrottledException":          providers.ErrRateLimited,
	"PriorRequestNotComplete":     providers.ErrRateLimited,
	"RequestLimitExceeded":        providers.ErrRateLimited,
	"RequestThrottled":            providers.ErrRateLimited,
	"SlowDown":                    providers.ErrRateLimited,
	"TooManyRequestsException":    providers.ErrRateLimited,
}

// errNoAnswer is for an answer that is none: the SDK takes a body that is no XML, as a captive
// portal sends it, for an empty list, without an error. A real list always has its page size.
var errNoAnswer = fmt.Errorf("%w: the answer is not one of Route 53", providers.ErrUnavailable)

// retryAfter is how long to wait where the answer does not say: the bucket of requests gives
// ten a second, a change that is under way takes about a second.
const retryAfter = time.Second

// classify says of what kind an error of a call is.
func (d *Driver) classify(what string, err error) error {
	if err == nil {
		return nil
	}
	wrap := func(kind error) error { return fmt.Errorf("%s: %w: %w", what, kind, err) }
	if errors.Is(err, providers.ErrAuth) { // tagged by taggedCredentials
		return fmt.Errorf("%s: %w", what, err)
	}
	var batch *types.InvalidChangeBatch
	if errors.As(err, &batch) && len(batch.Messages) > 0 {
		err = fmt.Errorf("%w: %s", err, strings.Join(batch.Messages, "; "))
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch kind := errorCodes[api.ErrorCode()]; {
		case errors.Is(kind, providers.ErrRateLimited):
			d.limiter.drain()
			return &providers.RetryError{After: delay(err), Err: wrap(kind)}
		case kind != nil:
			return wrap(kind)
		}
	}
	var resp *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &resp) {
		status = resp.HTTPStatusCode()
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return wrap(providers.ErrAuth)
	case status == http.StatusTooManyRequests:
		d.limiter.drain()
		return &providers.RetryError{After: delay(err), Err: wrap(providers.ErrRateLimited)}
	case status >= 400 && status < 500:
		return wrap(providers.ErrRefused)
	case errors.Is(err, context.Canceled):
		return wrap(providers.ErrUnavailable)
	}
	return &providers.RetryError{After: delayOf(resp), Err: wrap(providers.ErrUnavailable)}
}

// delay is what the answer asks for, at least retryAfter.
func delay(err error) time.Duration {
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) {
		return max(retryAfter, delayOf(resp))
	}
	return retryAfter
}

func delayOf(resp *smithyhttp.ResponseError) time.Duration {
	if resp == nil || resp.Response == nil {
		return 0
	}
	n, err := strconv.Atoi(resp.Response.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// isStale says whether a refusal is about what is there, not about what is wanted.
func isStale(err error) bool {
	text := err.Error()
	for _, part := range []string{"but it already exists", "but it was not found", "do not match the current values"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
