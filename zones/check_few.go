package zones

import "fmt"

// A zone that was signed wrongly is wrong at many names in one way: of each way the first few are told, and how many more there are.

// fewKind is a way to be wrong.
type fewKind uint8

const (
	fewUnsigned  fewKind = iota // no signature
	fewLone                     // a signature of nothing
	fewUnchained                // a name without its NSEC or NSEC3 record
	fewSeveral                  // several NSEC records
	fewNext                     // the next name is another one
	fewTypes                    // the types are others
	fewStray                    // an NSEC3 record of no name
	fewForeign                  // an NSEC3 record of no parameters
	fewLong                     // a TTL above that of denials
	fewOptedOut                 // an empty non-terminal that nothing is proved of
	fewUnproven                 // an NSEC or NSEC3 record of a zone without signatures
	fewKinds
)

// fewTold is how many of a kind are told.
const fewTold = 10

// fewCounts counts problems by kind.
type fewCounts [fewKinds]struct {
	n    int
	last int // in checker.out, of those that were told
}

// few is a warning of a kind that there may be many of.
func (c *checker) few(kind fewKind, n checked, typ uint16, i int, format string, args ...any) {
	k := &c.counts[kind]
	told := fewTold
	if kind == fewForeign || kind == fewLong || kind == fewUnproven {
		told = 1 // all of them or none
	}
	if k.n++; k.n <= told {
		k.last = len(c.out)
		c.add(Warning, n, typ, i, format, args...)
	}
}

// more says of each kind how many were not told.
func (c *checker) more() {
	for kind, k := range c.counts {
		told := fewTold
		if fewKind(kind) == fewForeign || fewKind(kind) == fewLong || fewKind(kind) == fewUnproven {
			told = 1
		}
		if k.n > told {
			c.out[k.last].Text += fmt.Sprintf(" (and %d more likewise)", k.n-told)
		}
	}
}
