package route53

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	maxZonesPage = 100
	maxSetsPage  = 300
)

func (s *Server) getHostedZoneCount(*call) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return http.StatusOK, countResponse{NS: xmlns, Count: len(s.zones)}, nil
}

func (s *Server) getHostedZone(c *call) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[c.args[0]]
	if z == nil {
		return 0, nil, noSuchZone(c.args[0])
	}
	return http.StatusOK, getZoneResponse{NS: xmlns, Zone: z.document(), Set: z.delegation()}, nil
}

func (z *zone) document() xmlZone {
	return xmlZone{ID: "/hostedzone/" + z.id, Name: z.name.String(), CallerReference: z.reference,
		Config: xmlZoneConfig{Comment: z.comment, PrivateZone: z.private}, RecordSetCount: len(z.sets)}
}

// delegation is nil for private zones, which nobody can delegate to.
func (z *zone) delegation() *xmlDelegationSet {
	if z.private {
		return nil
	}
	return &xmlDelegationSet{NameServers: z.servers}
}

func (s *Server) listHostedZones(c *call) (int, any, *apiError) {
	q := c.r.URL.Query()
	limit, e := maxItems(q, maxZonesPage)
	if e != nil {
		return 0, nil, e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	marker := q.Get("marker")
	zones := s.zonesSortedLocked()
	if marker != "" {
		at := slices.IndexFunc(zones, func(z *zone) bool { return z.id == marker })
		if at < 0 {
			return 0, nil, invalidInput("Invalid marker: %s", marker)
		}
		zones = zones[at:]
	}
	doc := listZonesResponse{NS: xmlns, Marker: marker, MaxItems: limit, Zones: []xmlZone{}}
	for i, z := range zones {
		if i == limit {
			doc.IsTruncated, doc.NextMarker = true, z.id
			break
		}
		doc.Zones = append(doc.Zones, z.document())
	}
	return http.StatusOK, doc, nil
}

// listHostedZonesByName sorts by reversed labels, then by id, and starts at the
// first zone that is not before dnsname and hostedzoneid.
func (s *Server) listHostedZonesByName(c *call) (int, any, *apiError) {
	q := c.r.URL.Query()
	limit, e := maxItems(q, maxZonesPage)
	if e != nil {
		return 0, nil, e
	}
	var start name
	startID := strings.TrimPrefix(q.Get("hostedzoneid"), "/hostedzone/")
	if q.Has("dnsname") {
		var err error
		if start, err = parseName(q.Get("dnsname")); err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "InvalidDomainName", "The domain name is not valid: %s", err)
		}
	} else if startID != "" {
		return 0, nil, invalidInput("The dnsname parameter is required when hostedzoneid is specified.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := listZonesByNameResponse{NS: xmlns, MaxItems: limit, Zones: []xmlZone{},
		DNSName: q.Get("dnsname"), HostedZoneID: q.Get("hostedzoneid")}
	zones := s.zonesSortedLocked()
	slices.SortStableFunc(zones, func(a, b *zone) int { return strings.Compare(a.name.sortKey(), b.name.sortKey()) })
	for _, z := range zones {
		if order := strings.Compare(z.name.sortKey(), start.sortKey()); order < 0 || order == 0 && z.id < startID {
			continue
		}
		if len(doc.Zones) == limit {
			doc.IsTruncated, doc.NextDNSName, doc.NextHostedZoneID = true, z.name.String(), z.id
			break
		}
		doc.Zones = append(doc.Zones, z.document())
	}
	return http.StatusOK, doc, nil
}

func (s *Server) listResourceRecordSets(c *call) (int, any, *apiError) {
	q := c.r.URL.Query()
	limit, e := maxItems(q, maxSetsPage)
	if e != nil {
		return 0, nil, e
	}
	start, e := startSet(q)
	if e != nil {
		return 0, nil, e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[c.args[0]]
	if z == nil {
		return 0, nil, noSuchZone(c.args[0])
	}
	doc := listSetsResponse{NS: xmlns, MaxItems: limit, Sets: []*xmlRecordSet{}}
	for _, r := range sorted(z.sets) {
		if start != nil && compareSets(r, start) < 0 {
			continue
		}
		if len(doc.Sets) == limit {
			doc.IsTruncated, doc.NextName, doc.NextType = true, r.Name, r.Type
			doc.NextIdentifier = deref(r.SetIdentifier)
			break
		}
		doc.Sets = append(doc.Sets, &r.xmlRecordSet)
	}
	return http.StatusOK, doc, nil
}

// startSet reads where a listing starts: a name, a name and a type, or all
// three parts of the key.
func startSet(q url.Values) (*recordSet, *apiError) {
	rrtype, id := q.Get("type"), q.Get("identifier")
	switch {
	case id != "" && rrtype == "", rrtype != "" && !q.Has("name"):
		return nil, invalidInput("The input is not valid: type requires name, identifier requires name and type")
	case rrtype != "" && !slices.Contains(recordTypes, rrtype):
		return nil, notFacetValid(rrtype, "enumeration '["+strings.Join(recordTypes, ", ")+"]'")
	case !q.Has("name"):
		return nil, nil
	}
	n, err := parseName(q.Get("name"))
	if err != nil {
		return nil, invalidInput("FATAL problem: %s encountered with '%s'", err, q.Get("name"))
	}
	return &recordSet{owner: n, xmlRecordSet: xmlRecordSet{Type: rrtype, SetIdentifier: &id}}, nil
}

// maxItems reads the page's size; more than the service's maximum is the
// maximum.
func maxItems(q url.Values, most int) (int, *apiError) {
	v := q.Get("maxitems")
	if v == "" {
		return most, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, invalidInput("Value '%s' at 'maxItems' failed to satisfy constraint: Member must be a number greater than 0", v)
	}
	return min(n, most), nil
}
