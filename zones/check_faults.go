package zones

import "fmt"

// A zone that was signed wrongly is wrong at many names in one way: of each way the first are told, with how many more there are.

// fault is a way to be wrong at many names.
type fault uint8

const (
	faultUnsigned  fault = iota // no signature
	faultLone                   // a signature of nothing
	faultUnchained              // a name without its NSEC or NSEC3 record
	faultSeveral                // several NSEC records
	faultNext                   // the next name is another one
	faultTypes                  // the types are others
	faultStray                  // an NSEC3 record of no name
	faultForeign                // an NSEC3 record of no parameters
	faultLong                   // a TTL above that of denials
	faultOptedOut               // an empty non-terminal that nothing is proved of
	faultUnproven               // an NSEC or NSEC3 record of a zone without signatures
	faults
)

// faultsTold is how many warnings of a fault there are at most, but for those that as a rule all records have or none.
const faultsTold = 10

// told is how many warnings of f there are at most.
func (f fault) told() int {
	switch f {
	case faultForeign, faultLong, faultUnproven:
		return 1
	}
	return faultsTold
}

// faultCounts counts warnings by fault.
type faultCounts [faults]struct {
	n    int
	last int // in checker.out, of those that were told
}

// warn adds a warning of a fault, as add does, unless enough of that fault were told.
func (c *checker) warn(f fault, n checked, typ uint16, i int, format string, args ...any) {
	count := &c.counts[f]
	if count.n++; count.n <= f.told() {
		count.last = len(c.out)
		c.add(Warning, n, typ, i, format, args...)
	}
}

// untold says of each fault how many warnings there would be more.
func (c *checker) untold() {
	for f, count := range c.counts {
		if more := count.n - fault(f).told(); more > 0 {
			c.out[count.last].Text += fmt.Sprintf(" (and %d more likewise)", more)
		}
	}
}
