package route53

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// An apiError is a refusal in the API's terms.
type apiError struct {
	status   int
	code     string
	message  string
	messages []string // InvalidChangeBatch only
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func invalidInput(format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, "InvalidInput", format, args...)
}

func noSuchZone(id string) *apiError {
	return refuse(http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: %s", id)
}

func invalidBatch(messages ...string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "InvalidChangeBatch",
		message: "[" + strings.Join(messages, ", ") + "]", messages: messages}
}

func throttled() *apiError {
	return refuse(http.StatusBadRequest, "Throttling", "Rate exceeded")
}

// answerError writes e in the envelope that its code has.
func (s *Server) answerError(w http.ResponseWriter, id string, e *apiError) {
	if e.messages != nil && !s.opts.FlatBatchErrors {
		answer(w, id, e.status, batchErrorResponse{NS: xmlns, Messages: e.messages, RequestID: id})
		return
	}
	doc := errorResponse{NS: xmlns, RequestID: id}
	doc.Error.Type = "Sender"
	if e.status >= 500 {
		doc.Error.Type = "Receiver"
	}
	doc.Error.Code, doc.Error.Message = e.code, e.message
	answer(w, id, e.status, doc)
}

// answer writes one document.
func answer(w http.ResponseWriter, id string, status int, doc any) {
	body, err := xml.Marshal(doc)
	if err != nil {
		panic("route53 emulator: " + err.Error()) // a document of ours that is no XML
	}
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-Requestid", id)
	w.WriteHeader(status)
	// The client may be gone: that is its business.
	_, _ = w.Write(append([]byte("<?xml version=\"1.0\"?>\n"), body...))
}
