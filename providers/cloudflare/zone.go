package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mangrove-dns/mangrove/providers"
	"github.com/mangrove-dns/mangrove/zones"
)

// zoneInfo is what we need of a zone object.
type zoneInfo struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Status      string   `json:"status"`
	NameServers []string `json:"name_servers"`
	Plan        struct {
		LegacyID string `json:"legacy_id"`
	} `json:"plan"`
}

const zonesPerPage = 50

// withZone runs do with the zone's object. Where do finds that a remembered id is not known any more (the zone was made
// anew), it is looked up once again.
func (d *Driver) withZone(ctx context.Context, zone zones.Name, do func(*zoneInfo) error) error {
	for again := range 2 {
		info, cached, err := d.zone(ctx, zone)
		if err == nil {
			err = do(info)
		}
		if !errors.Is(err, errGone) {
			return err
		}
		d.forget(zone)
		if !cached || again > 0 {
			return err
		}
	}
	return nil
}

// zone returns the zone's object, remembered or looked up.
func (d *Driver) zone(ctx context.Context, zone zones.Name) (info *zoneInfo, cached bool, err error) {
	d.mu.Lock()
	info = d.zones[zone]
	d.mu.Unlock()
	if info != nil {
		return info, true, nil
	}
	if id, ok := d.ids[zone]; ok {
		info, err = d.zoneByID(ctx, zone, id)
	} else {
		info, err = d.zoneByName(ctx, zone)
	}
	if err != nil {
		return nil, false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.zones[zone] = info
	return info, false, nil
}

func (d *Driver) forget(zone zones.Name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.zones, zone)
}

func (d *Driver) zoneByID(ctx context.Context, zone zones.Name, id string) (*zoneInfo, error) {
	env, err := d.client.call(ctx, request{method: http.MethodGet, path: "/zones/" + url.PathEscape(id), use: forReading, lookup: true})
	if err != nil {
		return nil, err
	}
	info := new(zoneInfo)
	if err := json.Unmarshal(env.Result, info); err != nil {
		return nil, unavailable(0, fmt.Errorf("zone %s: %w", id, err))
	}
	if n, err := zones.ParseName(info.Name); err != nil || n != zone {
		return nil, fmt.Errorf("%w: the id %s is that of zone %q", providers.ErrZoneNotFound, id, info.Name)
	}
	return info, nil
}

// zoneByName lists zones of the name and takes the one whose name is equal. Several (two accounts see the token) are
// an error, unless one alone is active.
func (d *Driver) zoneByName(ctx context.Context, zone zones.Name) (*zoneInfo, error) {
	name, err := apiName(zone)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrZoneNotFound, err)
	}
	query := url.Values{"name": {name}, "per_page": {strconv.Itoa(zonesPerPage)}}
	raw, err := d.pages(ctx, "/zones", query, zonesPerPage, request{use: forReading, lookup: true})
	if errors.Is(err, errGone) { // no zone was named: it is the token that is not known
		return nil, fmt.Errorf("%w: %v", providers.ErrAuth, err)
	}
	if err != nil {
		return nil, err
	}
	var found, active []*zoneInfo
	for _, r := range raw {
		info := new(zoneInfo)
		if err := json.Unmarshal(r, info); err != nil {
			return nil, unavailable(0, fmt.Errorf("list of zones: %w", err))
		}
		if n, err := zones.ParseName(info.Name); err != nil || n != zone || info.ID == "" {
			continue
		}
		found = append(found, info)
		if info.Status == "active" {
			active = append(active, info)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(active) == 1:
		return active[0], nil
	case len(found) == 0:
		return nil, fmt.Errorf("%w: these credentials see no zone %s", providers.ErrZoneNotFound, zone)
	}
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.ID + " (" + f.Status + ")"
	}
	return nil, fmt.Errorf("%w: these credentials see %d zones %s: %s; configure the id of one",
		providers.ErrZoneNotFound, len(found), zone, strings.Join(ids, ", "))
}
