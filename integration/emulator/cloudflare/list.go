package cloudflare

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// page is a request for one page of a list.
type page struct{ number, size int }

// readPage reads page and per_page, between least and most.
func readPage(q url.Values, standard, least, most int) (page, *APIErrors) {
	p := page{1, standard}
	for _, f := range []struct {
		name   string
		to     *int
		lo, hi int
	}{{"page", &p.number, 1, 1 << 30}, {"per_page", &p.size, least, most}} {
		v := q.Get(f.name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < f.lo || n > f.hi {
			return p, refuse(http.StatusBadRequest, 1003, "Invalid or missing %s: it must be between %d and %d.", f.name, f.lo, f.hi)
		}
		*f.to = n
	}
	return p, nil
}

// cutPage returns the page's part of list.
func cutPage[T any](list []T, p page) ([]T, *resultInfo) {
	from := min(len(list), (p.number-1)*p.size)
	part := list[from:min(len(list), from+p.size)]
	return append([]T{}, part...), &resultInfo{
		Page: p.number, PerPage: p.size, Count: len(part), TotalCount: len(list), TotalPages: (len(list) + p.size - 1) / p.size,
	}
}

func (s *Server) listZonesLocked(q url.Values) (reply, *APIErrors) {
	p, errs := readPage(q, 20, 5, 50)
	if errs != nil {
		return reply{}, errs
	}
	name, status := strings.ToLower(strings.TrimSuffix(q.Get("name"), ".")), q.Get("status")
	list := []map[string]any{}
	for _, z := range s.order {
		if (name == "" || z.name == name) && (status == "" || z.status == status) {
			list = append(list, s.zoneObject(z))
		}
	}
	part, info := cutPage(list, p)
	return success(part, info), nil
}

func (s *Server) zoneObject(z *zone) map[string]any {
	plan := map[Plan]string{Free: "free", Paid: "pro", Enterprise: "enterprise"}[s.opts.Plan]
	return map[string]any{
		"id": z.id, "name": z.name, "status": z.status, "paused": false, "type": "full", "development_mode": 0,
		"name_servers": z.servers, "original_name_servers": nil, "original_registrar": nil, "original_dnshost": nil,
		"created_on": z.created, "modified_on": z.created, "activated_on": z.created,
		"account":     map[string]string{"id": "01a7362d577a6c3019a474fd6f485823", "name": "Test Account"},
		"owner":       map[string]any{"id": nil, "type": "user", "email": nil},
		"permissions": []string{"#dns_records:edit", "#dns_records:read", "#zone:read"},
		"plan":        map[string]any{"id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": plan + " website", "legacy_id": plan, "price": 0, "currency": "USD", "is_subscribed": true},
		"meta":        map[string]any{"page_rule_quota": 3, "custom_certificate_quota": 0},
	}
}

func (s *Server) listRecordsLocked(z *zone, q url.Values) (reply, *APIErrors) {
	p, errs := readPage(q, 100, 1, 5_000_000)
	if errs != nil {
		return reply{}, errs
	}
	if s.opts.PageSizeMax > 0 {
		p.size = min(p.size, s.opts.PageSizeMax)
	}
	matches, errs := recordFilter(q)
	if errs != nil {
		return reply{}, errs
	}
	list := []*Record{}
	for _, r := range z.sorted() {
		if matches(r) {
			list = append(list, r)
		}
	}
	if errs := orderRecords(list, q.Get("order"), q.Get("direction")); errs != nil {
		return reply{}, errs
	}
	part, info := cutPage(list, p)
	return success(part, info), nil
}

// recordFilter joins the query's conditions: all of them must hold, or any with match=any.
func recordFilter(q url.Values) (func(*Record) bool, *APIErrors) {
	var tests []func(*Record) bool
	for key, values := range q {
		want := values[0]
		field, op, _ := strings.Cut(key, ".")
		switch field {
		case "page", "per_page", "order", "direction", "match", "tag", "tag_match":
			continue
		case "type":
			tests = append(tests, func(r *Record) bool { return r.Type == want })
		case "proxied":
			tests = append(tests, func(r *Record) bool { return strconv.FormatBool(r.Proxied) == want })
		case "search":
			tests = append(tests, func(r *Record) bool {
				return strings.Contains(r.Name+"\n"+r.Content+"\n"+r.comment(), want)
			})
		case "name", "content", "comment":
			t, errs := stringTest(field, op, want)
			if errs != nil {
				return nil, errs
			}
			tests = append(tests, t)
		default:
			return nil, refuse(http.StatusBadRequest, 1003, "Unknown query parameter %q.", key)
		}
	}
	either := q.Get("match") == "any"
	return func(r *Record) bool {
		for _, t := range tests {
			if t(r) == either {
				return either
			}
		}
		return !either || len(tests) == 0
	}, nil
}

func (r *Record) comment() string {
	if r.Comment == nil {
		return ""
	}
	return *r.Comment
}

// stringTest compares without regard to case, as the vendor does.
func stringTest(field, op, want string) (func(*Record) bool, *APIErrors) {
	want = strings.ToLower(want)
	get := func(r *Record) string {
		switch field {
		case "name":
			return r.Name
		case "content":
			return strings.ToLower(r.Content)
		}
		return strings.ToLower(r.comment())
	}
	compare, ok := map[string]func(string) bool{
		"":           func(s string) bool { return s == want },
		"exact":      func(s string) bool { return s == want },
		"contains":   func(s string) bool { return strings.Contains(s, want) },
		"startswith": func(s string) bool { return strings.HasPrefix(s, want) },
		"endswith":   func(s string) bool { return strings.HasSuffix(s, want) },
		"present":    func(s string) bool { return s != "" },
		"absent":     func(s string) bool { return s == "" },
	}[op]
	if !ok {
		return nil, refuse(http.StatusBadRequest, 1003, "Unknown query parameter %q.", field+"."+op)
	}
	return func(r *Record) bool { return compare(get(r)) }, nil
}

func orderRecords(list []*Record, order, direction string) *APIErrors {
	keys := map[string]func(a, b *Record) int{
		"":        func(a, b *Record) int { return 0 },
		"name":    func(a, b *Record) int { return cmp.Compare(a.Name, b.Name) },
		"type":    func(a, b *Record) int { return cmp.Compare(a.Type, b.Type) },
		"content": func(a, b *Record) int { return cmp.Compare(a.Content, b.Content) },
		"ttl":     func(a, b *Record) int { return cmp.Compare(a.TTL, b.TTL) },
		"proxied": func(a, b *Record) int {
			return cmp.Compare(strconv.FormatBool(a.Proxied), strconv.FormatBool(b.Proxied))
		},
	}
	key, ok := keys[order]
	if !ok || direction != "" && direction != "asc" && direction != "desc" {
		return refuse(http.StatusBadRequest, 1003, "Invalid order or direction.")
	}
	slices.SortStableFunc(list, key)
	if direction == "desc" {
		slices.Reverse(list)
	}
	return nil
}
