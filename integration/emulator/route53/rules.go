package route53

import (
	"fmt"
	"slices"
	"strings"
)

// policyTypes may have a routing policy other than simple.
var policyTypes = []string{"A", "AAAA", "CAA", "CNAME", "HTTPS", "MX", "NAPTR", "PTR", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT"}

// checkSchema refuses a change that the schema of the API or the rules between
// the fields of one record set do not allow. These are InvalidInput, reported
// one at a time and before anything else.
func checkSchema(c *xmlChange) *apiError {
	if len(c.Unknown) > 0 {
		return unexpected(c.Unknown)
	}
	if !slices.Contains([]string{"CREATE", "DELETE", "UPSERT"}, c.Action) {
		return notFacetValid(c.Action, "enumeration '[CREATE, DELETE, UPSERT]'")
	}
	r := c.Set
	switch {
	case r == nil:
		return invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Change' is not complete. One of '{ResourceRecordSet}' is expected.")
	case len(r.Unknown) > 0:
		return unexpected(r.Unknown)
	case len(r.Name) > 1024:
		return invalidInput("Invalid XML ; cvc-maxLength-valid: Value with length = '%d' is not facet-valid with respect to maxLength '1024' for type 'DNSName'.", len(r.Name))
	case !slices.Contains(recordTypes, r.Type):
		return notFacetValid(r.Type, "enumeration '["+strings.Join(recordTypes, ", ")+"]'")
	case r.TTL != nil && (*r.TTL < 0 || *r.TTL > maxTTL):
		return invalidInput("Invalid XML ; cvc-maxInclusive-valid: Value '%d' is not facet-valid with respect to minInclusive '0' and maxInclusive '%d' for type 'TTL'.", *r.TTL, maxTTL)
	case len(deref(r.HealthCheckID)) > 64:
		return invalidInput("Invalid XML ; cvc-maxLength-valid: HealthCheckId is longer than 64.")
	}
	if e := checkContent(c); e != nil {
		return e
	}
	return checkPolicy(c)
}

// in names the change as the API's messages do.
func (c *xmlChange) in() string {
	id := "null"
	if c.Set.SetIdentifier != nil {
		id = *c.Set.SetIdentifier
	}
	return fmt.Sprintf("in Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]", c.Action, c.Set.Name, c.Set.Type, id)
}

// checkContent: a set has values and a TTL, or is an alias.
func checkContent(c *xmlChange) *apiError {
	const one = "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found "
	r := c.Set
	hasValues := r.TTL != nil || r.ResourceRecords != nil
	switch {
	case r.AliasTarget != nil && hasValues:
		return invalidInput("%smore than one %s", one, c.in())
	case r.AliasTarget == nil && !hasValues:
		return invalidInput("%snone %s", one, c.in())
	case r.AliasTarget != nil:
		return checkAliasFields(c)
	case r.TTL == nil:
		return invalidInput("Invalid request: Missing field 'TTL' %s", c.in())
	case r.ResourceRecords == nil || len(r.ResourceRecords.Records) == 0:
		return invalidInput("Invalid request: Missing field 'ResourceRecords' %s", c.in())
	case len(r.ResourceRecords.Unknown) > 0:
		return unexpected(r.ResourceRecords.Unknown)
	}
	for _, v := range r.ResourceRecords.Records {
		switch {
		case len(v.Unknown) > 0:
			return unexpected(v.Unknown)
		case len([]rune(v.Value)) > maxValueLength:
			return invalidInput("Invalid XML ; cvc-maxLength-valid: Value with length = '%d' is not facet-valid with respect to maxLength '%d' for type 'RData'.", len([]rune(v.Value)), maxValueLength)
		}
	}
	return nil
}

func checkAliasFields(c *xmlChange) *apiError {
	a := c.Set.AliasTarget
	switch {
	case a.HostedZoneID == "" || a.DNSName == "" || a.EvaluateTargetHealth == nil:
		return invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element 'AliasTarget' is not complete.")
	case c.Set.Type == "NS" || c.Set.Type == "SOA":
		return invalidInput("Invalid request: An alias cannot have type %s %s", c.Set.Type, c.in())
	case deref(c.Set.MultiValueAnswer):
		return invalidInput("Invalid request: Expected exactly one of [AliasTarget, MultiValueAnswer], but found more than one %s", c.in())
	}
	return nil
}

// checkPolicy: at most one routing policy; a policy and a set identifier come
// together.
func checkPolicy(c *xmlChange) *apiError {
	r := c.Set
	policies := r.policies()
	const one = "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], but found "
	switch {
	case len(policies) > 1:
		return invalidInput("%smore than one %s", one, c.in())
	case len(policies) == 0 && r.SetIdentifier != nil:
		return invalidInput("%snone %s", one, c.in())
	case len(policies) == 0:
		return nil
	case deref(r.SetIdentifier) == "":
		return invalidInput("Invalid request: Missing field 'SetIdentifier' %s", c.in())
	case len(*r.SetIdentifier) > 128:
		return invalidInput("Invalid XML ; cvc-maxLength-valid: SetIdentifier is longer than 128.")
	case !slices.Contains(policyTypes, r.Type):
		return invalidInput("Invalid request: Type %s cannot have a routing policy %s", r.Type, c.in())
	case policies[0] == "weighted" && (*r.Weight < 0 || *r.Weight > 255):
		return invalidInput("Invalid XML ; cvc-maxInclusive-valid: Value '%d' is not facet-valid with respect to maxInclusive '255' for type 'ResourceRecordSetWeight'.", *r.Weight)
	case policies[0] == "failover" && *r.Failover != "PRIMARY" && *r.Failover != "SECONDARY":
		return notFacetValid(*r.Failover, "enumeration '[PRIMARY, SECONDARY]'")
	case policies[0] == "multivalue answer" && (r.Type == "CNAME" || r.Type == "NS"):
		return invalidInput("Invalid request: Type %s cannot have MultiValueAnswer %s", r.Type, c.in())
	case policies[0] == "geolocation":
		return checkLocation(c)
	}
	return nil
}

func checkLocation(c *xmlChange) *apiError {
	g := c.Set.GeoLocation
	switch {
	case g.ContinentCode == "" && g.CountryCode == "":
		return invalidInput("Invalid request: Expected exactly one of [ContinentCode, CountryCode], but found none %s", c.in())
	case g.ContinentCode != "" && (g.CountryCode != "" || g.SubdivisionCode != ""):
		return invalidInput("Invalid request: Expected exactly one of [ContinentCode, CountryCode], but found more than one %s", c.in())
	case g.ContinentCode != "" && !slices.Contains([]string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}, g.ContinentCode):
		return invalidInput("Invalid request: ContinentCode '%s' is not valid %s", g.ContinentCode, c.in())
	}
	return nil
}

