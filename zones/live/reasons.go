package live

import (
	"fmt"
	"slices"
)

// maxReasons bounds how many reasons one journal entry has.
const maxReasons = 64

// reasons collects why a zone changed while its versions wait for the journal: each once, in order, and not without end.
type reasons struct {
	texts []string
	more  int // not kept
}

func (r *reasons) add(texts ...string) {
	for _, t := range texts {
		switch {
		case slices.Contains(r.texts, t):
		case len(r.texts) < maxReasons:
			r.texts = append(r.texts, t)
		default:
			r.more++
		}
	}
}

// list returns the reasons, which are not to be changed.
func (r *reasons) list() []string {
	out := slices.Clip(r.texts)
	if r.more > 0 {
		out = append(out, fmt.Sprintf("and %d more", r.more))
	}
	return out
}

// before puts the reasons of earlier versions in front of r's.
func (r *reasons) before(earlier reasons) {
	later := *r
	*r = reasons{slices.Clone(earlier.texts), earlier.more + later.more}
	r.add(later.texts...)
}
