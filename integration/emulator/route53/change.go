package route53

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Limits of one ChangeResourceRecordSets, of a record set and of a zone.
const (
	maxBatchRecords    = 1000  // ResourceRecord elements, those of an UPSERT count twice
	maxBatchCharacters = 32000 // of all Value elements, those of an UPSERT count twice
	maxSetRecords      = 400
	maxZoneSets        = 10000
	maxTTL             = 1<<31 - 1
)

// A change is one accepted batch on its way to the name servers.
type change struct {
	id        string
	zone      *zone
	comment   string
	submitted time.Time
	polls     int
	insync    bool
	puts      []*recordSet
	removes   []setKey
}

func (c *change) info(status string) xmlChangeInfo {
	return xmlChangeInfo{ID: "/change/" + c.id, Status: status, Comment: c.comment,
		SubmittedAt: c.submitted.UTC().Format("2006-01-02T15:04:05.000Z")}
}

// newChangeLocked registers a change of z as pending.
func (s *Server) newChangeLocked(z *zone, comment string) *change {
	s.changed++
	c := &change{id: identifier('C', s.changed), zone: z, comment: comment, submitted: s.opts.Now()}
	s.changes[c.id] = c
	z.pending = append(z.pending, c)
	return c
}

// settleLocked brings to the name servers what is due. Changes of one zone
// arrive in their order: one that is due takes its predecessors with it.
func (s *Server) settleLocked(z *zone) {
	for _, c := range slices.Backward(z.pending) {
		if s.due(c) {
			z.applyThrough(c)
			return
		}
	}
}

func (s *Server) due(c *change) bool {
	sync := s.opts.Sync
	return !sync.Never && c.polls >= sync.Polls && s.opts.Now().Sub(c.submitted) >= sync.After
}

func (z *zone) applyThrough(last *change) {
	for len(z.pending) > 0 {
		c := z.pending[0]
		z.pending = z.pending[1:]
		c.insync = true
		for _, k := range c.removes {
			delete(z.visible, k)
		}
		for _, r := range c.puts {
			z.visible[r.key()] = r
		}
		if c == last {
			return
		}
	}
}

func (s *Server) getChange(c *call) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.changes[c.args[0]]
	if ch == nil {
		return 0, nil, refuse(http.StatusNotFound, "NoSuchChange", "Could not find resource with ID: %s", c.args[0])
	}
	s.settleLocked(ch.zone)
	ch.polls++ // this answer says what was before it
	if ch.insync {
		return http.StatusOK, getChangeResponse{NS: xmlns, Info: ch.info("INSYNC")}, nil
	}
	return http.StatusOK, getChangeResponse{NS: xmlns, Info: ch.info("PENDING")}, nil
}

func (s *Server) changeResourceRecordSets(c *call) (int, any, *apiError) {
	batch, e := parseBatch(c.body)
	if e != nil {
		return 0, nil, e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[c.args[0]]
	if z == nil {
		return 0, nil, noSuchZone(c.args[0])
	}
	next, steps, e := s.evaluateLocked(z, batch)
	if e != nil {
		return 0, nil, e
	}
	s.settleLocked(z)
	ch := s.newChangeLocked(z, deref(batch.Comment))
	z.sets = next
	for _, st := range steps {
		if st.action == "DELETE" {
			ch.removes = append(ch.removes, st.set.key())
		} else {
			ch.puts = append(ch.puts, st.set)
		}
	}
	return http.StatusOK, changeResponse{NS: xmlns, Info: ch.info("PENDING")}, nil
}

// parseBatch reads the document and checks what the schema can check.
func parseBatch(body []byte) (*xmlChangeBatch, *apiError) {
	var doc xmlChangeRequest
	if e := decode(body, "ChangeResourceRecordSetsRequest", &doc, &doc.XMLName); e != nil {
		return nil, e
	}
	switch {
	case len(doc.Unknown) > 0:
		return nil, unexpected(doc.Unknown)
	case doc.Batch == nil:
		return nil, invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element 'ChangeResourceRecordSetsRequest' is not complete. One of '{ChangeBatch}' is expected.")
	case len(doc.Batch.Unknown) > 0:
		return nil, unexpected(doc.Batch.Unknown)
	case doc.Batch.Changes == nil || len(doc.Batch.Changes.Changes) == 0:
		return nil, invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Changes' is not complete. One of '{Change}' is expected.")
	case len(doc.Batch.Changes.Unknown) > 0:
		return nil, unexpected(doc.Batch.Changes.Unknown)
	case len(deref(doc.Batch.Comment)) > 256:
		return nil, invalidInput("Invalid XML ; cvc-maxLength-valid: Value with length = '%d' is not facet-valid with respect to maxLength '256' for type 'ResourceDescription'.", len(*doc.Batch.Comment))
	}
	for i := range doc.Batch.Changes.Changes {
		if e := checkSchema(&doc.Batch.Changes.Changes[i]); e != nil {
			return nil, e
		}
	}
	return doc.Batch, nil
}

// decode reads one document whose root must be element, in the API's namespace.
func decode(body []byte, element string, into any, root *xml.Name) *apiError {
	d := xml.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "MalformedInput", "Unable to parse the request body as XML: %s", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return refuse(http.StatusBadRequest, "MalformedInput", "The request body holds more than one document")
	}
	if root.Local != element {
		return refuse(http.StatusBadRequest, "MalformedInput", "%s is not valid, expected %s", root.Local, element)
	}
	if root.Space != xmlns {
		return invalidInput("Invalid XML ; cvc-elt.1: Cannot find the declaration of element '%s' in namespace '%s'.", element, root.Space)
	}
	return nil
}