// policies are the routing policies that a set's fields ask for, in the words
// of the API's messages.
func (r *xmlRecordSet) policies() []string {
	var p []string
	if r.Weight != nil {
		p = append(p, "weighted")
	}
	if r.Region != nil {
		p = append(p, "latency")
	}
	if r.Failover != nil {
		p = append(p, "failover")
	}
	if r.GeoLocation != nil {
		p = append(p, "geolocation")
	}
	if deref(r.MultiValueAnswer) {
		p = append(p, "multivalue answer")
	}
	return p
}

func (r *recordSet) policy() string {
	if p := r.policies(); len(p) > 0 {
		return p[0]
	}
	return "simple"
}

// place is what two sets of one policy must not have in common.
func (r *recordSet) place() string {
	switch r.policy() {
	case "latency":
		return "region " + *r.Region
	case "failover":
		return "failover " + *r.Failover
	case "geolocation":
		g := r.GeoLocation
		return "location " + g.ContinentCode + "/" + g.CountryCode + "/" + g.SubdivisionCode
	}
	return ""
}

// conflicts checks the zone that a batch would make: what it must keep, CNAMEs
// alone, one policy a name and type, alias targets that exist.
func (s *Server) conflicts(z *zone, next map[setKey]*recordSet, steps []step) []string {
	var problems []string
	byOwner := map[string][]*recordSet{}
	for _, r := range sorted(next) {
		byOwner[r.owner.key()] = append(byOwner[r.owner.key()], r)
	}
	for _, st := range steps {
		current := next[st.set.key()]
		if st.action == "DELETE" {
			if current == nil && z.required(st.set) {
				problems = append(problems, mustKeep(st.set.Type))
			}
			continue
		}
		if current != st.set {
			continue // made again by a later step
		}
		if p := beside(z, st.set, byOwner[st.set.owner.key()]); p != "" {
			problems = append(problems, p)
			continue
		}
		if p := s.aliasProblem(st.set, z, next); p != "" {
			problems = append(problems, p)
		}
	}
	return problems
}

