package cloudflare

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// decodeBody reads a request's JSON object.
func decodeBody[T any](r *http.Request, body []byte) (T, *APIErrors) {
	var v T
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return v, refuse(http.StatusUnsupportedMediaType, 9207, "Content-type must be application/json.")
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return v, refuse(http.StatusBadRequest, 6007, "Malformed JSON in request body")
	}
	return v, nil
}

func (s *Server) createRecordLocked(z *zone, r *http.Request, body []byte) (reply, *APIErrors) {
	f, errs := decodeBody[fields](r, body)
	if errs != nil {
		return reply{}, errs
	}
	tx := z.begin()
	rec, errs := s.postLocked(tx, f)
	if errs != nil {
		return reply{}, errs
	}
	s.commitLocked(tx)
	return success(rec, nil), nil
}

func (s *Server) oneRecordLocked(z *zone, r *http.Request, id string, body []byte, notAllowed *APIErrors) (reply, *APIErrors) {
	var change func(*transaction, string, fields) (*Record, *APIErrors)
	switch r.Method {
	case http.MethodGet:
		if rec := z.records[id]; rec != nil {
			return success(rec, nil), nil
		}
		return reply{}, noRecord()
	case http.MethodDelete:
		tx := z.begin()
		if _, errs := s.deleteLocked(tx, id); errs != nil {
			return reply{}, errs
		}
		s.commitLocked(tx)
		return success(map[string]string{"id": id}, nil), nil
	case http.MethodPatch:
		change = s.patchLocked
	case http.MethodPut:
		change = s.putLocked
	default:
		return reply{}, notAllowed
	}
	f, errs := decodeBody[fields](r, body)
	if errs != nil {
		return reply{}, errs
	}
	tx := z.begin()
	rec, errs := change(tx, id, f)
	if errs != nil {
		return reply{}, errs
	}
	s.commitLocked(tx)
	return success(rec, nil), nil
}

func noRecord() *APIErrors { return refuse(http.StatusNotFound, 81044, "Record does not exist.") }

// The four operations. Each changes the transaction or refuses; the caller commits.

func (s *Server) postLocked(tx *transaction, f fields) (*Record, *APIErrors) {
	r, p := s.build(tx.zone, f)
	if len(p) > 0 {
		return nil, s.invalid(p)
	}
	if len(tx.records) >= s.opts.MaxRecords {
		return nil, refuse(http.StatusBadRequest, 81045, "Record quota exceeded.")
	}
	r.ID, r.CreatedOn = s.newIDLocked("record"), s.opts.Now().UTC()
	return s.storeLocked(tx, r)
}

func (s *Server) putLocked(tx *transaction, id string, f fields) (*Record, *APIErrors) {
	old, errs := tx.writable(id)
	if errs != nil {
		return nil, errs
	}
	r, p := s.build(tx.zone, f)
	if len(p) > 0 {
		return nil, s.invalid(p)
	}
	r.ID, r.CreatedOn, r.Meta = old.ID, old.CreatedOn, old.Meta
	return s.storeLocked(tx, r)
}

func (s *Server) patchLocked(tx *transaction, id string, f fields) (*Record, *APIErrors) {
	old, errs := tx.writable(id)
	if errs != nil {
		return nil, errs
	}
	merged := rawFields(map[string]any{
		"type": old.Type, "name": old.Name, "content": old.Content, "ttl": old.TTL, "proxied": old.Proxied,
		"priority": old.Priority, "data": old.Data, "comment": old.Comment, "tags": old.Tags, "settings": old.Settings,
	})
	for k, v := range f {
		merged[k] = v
	}
	return s.putLocked(tx, id, merged)
}

func (s *Server) deleteLocked(tx *transaction, id string) (*Record, *APIErrors) {
	old, errs := tx.writable(id)
	if errs != nil {
		return nil, errs
	}
	delete(tx.records, id)
	return old, nil
}

func (tx *transaction) writable(id string) (*Record, *APIErrors) {
	r := tx.records[id]
	if r == nil {
		return nil, noRecord()
	}
	if r.readOnly() {
		return nil, refuse(http.StatusBadRequest, 1046, "This record is managed by Email Routing. Disable Email Routing to modify/remove this record.")
	}
	return r, nil
}

// storeLocked puts r into the transaction unless it conflicts with what is there.
func (s *Server) storeLocked(tx *transaction, r *Record) (*Record, *APIErrors) {
	if errs := tx.conflict(r); errs != nil {
		return nil, errs
	}
	now := s.opts.Now().UTC()
	r.ModifiedOn = now
	if r.Comment != nil {
		r.CommentModifiedOn = &now
	}
	if len(r.Tags) > 0 {
		r.TagsModifiedOn = &now
	}
	tx.records[r.ID] = r
	return r, nil
}

