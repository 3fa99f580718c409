package providers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// Mode says how far a plan goes.
type Mode uint8

const (
	// Full plans everything: edits, withdrawals, restores, and the repair of drift.
	Full Mode = iota
	// Health plans withdrawals and restores alone, on top of what was pushed last: see the table in doc.go.
	Health
)

func (m Mode) String() string {
	if m == Health {
		return "health"
	}
	return "full"
}

// MarshalText writes "full" or "health".
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (m *Mode) UnmarshalText(b []byte) error {
	switch string(b) {
	case "full":
		*m = Full
	case "health":
		*m = Health
	default:
		return fmt.Errorf("plan mode %q is neither full nor health", b)
	}
	return nil
}

// Reasons says why a record of the loaded zone is withdrawn; "" where it is not. rdata is in wire form. It is
// plain data behind a function: the same answer every time, safe for concurrent use. nil means that nothing is.
type Reasons func(name zones.Name, typ uint16, rdata []byte) string

// Input is all that a plan depends on.
type Input struct {
	Provider string
	Zone     zones.Name
	Driver   Driver // Project alone is called
	Served   *zones.Zone
	Loaded   *zones.Zone // as the operator wrote it; nil: the same as Served
	Reasons  Reasons
	// Aliases are the ALIAS records of the zone's file, by owner. Their addresses are in Served and Loaded, as far as they are known.
	Aliases  map[zones.Name]zones.RRset
	Snapshot *Snapshot
	State    *MirrorState // nil: nothing was ever done there
	Overlay  Overlay
	Limits   Limits
	Allow    []string       // ids of guards that are let pass, "G2"
	Refused  map[Key]string // RRsets that the provider refused before, and why: left out, and said
	Mode     Mode
	Now      time.Time
}

// Plan is what would bring a provider to the served zone. It is made by MakePlan and never changed. Its JSON form is
// stable: fields are added, never renamed, and every list is [] where it is empty.
type Plan struct {
	Provider string    `json:"provider"`
	Zone     string    `json:"zone"` // absolute, with its final dot
	Mode     Mode      `json:"mode"` // "full", "health"
	Serial   uint32    `json:"serial"`
	Made     time.Time `json:"made"`
	Hash     string    `json:"hash"` // of what would be changed from what to what; the same hash: the same plan
	Lines    []Line    `json:"changes"`
	Counts   Counts    `json:"counts"`
	Foreign  []Record  `json:"foreign"` // at the provider, not ours: kept
	Losses   []Loss    `json:"losses"`  // what the provider can't hold
	Notes    []Note    `json:"notes"`   // what it holds differently
	Guards   []Guard   `json:"guards"`  // what stands in the way, allowed or not

	changes []Change
	records map[Key]settle // what to remember once the provider holds it
	adopted map[Key]settle // what holds all that is declared while some of it is withdrawn: ours without a write
	stale   int            // values held that are withdrawn, in RRsets that the plan has to leave alone
}

// settle is what becomes of the state for one RRset once the provider is seen to hold it.
type settle struct {
	held    RRset // what it then holds; no records: nothing
	approve RRset // the loaded zone's RRset as it would be held; no records: nothing is approved any more
	health  bool  // approved stays what it was
	adopt   bool  // it holds exactly what is declared, nothing withdrawn: ours without a write
}

// Op is "+", "-" or "~".
type Op string

// The operations of a Line.
const (
	Add    Op = "+"
	Remove Op = "-"
	Alter  Op = "~" // the value stays, its TTL or attributes change
)

// Why says what made a Line.
type Why string

// The reasons of a Line.
const (
	Edited    Why = "edited"    // the zone says so now
	Withdrawn Why = "withdrawn" // a verdict took it out
	Restored  Why = "restored"  // a verdict brought it back
	Drift     Why = "drift"     // someone else changed it at the provider
	Adopted   Why = "adopted"   // stood at the provider before we ever wrote there
	Aliased   Why = "alias"     // the target of an ALIAS record has other addresses
	Serial    Why = "serial"    // the SOA goes along
)

// Line is one value of one RRset in a plan.
type Line struct {
	Op     Op     `json:"op"`
	Name   string `json:"name"` // relative to the zone: "@", "www"
	TTL    uint32 `json:"ttl"`
	OldTTL uint32 `json:"old_ttl,omitempty"` // where the TTL changes
	Type   string `json:"type"`
	Text   string `json:"text"`            // presentation form
	Attrs  string `json:"attrs,omitempty"` // "proxied false -> true"
	Why    Why    `json:"why"`
	Reason string `json:"reason,omitempty"` // "withdrawn: tcp 192.0.2.9:443 down since 14:02 (connection refused)"
}

// Record is something at a provider that is not ours.
type Record struct {
	Name string `json:"name"`
	TTL  uint32 `json:"ttl,omitempty"`
	Type string `json:"type,omitempty"`
	Text string `json:"text"`
}

// Counts are values (records), not RRsets.
type Counts struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
	Foreign int `json:"foreign"`
}

// String is the last line of a printed plan.
func (c Counts) String() string {
	return fmt.Sprintf("%d added, %d removed, %d changed, %d as they are, %d not ours",
		c.Added, c.Removed, c.Changed, c.Same, c.Foreign)
}

// Empty says that nothing is to be done. Losses may still be there.
func (p *Plan) Empty() bool { return len(p.changes) == 0 }

// Changes returns the changes for the Driver, in canonical order. They are not to be modified.
func (p *Plan) Changes() []Change { return p.changes }

// Blocked returns the guards that stand in the way.
func (p *Plan) Blocked() []Guard {
	var out []Guard
	for _, g := range p.Guards {
		if !g.Allowed {
			out = append(out, g)
		}
	}
	return out
}

// Count returns how many lines are there for one of the reasons.
func (p *Plan) Count(why ...Why) int {
	n := 0
	for _, l := range p.Lines {
		if slices.Contains(why, l.Why) {
			n++
		}
	}
	return n
}

// changing returns which RRsets change.
func (p *Plan) changing() map[Key]bool {
	m := make(map[Key]bool, len(p.changes))
	for _, c := range p.changes {
		m[Key{c.Name, c.Type}] = true
	}
	return m
}

// hash binds a plan to what is changed from what to what.
func (p *Plan) hash() string {
	h := sha256.New()
	put := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	set := func(s RRset) {
		data := Canonical(s.RRset).Data
		sortedData := make([]string, len(data))
		for i, d := range data {
			sortedData[i] = string(d)
		}
		slices.Sort(sortedData)
		put(fmt.Sprint(s.TTL, len(sortedData), len(s.Attrs)))
		for _, d := range sortedData {
			put(d)
		}
		for _, k := range slices.Sorted(maps.Keys(s.Attrs)) {
			put(k)
			put(s.Attrs[k])
		}
	}
	put(p.Provider)
	put(p.Zone)
	put(p.Mode.String())
	for _, c := range p.changes {
		put(c.Name.Wire())
		put(fmt.Sprint(c.Type))
		set(c.Old)
		set(c.New)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
