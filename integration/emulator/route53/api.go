package route53

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	version = "2013-04-01"
	maxBody = 4 << 20
)

// A call is one request on its way through the API.
type call struct {
	op   string
	args []string // what the path's placeholders hold
	r    *http.Request
	body []byte
}

type operation func(*Server, *call) (status int, doc any, err *apiError)

// routes are the paths of the API: a {} stands for one segment, and is what the
// operation gets as argument.
var routes = []struct {
	method, path, op string
	do               operation
}{
	{"GET", "hostedzone", "ListHostedZones", (*Server).listHostedZones},
	{"POST", "hostedzone", "CreateHostedZone", (*Server).createHostedZone},
	{"GET", "hostedzonesbyname", "ListHostedZonesByName", (*Server).listHostedZonesByName},
	{"GET", "hostedzonecount", "GetHostedZoneCount", (*Server).getHostedZoneCount},
	{"GET", "hostedzone/{}", "GetHostedZone", (*Server).getHostedZone},
	{"DELETE", "hostedzone/{}", "DeleteHostedZone", (*Server).deleteHostedZone},
	{"GET", "hostedzone/{}/rrset", "ListResourceRecordSets", (*Server).listResourceRecordSets},
	{"POST", "hostedzone/{}/rrset", "ChangeResourceRecordSets", (*Server).changeResourceRecordSets},
	{"GET", "change/{}", "GetChange", (*Server).getChange},
	{"GET", "testdnsanswer", "TestDNSAnswer", (*Server).testDNSAnswer},
}

// route finds the operation. known tells a wrong method from a wrong path.
func route(r *http.Request) (op string, do operation, args []string, known bool) {
	path, ok := strings.CutPrefix(r.URL.Path, "/"+version+"/")
	if !ok {
		return "", nil, nil, false
	}
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for _, rt := range routes {
		found, matched := match(rt.path, segments)
		if !matched {
			continue
		}
		known = true
		if rt.method == r.Method {
			return rt.op, rt.do, found, true
		}
	}
	return "", nil, nil, known
}

func match(pattern string, segments []string) (args []string, ok bool) {
	parts := strings.Split(pattern, "/")
	if len(parts) != len(segments) {
		return nil, false
	}
	for i, p := range parts {
		switch {
		case p == "{}" && segments[i] != "":
			args = append(args, segments[i])
		case p != segments[i]:
			return nil, false
		}
	}
	return args, true
}

// ServeHTTP is the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.isDark() {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client broke off, or talks too much
	}
	op, do, args, known := route(r)
	entry := &Request{Op: op, Method: r.Method, Path: r.URL.RequestURI(), Body: string(body)}
	entry.ID, entry.number = s.begin(entry)
	finish := func(status int, code string) { s.finish(entry.number, status, code) }
	fail := func(e *apiError) {
		finish(e.status, e.code)
		s.answerError(w, entry.ID, e)
	}

	if e := s.admit(r, body, do != nil, known); e != nil {
		fail(e)
		return
	}
	effect, spoiled := s.fault(op)
	if spoiled && s.before(w, r, effect, fail, finish) {
		return
	}
	status, doc, e := do(s, &call{op: op, args: args, r: r, body: body})
	if spoiled {
		s.after(effect, fail, finish)
		return
	}
	if e != nil {
		fail(e)
		return
	}
	finish(status, "")
	answer(w, entry.ID, status, doc)
}

// admit lets authorized requests for known operations pass, within the limit.
func (s *Server) admit(r *http.Request, body []byte, routed, known bool) *apiError {
	if e := s.authorize(r, body); e != nil {
		return e
	}
	if !routed {
		if known {
			return refuse(http.StatusMethodNotAllowed, "InvalidAction", "The method %s is not allowed for this resource.", r.Method)
		}
		return refuse(http.StatusNotFound, "InvalidAction", "The emulator does not know the resource %s.", r.URL.Path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.limiter.allow(s.opts.Now()) {
		return throttled()
	}
	return nil
}

// before carries out the effects that keep a call from being done.
func (s *Server) before(w http.ResponseWriter, r *http.Request, effect Effect,
	fail func(*apiError), finish func(int, string)) (done bool) {
	switch effect {
	case Throttle:
		fail(throttled())
	case PriorRequest:
		fail(refuse(http.StatusBadRequest, "PriorRequestNotComplete",
			"The request was rejected because Route 53 was still processing a prior request."))
	case InternalError:
		fail(internalError())
	case Unavailable:
		fail(refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "Service is temporarily unavailable"))
	case Hang:
		s.hang(r)
		finish(0, "hang")
		panic(http.ErrAbortHandler)
	case Reset:
		finish(0, "reset")
		panic(http.ErrAbortHandler)
	case Garbage:
		finish(http.StatusOK, "garbage")
		_, _ = io.WriteString(w, "{\"this is\": \"no XML\"")
	default:
		return false
	}
	return true
}

// after carries out the effects that hide that a call was done.
func (s *Server) after(effect Effect, fail func(*apiError), finish func(int, string)) {
	if effect == ApplyThenError {
		fail(internalError())
		return
	}
	finish(0, "reset")
	panic(http.ErrAbortHandler)
}

func internalError() *apiError {
	return refuse(http.StatusInternalServerError, "InternalError",
		"We encountered an internal error. Please try again.")
}

// requestID looks like the service's.
func requestID(n int) string {
	return fmt.Sprintf("%08x-53aa-4e53-9e53-%012x", n, n*0x9e3779b1)
}
