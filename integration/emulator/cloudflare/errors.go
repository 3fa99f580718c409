package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// APIError is one entry of the envelope's "errors".
type APIError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Chain   []APIError `json:"error_chain,omitempty"`
}

// APIErrors is why a request was refused, with the HTTP status that goes with it.
type APIErrors struct {
	Status int
	List   []APIError
}

// Error lists code and message of each.
func (e *APIErrors) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP %d", e.Status)
	for _, x := range e.List {
		fmt.Fprintf(&b, ": %s (%d)", x.Message, x.Code)
	}
	return b.String()
}

func refuse(status, code int, format string, args ...any) *APIErrors {
	return &APIErrors{status, []APIError{{Code: code, Message: fmt.Sprintf(format, args...)}}}
}

// problems are what is wrong with one record, gathered so that all of it is reported.
type problems []APIError

func (p *problems) add(code int, format string, args ...any) {
	*p = append(*p, APIError{Code: code, Message: fmt.Sprintf(format, args...)})
}

func (s *Server) invalid(p problems) *APIErrors {
	if s.opts.ErrorChain {
		return &APIErrors{http.StatusBadRequest, []APIError{{Code: 1004, Message: "DNS Validation Error", Chain: p}}}
	}
	return &APIErrors{http.StatusBadRequest, p}
}

// envelope is what every JSON answer is wrapped in.
type envelope struct {
	Result   any         `json:"result"`
	Success  bool        `json:"success"`
	Errors   []APIError  `json:"errors"`
	Messages []APIError  `json:"messages"`
	Info     *resultInfo `json:"result_info,omitempty"`
}

type resultInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// reply is a whole HTTP answer, made before anything is written.
type reply struct {
	status int
	body   []byte
	ctype  string
}

func success(result any, info *resultInfo) reply {
	return jsonReply(http.StatusOK, envelope{Result: result, Success: true, Errors: []APIError{}, Messages: []APIError{}, Info: info})
}

func failure(e *APIErrors) reply {
	return jsonReply(e.Status, envelope{Errors: e.List, Messages: []APIError{}})
}

func jsonReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own plain types get here
	}
	return reply{status, body, "application/json"}
}
