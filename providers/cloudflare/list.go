package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/mangrove-dns/mangrove/providers"
)

const (
	recordsPerPage = 5000
	listAttempts   = 3
)

// errMoved: the listing changed between two of its pages.
var errMoved = errors.New("the listing changed while it was read")

// pages reads a whole list, or fails. A page that is missing, short or twice there is never taken for the end.
func (d *Driver) pages(ctx context.Context, path string, query url.Values, perPage int, r request) ([]json.RawMessage, error) {
	var err error
	for range listAttempts {
		var all []json.RawMessage
		all, err = d.readPages(ctx, path, query, perPage, r)
		if !errors.Is(err, errMoved) {
			return all, err
		}
	}
	return nil, fmt.Errorf("%w: %w", providers.ErrConflict, err)
}

func (d *Driver) readPages(ctx context.Context, path string, query url.Values, perPage int, r request) ([]json.RawMessage, error) {
	var all []json.RawMessage
	ids := make(map[string]bool)
	total := -1
	for page := 1; ; page++ {
		q := maps.Clone(query)
		if q == nil {
			q = url.Values{}
		}
		q.Set("per_page", strconv.Itoa(perPage))
		q.Set("page", strconv.Itoa(page))
		r.method, r.path, r.query = http.MethodGet, path, q
		env, err := d.client.call(ctx, r)
		if err != nil {
			return nil, err
		}
		var items []json.RawMessage
		if err := json.Unmarshal(env.Result, &items); err != nil {
			return nil, unavailable(0, fmt.Errorf("list %s: %w", path, err))
		}
		if env.Info == nil {
			return nil, unavailable(0, fmt.Errorf("list %s: page %d does not say how many there are", path, page))
		}
		if total >= 0 && total != env.Info.TotalCount {
			return nil, errMoved
		}
		total = env.Info.TotalCount
		for _, item := range items {
			if id := idOf(item); id != "" && ids[id] {
				return nil, errMoved
			} else if id != "" {
				ids[id] = true
			}
		}
		all = append(all, items...)
		switch {
		case len(all) == total:
			return all, nil
		case len(all) > total:
			return nil, errMoved
		case len(items) == 0:
			return nil, unavailable(0, fmt.Errorf("list %s: page %d is empty after %d of %d", path, page, len(all), total))
		}
	}
}

func idOf(raw json.RawMessage) string {
	var v struct{ ID string }
	_ = json.Unmarshal(raw, &v) // read again, and judged, by whoever uses the item
	return v.ID
}