func mustKeep(rrtype string) string {
	if rrtype == "SOA" {
		return "A HostedZone must contain exactly one SOA record."
	}
	return "A HostedZone must contain at least one NS record for the zone itself."
}

// beside looks for the first neighbour at the same name that r cannot stand
// beside.
func beside(z *zone, r *recordSet, neighbours []*recordSet) string {
	who := fmt.Sprintf("RRSet with DNS name %s, type %s", r.Name, r.Type)
	if r.SetIdentifier != nil {
		who += ", SetIdentifier " + *r.SetIdentifier
	}
	for _, o := range neighbours {
		switch {
		case o == r:
		case o.Type != r.Type && r.Type == "CNAME":
			return fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records with the same DNS name in zone %s", r.Name, z.name)
		case o.Type != r.Type && o.Type == "CNAME":
			return fmt.Sprintf("RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone %s", r.Type, r.Name, z.name)
		case o.Type != r.Type:
		case r.policy() == "simple":
			return who + " cannot be created as other RRSets exist with the same name and type."
		case o.policy() != r.policy():
			return who + " cannot be created because a non " + r.policy() + " rrset exists with the same name and type."
		case r.place() != "" && o.place() == r.place():
			return who + " cannot be created as a " + r.policy() + " RRSet with the same " + strings.Fields(r.place())[0] + " exists with the same name and type."
		}
	}
	return ""
}

// storeAlias brings an alias target into the form that the API shows.
func (r *recordSet) storeAlias() []string {
	n, err := parseName(r.AliasTarget.DNSName)
	if err != nil {
		return []string{fmt.Sprintf("FATAL problem: %s encountered with '%s'", err, r.AliasTarget.DNSName)}
	}
	a := *r.AliasTarget
	a.DNSName = n.String()
	r.AliasTarget = &a
	return nil
}

// aliasProblem checks an alias whose target is in a zone of this account; the
// zones of AWS's own services are believed.
func (s *Server) aliasProblem(r *recordSet, z *zone, next map[setKey]*recordSet) string {
	if r.AliasTarget == nil {
		return ""
	}
	id := strings.TrimPrefix(r.AliasTarget.HostedZoneID, "/hostedzone/")
	what := fmt.Sprintf("Tried to create an alias that targets %s, type %s in zone %s, but ", r.AliasTarget.DNSName, r.Type, id)
	target, err := parseName(r.AliasTarget.DNSName)
	switch {
	case err != nil:
		return err.Error()
	case s.zones[id] != nil && id != z.id:
		return what + "an alias can only target a record of its own hosted zone"
	case s.zones[id] == nil && r.Type == "CNAME":
		return what + "an alias of type CNAME must target a record of its own hosted zone"
	case s.zones[id] == nil:
		return ""
	case !target.within(z.name):
		return what + "the alias target name does not lie within the target zone"
	}
	for _, o := range next {
		if o != r && o.owner.equal(target) && o.Type == r.Type {
			return ""
		}
	}
	return what + "that target was not found"
}