// conflict compares r with the other records of its name.
func (tx *transaction) conflict(r *Record) *APIErrors {
	apex := r.Name == tx.zone.name
	size := len(r.Content)
	for _, o := range tx.records {
		if o.ID == r.ID || o.Name != r.Name {
			continue
		}
		bad := func(code int, text string) *APIErrors { return refuse(http.StatusBadRequest, code, "%s", text) }
		switch {
		case r.Type == "CNAME" && slices.Contains(addressTypes, o.Type):
			return bad(81053, "An A, AAAA, or CNAME record with that host already exists.")
		case o.Type == "CNAME" && slices.Contains(addressTypes, r.Type):
			return bad(81054, "A CNAME record with that host already exists.")
		case o.Type == "NS" && r.Type != "NS" && r.Type != "DS" && !apex:
			return bad(81056, "NS records with that host already exist.")
		case r.Type == "NS" && o.Type != "NS" && o.Type != "DS" && !apex:
			return bad(81055, "Other records with that host already exist.")
		case r.same(o):
			return bad(81058, "An identical record already exists.")
		case r.Type == o.Type:
			size += len(o.Content)
		}
	}
	if size > 8192 {
		return refuse(http.StatusBadRequest, 83011, "Combined content length of records with this name and type exceeds 8192 characters.")
	}
	return nil
}

// batch is the body of POST dns_records/batch; its operations are done in the order of the members.
type batch struct {
	Deletes []fields `json:"deletes"`
	Patches []fields `json:"patches"`
	Puts    []fields `json:"puts"`
	Posts   []fields `json:"posts"`
}

type batchResult struct {
	Deletes []*Record `json:"deletes"`
	Patches []*Record `json:"patches"`
	Puts    []*Record `json:"puts"`
	Posts   []*Record `json:"posts"`
}

// BatchLimit returns how many operations one batch may have.
func (s *Server) BatchLimit() int {
	if s.opts.Plan == Free {
		return 200
	}
	return 3500
}

// batchLocked does all of it or nothing.
func (s *Server) batchLocked(z *zone, r *http.Request, body []byte) (reply, *APIErrors) {
	b, errs := decodeBody[batch](r, body)
	if errs != nil {
		return reply{}, errs
	}
	if n := len(b.Deletes) + len(b.Patches) + len(b.Puts) + len(b.Posts); n > s.BatchLimit() {
		return reply{}, refuse(http.StatusBadRequest, 1004, "Batch has %d operations, exceeding the limit of %d.", n, s.BatchLimit())
	}
	tx := z.begin()
	byID := func(op func(*transaction, string, fields) (*Record, *APIErrors)) func(fields) (*Record, *APIErrors) {
		return func(f fields) (*Record, *APIErrors) {
			id, _ := read[string](f, "id")
			return op(tx, id, f)
		}
	}
	var out batchResult
	for _, step := range []struct {
		ops    []fields
		do     func(fields) (*Record, *APIErrors)
		result *[]*Record
	}{
		{b.Deletes, byID(func(tx *transaction, id string, _ fields) (*Record, *APIErrors) { return s.deleteLocked(tx, id) }), &out.Deletes},
		{b.Patches, byID(s.patchLocked), &out.Patches},
		{b.Puts, byID(s.putLocked), &out.Puts},
		{b.Posts, func(f fields) (*Record, *APIErrors) { return s.postLocked(tx, f) }, &out.Posts},
	} {
		for _, f := range step.ops {
			rec, errs := step.do(f)
			if errs != nil {
				return reply{}, errs
			}
			*step.result = append(*step.result, rec)
		}
	}
	s.commitLocked(tx)
	return success(out, nil), nil
}

// export writes the zone as a master file.
func (z *zone) export() string {
	var b strings.Builder
	fmt.Fprintf(&b, ";;\n;; Domain:     %s.\n;;\n", z.name)
	fmt.Fprintf(&b, "%s\n", z.soa())
	for _, ns := range z.servers {
		fmt.Fprintf(&b, "%s.\t86400\tIN\tNS\t%s.\n", z.name, ns)
	}
	for _, r := range z.sorted() {
		rr := dns.Copy(r.rr)
		rr.Header().Ttl = uint32(r.TTL)
		fmt.Fprintf(&b, "%s ; cf_tags=cf-proxied:%v\n", rr, r.Proxied)
	}
	return b.String()
}
