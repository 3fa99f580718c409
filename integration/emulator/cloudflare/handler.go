package cloudflare

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// prefix is where the API lives.
const prefix = "/client/v4"

// Request is one line of the log.
type Request struct {
	Method string
	Path   string // without the prefix /client/v4
	Query  string
	Body   string
	Status int // 0: no answer was given
	Time   time.Time
}

// Requests returns the log, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ResetRequests empties the log and the DNS counters.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
	clear(s.dns)
}

// Count returns how many requests had the method (empty: any) and a path that contains part.
func (s *Server) Count(method, part string) int {
	n := 0
	for _, r := range s.Requests() {
		if (method == "" || r.Method == method) && strings.Contains(r.Path, part) {
			n++
		}
	}
	return n
}

const maxBody = 16 << 20

// ServeHTTP answers one API request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The body is read whole first: only then does net/http notice a client that goes away.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		write(w, failure(refuse(http.StatusRequestEntityTooLarge, 6007, "Request body is too large or was cut short.")))
		return
	}
	s.mu.Lock()
	fault, faulty := s.takeFaultLocked(r)
	at := s.logLocked(r, body)
	s.mu.Unlock()
	switch {
	case faulty && fault.Kind == Hang:
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		panic(http.ErrAbortHandler)
	case faulty && fault.Kind == Reset:
		panic(http.ErrAbortHandler)
	}
	var out reply
	switch {
	case faulty && fault.Kind == RateLimited:
		setLimitHeaders(w.Header(), 0, fault.RetryAfter, fault.RetryAfter)
		out = tooMany()
	case faulty && fault.Kind == ServerError:
		out = internalError()
	case faulty && fault.Kind == BadGateway:
		out = reply{http.StatusBadGateway, []byte("<html><head><title>502 Bad Gateway</title></head></html>\n"), "text/html"}
	default:
		out = s.answer(w.Header(), r, body)
		if faulty && fault.Kind == ApplyThenDrop {
			panic(http.ErrAbortHandler)
		}
		if faulty {
			out = internalError()
		}
	}
	s.mu.Lock()
	if at < len(s.log) { // the log may have been reset meanwhile
		s.log[at].Status = out.status
	}
	s.mu.Unlock()
	write(w, out)
}

func internalError() reply {
	return failure(refuse(http.StatusInternalServerError, 10000, "Internal server error."))
}

func tooMany() reply {
	return failure(refuse(http.StatusTooManyRequests, 10429, "Rate limited. Please wait and consider throttling your request speed."))
}

func write(w http.ResponseWriter, out reply) {
	w.Header().Set("Content-Type", out.ctype)
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // a client that went away is no matter of ours
}

// logLocked notes the request and returns its place in the log.
func (s *Server) logLocked(r *http.Request, body []byte) int {
	s.log = append(s.log, Request{
		Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, prefix), Query: r.URL.RawQuery,
		Body: string(body), Time: s.opts.Now(),
	})
	return len(s.log) - 1
}

// answer does one request, from the credentials on. The whole of it is one critical section:
// the API is as serial as its database.
func (s *Server) answer(h http.Header, r *http.Request, body []byte) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, errs := bearer(r)
	if errs != nil {
		return failure(errs)
	}
	left, reset, retry := s.countLocked(token)
	setLimitHeaders(h, left, reset, retry)
	if retry > 0 {
		return tooMany()
	}
	path, ok := strings.CutPrefix(r.URL.Path, prefix+"/")
	if !ok {
		return failure(noRoute(r.URL.Path))
	}
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if errs := s.authorize(token, r.Method, parts); errs != nil {
		return failure(errs)
	}
	out, errs := s.routeLocked(r, parts, body)
	if errs != nil {
		return failure(errs)
	}
	return out
}

