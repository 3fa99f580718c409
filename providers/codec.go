package providers

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// The blobs of a State are JSON with a version in front, names in presentation form and RDATA in wire form: readable
// when something has gone wrong. Reading is strict: state that can't be read whole is an error, never an empty state.
const codecVersion = 1

// ErrState means that the blobs of a State are not what this version writes.
var ErrState = errors.New("state of a mirror can't be read")

type liveJSON struct {
	Version    int          `json:"v"`
	Generation uint64       `json:"generation"`
	Applied    []rrsetJSON  `json:"applied,omitempty"`
	Pending    *intentJSON  `json:"pending,omitempty"`
	Doubts     []doubtJSON  `json:"doubts,omitempty"`
	Verified   verifiedJSON `json:"verified"`
	Error      string       `json:"error,omitempty"`
	ErrorAt    time.Time    `json:"error_at,omitzero"`
}

type baseJSON struct {
	Version  int         `json:"v"`
	Approved []rrsetJSON `json:"approved"`
}

type verifiedJSON struct {
	Time   time.Time `json:"time,omitzero"`
	Serial uint32    `json:"serial,omitempty"`
}

type rrsetJSON struct {
	Name  string            `json:"n"`
	Type  uint16            `json:"t"`
	TTL   uint32            `json:"ttl"`
	Data  [][]byte          `json:"d,omitempty"`
	Attrs map[string]string `json:"a,omitempty"`
}

type intentJSON struct {
	Generation uint64             `json:"generation"`
	Time       time.Time          `json:"time"`
	Mode       Mode               `json:"mode"`
	Serial     uint32             `json:"serial"`
	Changes    []intentChangeJSON `json:"changes"`
}

type intentChangeJSON struct {
	New    rrsetJSON `json:"new"`
	Record rrsetJSON `json:"record"`
	Health bool      `json:"health,omitempty"`
}

type doubtJSON struct {
	intentChangeJSON
	Begun time.Time `json:"begun"`
}

// encodeLive returns the part of m that changes with every flip.
func encodeLive(m *MirrorState) ([]byte, error) {
	out := liveJSON{Version: codecVersion, Generation: m.Generation, Applied: encodeSets(m.Applied),
		Verified: verifiedJSON(m.Verified), Error: m.Error, ErrorAt: m.ErrorAt}
	if p := m.Pending; p != nil {
		out.Pending = &intentJSON{Generation: p.Generation, Time: p.Time, Mode: p.Mode, Serial: p.Serial}
		for _, c := range p.Changes {
			out.Pending.Changes = append(out.Pending.Changes, encodeChange(c))
		}
	}
	for _, k := range sorted(m.Doubts) {
		out.Doubts = append(out.Doubts, doubtJSON{encodeChange(m.Doubts[k].Change), m.Doubts[k].Begun})
	}
	return json.Marshal(out)
}

// encodeBase returns the part of m that changes with a push.
func encodeBase(m *MirrorState) ([]byte, error) {
	return json.Marshal(baseJSON{codecVersion, encodeSets(m.Approved)})
}

func encodeSets(m map[Key]RRset) []rrsetJSON {
	out := make([]rrsetJSON, 0, len(m))
	for _, k := range sorted(m) {
		out = append(out, encodeSet(k, m[k]))
	}
	return out
}

func encodeChange(c IntentChange) intentChangeJSON {
	return intentChangeJSON{encodeSet(c.Key, c.New), encodeSet(c.Key, c.Record), c.Health}
}

func encodeSet(k Key, s RRset) rrsetJSON {
	return rrsetJSON{Name: k.Name.String(), Type: k.Type, TTL: s.TTL, Data: s.Data, Attrs: s.Attrs}
}

// decodeState reads what encodeLive and encodeBase wrote.
func decodeState(s Saved) (*MirrorState, error) {
	m := NewMirrorState()
	if s.Generation == 0 && s.Live == nil && s.Base == nil {
		return m, nil
	}
	var live liveJSON
	if err := unmarshal(s.Live, &live, &live.Version); err != nil {
		return nil, err
	}
	base := baseJSON{Version: codecVersion}
	if s.Base != nil {
		if err := unmarshal(s.Base, &base, &base.Version); err != nil {
			return nil, err
		}
	}
	m.Generation, m.Verified, m.Error, m.ErrorAt = live.Generation, Verified(live.Verified), live.Error, live.ErrorAt
	if m.Generation != s.Generation {
		return nil, fmt.Errorf("%w: it says generation %d and is kept as %d", ErrState, m.Generation, s.Generation)
	}
	if err := decodeSets(base.Approved, m.Approved); err != nil {
		return nil, err
	}
	if err := decodeSets(live.Applied, m.Applied); err != nil {
		return nil, err
	}
	for _, d := range live.Doubts {
		c, err := decodeChange(d.intentChangeJSON)
		if err != nil {
			return nil, err
		}
		if _, twice := m.Doubts[c.Key]; twice {
			return nil, fmt.Errorf("%w: %s is in doubt twice", ErrState, c.Key)
		}
		m.Doubts[c.Key] = Doubt{c, d.Begun}
	}
	if live.Pending == nil {
		return m, nil
	}
	var err error
	m.Pending, err = decodeIntent(live.Pending)
	return m, err
}

func unmarshal(blob []byte, into any, version *int) error {
	if err := json.Unmarshal(blob, into); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if *version != codecVersion {
		return fmt.Errorf("%w: version %d, this program knows %d", ErrState, *version, codecVersion)
	}
	return nil
}

func decodeIntent(in *intentJSON) (*Intent, error) {
	out := &Intent{Generation: in.Generation, Time: in.Time, Mode: in.Mode, Serial: in.Serial}
	for _, j := range in.Changes {
		c, err := decodeChange(j)
		if err != nil {
			return nil, err
		}
		out.Changes = append(out.Changes, c)
	}
	return out, nil
}

func decodeChange(j intentChangeJSON) (IntentChange, error) {
	k, next, err := decodeSet(j.New)
	if err != nil {
		return IntentChange{}, err
	}
	of, record, err := decodeSet(j.Record)
	if err != nil {
		return IntentChange{}, err
	}
	if of != k {
		return IntentChange{}, fmt.Errorf("%w: a change of %s leaves records of %s", ErrState, k, of)
	}
	return IntentChange{k, next, record, j.Health}, nil
}

func decodeSets(in []rrsetJSON, into map[Key]RRset) error {
	for _, j := range in {
		k, s, err := decodeSet(j)
		if err != nil {
			return err
		}
		if _, twice := into[k]; twice {
			return fmt.Errorf("%w: %s stands twice", ErrState, k)
		}
		into[k] = s
	}
	return nil
}

func decodeSet(j rrsetJSON) (Key, RRset, error) {
	n, err := zones.ParseName(j.Name)
	if err != nil {
		return Key{}, RRset{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return Key{n, j.Type}, RRset{zones.RRset{Name: n, Type: j.Type, TTL: j.TTL, Data: j.Data}, j.Attrs}, nil
}