func unexpected(elements []unknown) *apiError {
	return invalidInput("Invalid XML ; cvc-complex-type.2.4.a: Invalid content was found starting with element '%s'.", elements[0].XMLName.Local)
}

func notFacetValid(value, facet string) *apiError {
	return invalidInput("Invalid XML ; cvc-enumeration-valid: Value '%s' is not facet-valid with respect to %s. It must be a value from the enumeration.", value, facet)
}

// A step is one change of a batch, understood.
type step struct {
	action string
	set    *recordSet
}

// evaluateLocked works out the zone after the batch, or all the reasons that
// speak against it. Nothing is changed.
func (s *Server) evaluateLocked(z *zone, batch *xmlChangeBatch) (map[setKey]*recordSet, []step, *apiError) {
	if e := checkSize(batch); e != nil {
		return nil, nil, e
	}
	var problems []string
	var steps []step
	for i := range batch.Changes.Changes {
		c := &batch.Changes.Changes[i]
		set, bad := z.parseSet(c.Set)
		problems = append(problems, bad...)
		if set != nil {
			steps = append(steps, step{c.Action, set})
		}
	}
	problems = append(problems, repeated(steps)...)
	if len(problems) > 0 {
		return nil, nil, invalidBatch(problems...)
	}
	next := maps.Clone(z.sets)
	for _, st := range steps {
		problems = append(problems, apply(next, st)...)
	}
	if len(problems) == 0 {
		problems = s.conflicts(z, next, steps)
	}
	if len(problems) > 0 {
		return nil, nil, invalidBatch(problems...)
	}
	if len(next) > maxZoneSets {
		return nil, nil, refuse(http.StatusBadRequest, "LimitsExceeded", "Zone %s would have more than %d resource record sets.", z.id, maxZoneSets)
	}
	return next, steps, nil
}

func checkSize(batch *xmlChangeBatch) *apiError {
	records, characters := 0, 0
	for _, c := range batch.Changes.Changes {
		weight := 1
		if c.Action == "UPSERT" {
			weight = 2
		}
		if c.Set.ResourceRecords == nil {
			continue
		}
		records += weight * len(c.Set.ResourceRecords.Records)
		for _, r := range c.Set.ResourceRecords.Records {
			characters += weight * len([]rune(r.Value))
		}
	}
	switch {
	case records > maxBatchRecords:
		return invalidBatch(fmt.Sprintf("Number of records limit of %d exceeded.", maxBatchRecords))
	case characters > maxBatchCharacters:
		return invalidBatch(fmt.Sprintf("Number of characters limit of %d exceeded.", maxBatchCharacters))
	}
	return nil
}

// repeated finds record sets that a batch names more than once, other than to
// delete and then make them again.
func repeated(steps []step) []string {
	var problems []string
	actions := map[setKey]string{}
	for _, st := range steps {
		k := st.set.key()
		before, seen := actions[k]
		if seen && (before != "DELETE" || st.action == "DELETE") {
			problems = append(problems, fmt.Sprintf(
				"The request contains an invalid set of changes for a resource record set '%s %s'", st.set.Type, st.set.Name))
		}
		actions[k] = st.action
		if seen {
			actions[k] = "DELETE and " + st.action // a third one is wrong
		}
	}
	return problems
}

// apply carries out one step on sets.
func apply(sets map[setKey]*recordSet, st step) []string {
	k := st.set.key()
	current := sets[k]
	switch st.action {
	case "CREATE":
		if current != nil {
			return []string{fmt.Sprintf("Tried to create resource record set %s but it already exists", st.set.label())}
		}
	case "DELETE":
		switch {
		case current == nil:
			return []string{fmt.Sprintf("Tried to delete resource record set %s but it was not found", st.set.label())}
		case !current.same(st.set):
			return []string{fmt.Sprintf("Tried to delete resource record set %s but the values provided do not match the current values", st.set.label())}
		}
		delete(sets, k)
		return nil
	}
	sets[k] = st.set
	return nil
}