// bearer reads the credentials.
func bearer(r *http.Request) (string, *APIErrors) {
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return "", refuse(http.StatusBadRequest, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
	}
	token, ok := strings.CutPrefix(auth, "Bearer ")
	if !ok || token == "" || strings.ContainsAny(token, " \t") {
		errs := refuse(http.StatusBadRequest, 6003, "Invalid request headers")
		errs.List[0].Chain = []APIError{{Code: 6111, Message: "Invalid format for Authorization header"}}
		return "", errs
	}
	return token, nil
}

func (s *Server) authorize(token, method string, parts []string) *APIErrors {
	switch {
	case token == s.opts.Token:
		return nil
	case s.opts.ReadOnlyToken != "" && token == s.opts.ReadOnlyToken:
		if method == http.MethodGet {
			return nil
		}
		return refuse(http.StatusForbidden, 10000, "Authentication error")
	case parts[0] == "user":
		return refuse(http.StatusUnauthorized, 1000, "Invalid API Token")
	case slices.Contains(parts, "dns_records"):
		return refuse(http.StatusForbidden, 10000, "Authentication error")
	}
	return refuse(http.StatusForbidden, 9109, "Invalid access token")
}

func noRoute(path string) *APIErrors {
	return &APIErrors{http.StatusNotFound, []APIError{
		{Code: 7003, Message: "Could not route to " + path + ", perhaps your object identifier is invalid?"},
		{Code: 7000, Message: "No route for that URI"},
	}}
}

// routeLocked finds what a path stands for.
func (s *Server) routeLocked(r *http.Request, parts []string, body []byte) (reply, *APIErrors) {
	unknown := noRoute(r.URL.Path)
	notAllowed := refuse(http.StatusMethodNotAllowed, 10405, "Method not allowed for this authentication scheme")
	get := r.Method == http.MethodGet
	if slices.Equal(parts, []string{"user", "tokens", "verify"}) {
		if !get {
			return reply{}, notAllowed
		}
		return success(map[string]string{"id": "ed17574386854bf78a67040be0a770b0", "status": "active"}, nil), nil
	}
	if parts[0] != "zones" {
		return reply{}, unknown
	}
	if len(parts) == 1 {
		if !get {
			return reply{}, notAllowed
		}
		return s.listZonesLocked(r.URL.Query())
	}
	if !isID(parts[1]) {
		return reply{}, unknown
	}
	i := slices.IndexFunc(s.order, func(z *zone) bool { return z.id == parts[1] })
	if i < 0 {
		return reply{}, refuse(http.StatusForbidden, 9109, "Unauthorized to access requested resource")
	}
	z := s.order[i]
	switch {
	case len(parts) == 2 && get:
		return success(s.zoneObject(z), nil), nil
	case len(parts) == 2:
		return reply{}, notAllowed
	case parts[2] != "dns_records" || len(parts) > 4:
		return reply{}, unknown
	}
	return s.routeRecordsLocked(r, z, parts[3:], body, unknown, notAllowed)
}

func (s *Server) routeRecordsLocked(r *http.Request, z *zone, rest []string, body []byte, unknown, notAllowed *APIErrors) (reply, *APIErrors) {
	get, post := r.Method == http.MethodGet, r.Method == http.MethodPost
	switch {
	case len(rest) == 0 && get:
		return s.listRecordsLocked(z, r.URL.Query())
	case len(rest) == 0 && post:
		return s.createRecordLocked(z, r, body)
	case len(rest) == 0:
		return reply{}, notAllowed
	case rest[0] == "export" && get:
		return reply{http.StatusOK, []byte(z.export()), "text/plain; charset=utf-8"}, nil
	case rest[0] == "batch" && post:
		return s.batchLocked(z, r, body)
	case rest[0] == "export" || rest[0] == "batch":
		return reply{}, notAllowed
	case !isID(rest[0]):
		return reply{}, unknown
	}
	return s.oneRecordLocked(z, r, rest[0], body, notAllowed)
}

func isID(s string) bool {
	if len(s) != 32 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}
