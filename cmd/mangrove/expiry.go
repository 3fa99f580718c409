package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// expiring returns what is wrong, at now, with the times of the signatures that the source's zone comes with.
func (src *source) expiring(now time.Time) []zones.Problem {
	if src.zone == nil || !src.zone.Signed() {
		return nil
	}
	out := expiringSignatures(src.zone, now)
	for i := range out {
		out[i].Pos.File = src.path
	}
	return out
}

// warnExpiring logs what expiring says, and returns it.
func (a *app) warnExpiring(src *source) []zones.Problem {
	found := src.expiring(a.sources.now())
	for _, p := range found {
		a.log.Warn(p.Text, "zone", src.origin)
	}
	return found
}

// warnFreshExpiring is warnExpiring for each source that was read from its files and is to be served.
func (a *app) warnFreshExpiring(list []*source, served map[zones.Name]*decided) map[zones.Name][]zones.Problem {
	out := make(map[zones.Name][]zones.Problem)
	for _, src := range list {
		if src.fresh && served[src.origin] != nil {
			out[src.origin] = a.warnExpiring(src)
		}
	}
	return out
}

// expiryInterval is how often the signatures of a zone that is not read anew are looked at.
const expiryInterval = 6 * time.Hour

// warnAllExpiring logs it of every zone that was not looked at for expiryInterval, and notes it for status: to look at every
// signature is too much for each time that somebody asks.
func (a *app) warnAllExpiring(ctx context.Context) {
	now := a.sources.now()
	a.mu.Lock()
	list := make([]*source, 0, len(a.zones))
	for _, st := range a.zones {
		if st.src.zone != nil && st.src.zone.Signed() && now.Sub(st.expiringAt) >= expiryInterval {
			list = append(list, st.src)
		}
	}
	a.mu.Unlock()
	for _, src := range list {
		if ctx.Err() != nil {
			return
		}
		found := a.warnExpiring(src)
		a.mu.Lock()
		if st := a.zones[src.origin]; st != nil && st.src.zone == src.zone {
			st.expiring, st.expiringAt = found, now
		}
		a.mu.Unlock()
	}
}

// expiryWarning is how long before a signature expires expiringSignatures tells of it.
const expiryWarning = 3 * 24 * time.Hour

// expiryKind is what may be wrong with the times of a signature.
type expiryKind int

const (
	signatureExpired expiryKind = iota
	signatureEarly              // it is not valid yet
	signatureExpires            // soon
	expiryKinds
)

func (k expiryKind) String() string {
	return [expiryKinds]string{"expired", "is not valid before", "expires"}[k]
}

// expiryOf judges the times of a signature, and returns how many seconds after now is the moment to tell of; not ok where there
// is nothing wrong.
func expiryOf(rrsig []byte, now time.Time) (kind expiryKind, left int32, ok bool) {
	if len(rrsig) < 18 { // up to the signer, RFC 4034 3.1
		return 0, 0, false
	}
	// Serial number arithmetic, RFC 4034 3.1.5.
	expires := int32(binary.BigEndian.Uint32(rrsig[8:]) - uint32(now.Unix()))
	begins := int32(binary.BigEndian.Uint32(rrsig[12:]) - uint32(now.Unix()))
	switch {
	case expires < 0:
		return signatureExpired, expires, true
	case begins > 0:
		return signatureEarly, begins, true
	case time.Duration(expires)*time.Second < expiryWarning:
		return signatureExpires, expires, true
	}
	return 0, 0, false
}

// expiringSignatures reports signatures in z that do not count at now, or soon will not: expired, not valid yet, or valid for
// less than expiryWarning. Of each kind it names one, that which expires or begins first, and says how many there are. It reads
// every record of a zone with signatures.
func expiringSignatures(z *zones.Zone, now time.Time) []zones.Problem {
	var kinds [expiryKinds]struct {
		n    int
		left int32 // of the first, whose name and type these are
		name zones.Name
		typ  uint16
	}
	for set := range z.RRsets() {
		if set.Type != dns.TypeRRSIG {
			continue
		}
		for _, d := range set.Data {
			kind, left, ok := expiryOf(d, now)
			if !ok {
				continue
			}
			k := &kinds[kind]
			if k.n++; k.n == 1 || left < k.left {
				k.left, k.name, k.typ = left, set.Name, binary.BigEndian.Uint16(d)
			}
		}
	}
	var out []zones.Problem
	for kind, k := range kinds {
		if k.n == 0 {
			continue
		}
		at := now.Add(time.Duration(k.left) * time.Second).UTC().Format(time.RFC3339)
		text := fmt.Sprintf("%s: the signature of %s %s %s %s", z.Origin(), k.name, zones.TypeString(k.typ), expiryKind(kind), at)
		if k.n > 1 {
			text += fmt.Sprintf(" (and %d more signatures likewise)", k.n-1)
		}
		out = append(out, zones.Problem{Severity: zones.Warning, Text: text + "; sign the zone again"})
	}
	return out
}
