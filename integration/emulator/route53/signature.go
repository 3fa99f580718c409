package route53

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	stamp     = "20060102T150405Z"
	maxSkew   = 15 * time.Minute
	// Route 53 is a global service that is signed for as us-east-1.
	region, service, terminator = "us-east-1", "route53", "aws4_request"
)

// authorize verifies Signature Version 4 of a request whose body was read: the
// key is known, the scope and the date are right, and the signature computed
// from the secret key over what arrived is the one sent.
func (s *Server) authorize(r *http.Request, body []byte) *apiError {
	header := r.Header.Get("Authorization")
	if header == "" {
		return refuse(http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token")
	}
	credential, signed, signature, ok := parseAuthorization(header)
	if !ok {
		return refuse(http.StatusBadRequest, "IncompleteSignature",
			"Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters. Authorization=%s", header)
	}
	scope := strings.Split(credential, "/")
	if len(scope) != 5 {
		return refuse(http.StatusBadRequest, "IncompleteSignature",
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", credential)
	}
	if scope[0] != s.opts.AccessKey {
		return refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	if token := r.Header.Get("X-Amz-Security-Token"); token != s.opts.SessionToken {
		return refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid")
	}
	if e := s.checkScope(r, scope[1:], signed); e != nil {
		return e
	}
	want := sign(s.opts.SecretKey, r.Header.Get("X-Amz-Date"), scope[1:], canonicalRequest(r, body, signed))
	if !hmac.Equal([]byte(want), []byte(signature)) {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. "+
				"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

func parseAuthorization(header string) (credential string, signed []string, signature string, ok bool) {
	rest, found := strings.CutPrefix(header, algorithm+" ")
	if !found {
		return "", nil, "", false
	}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch k {
		case "Credential":
			credential = v
		case "SignedHeaders":
			signed = strings.Split(v, ";")
		case "Signature":
			signature = v
		}
	}
	return credential, signed, signature, credential != "" && len(signed) > 0 && signature != ""
}

// checkScope looks at date, region, service and at which headers are signed.
func (s *Server) checkScope(r *http.Request, scope, signed []string) *apiError {
	mismatch := func(message string) *apiError {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "%s", message)
	}
	at, err := time.Parse(stamp, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return refuse(http.StatusBadRequest, "IncompleteSignature",
			"Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", r.Header.Get("X-Amz-Date"))
	}
	now := s.opts.Now().UTC()
	switch {
	case scope[0] != at.Format("20060102"):
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
	case scope[1] != region:
		return mismatch("Credential should be scoped to a valid region.")
	case scope[2] != service:
		return mismatch("Credential should be scoped to correct service: 'route53'.")
	case scope[3] != terminator:
		return mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.")
	case now.Sub(at) > maxSkew:
		return mismatch("Signature expired: " + at.Format(stamp) + " is now earlier than " + now.Add(-maxSkew).Format(stamp))
	case at.Sub(now) > maxSkew:
		return mismatch("Signature not yet current: " + at.Format(stamp) + " is still later than " + now.Add(maxSkew).Format(stamp))
	}
	for _, must := range []string{"host", "x-amz-date"} {
		if !slices.Contains(signed, must) {
			return mismatch("'" + must + "' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	if s.opts.SessionToken != "" && !slices.Contains(signed, "x-amz-security-token") {
		return mismatch("'x-amz-security-token' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

func canonicalRequest(r *http.Request, body []byte, signed []string) string {
	var headers strings.Builder
	for _, h := range signed {
		headers.WriteString(h + ":" + headerValue(r, h) + "\n")
	}
	return strings.Join([]string{
		r.Method,
		canonicalPath(r.URL),
		canonicalQuery(r.URL.Query()),
		headers.String(),
		strings.Join(signed, ";"),
		hexHash(body),
	}, "\n")
}

func headerValue(r *http.Request, h string) string {
	switch h {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := slices.Clone(r.Header.Values(h))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

// canonicalPath encodes the path as it was sent once more (all services but S3
// are encoded twice).
func canonicalPath(u *url.URL) string {
	p := u.EscapedPath()
	if p == "" {
		return "/"
	}
	return encode(p, true)
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for k, vs := range q {
		for _, v := range vs {
			pairs = append(pairs, encode(k, false)+"="+encode(v, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encode is the percent-encoding of RFC 3986 with unreserved characters kept.
func encode(s string, keepSlash bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', keepSlash && c == '/':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

func sign(secret, date string, scope []string, request string) string {
	key := []byte("AWS4" + secret)
	for _, part := range scope {
		key = mac(key, part)
	}
	text := strings.Join([]string{algorithm, date, strings.Join(scope, "/"), hexHash([]byte(request))}, "\n")
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
