package route53

import (
	"net/http"
	"strings"
)

func (s *Server) createHostedZone(c *call) (int, any, *apiError) {
	var doc createZoneRequest
	if e := decode(c.body, "CreateHostedZoneRequest", &doc, &doc.XMLName); e != nil {
		return 0, nil, e
	}
	switch {
	case len(doc.Unknown) > 0:
		return 0, nil, unexpected(doc.Unknown)
	case doc.Name == nil || doc.CallerReference == nil || *doc.CallerReference == "":
		return 0, nil, invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element 'CreateHostedZoneRequest' is not complete. One of '{Name, CallerReference}' is expected.")
	case len(*doc.CallerReference) > 128:
		return 0, nil, invalidInput("Invalid XML ; cvc-maxLength-valid: CallerReference is longer than 128.")
	}
	n, err := parseName(*doc.Name)
	if err != nil || len(n) == 0 {
		return 0, nil, refuse(http.StatusBadRequest, "InvalidDomainName", "%s is not a valid domain name", *doc.Name)
	}
	config := deref(doc.Config)
	private := doc.VPC != nil
	if config.PrivateZone && !private {
		return 0, nil, invalidInput("When you're creating a private hosted zone, you must specify a VPC")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, z := range s.zones {
		if z.reference == *doc.CallerReference {
			return 0, nil, refuse(http.StatusConflict, "HostedZoneAlreadyExists",
				"A hosted zone has already been created with the specified caller reference.")
		}
	}
	z := s.addZoneLocked(n, *doc.CallerReference, config.Comment, private)
	ch := s.newChangeLocked(z, "")
	return http.StatusCreated, createZoneResponse{NS: xmlns, Zone: z.document(), Info: ch.info("PENDING"), Set: z.delegation()}, nil
}

func (s *Server) deleteHostedZone(c *call) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[c.args[0]]
	if z == nil {
		return 0, nil, noSuchZone(c.args[0])
	}
	for _, r := range z.sets {
		if !z.required(r) {
			return 0, nil, refuse(http.StatusBadRequest, "HostedZoneNotEmpty",
				"The specified hosted zone contains non-required resource record sets and so cannot be deleted.")
		}
	}
	ch := s.newChangeLocked(z, "")
	s.removeZoneLocked(z)
	return http.StatusOK, deleteZoneResponse{NS: xmlns, Info: ch.info("PENDING")}, nil
}

// testDNSAnswer says what a name server would answer to a query over UDP.
func (s *Server) testDNSAnswer(c *call) (int, any, *apiError) {
	q := c.r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.TrimPrefix(q.Get("hostedzoneid"), "/hostedzone/")
	z := s.zones[id]
	if z == nil {
		return 0, nil, noSuchZone(id)
	}
	n, err := parseName(q.Get("recordname"))
	if err != nil || !n.within(z.name) {
		return 0, nil, invalidInput("The record name %s is not in zone %s", q.Get("recordname"), z.name)
	}
	rrtype, ok := typeNumber(q.Get("recordtype"))
	if !ok {
		return 0, nil, notFacetValid(q.Get("recordtype"), "enumeration '["+strings.Join(recordTypes, ", ")+"]'")
	}
	m := s.answerLocked(z, n, rrtype)
	doc := testAnswerResponse{NS: xmlns, Nameserver: z.servers[0], RecordName: n.String(),
		RecordType: q.Get("recordtype"), Code: rcodeText(m), Protocol: "UDP", RecordData: []string{}}
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == rrtype {
			doc.RecordData = append(doc.RecordData, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	return http.StatusOK, doc, nil
}
