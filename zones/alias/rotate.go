package alias

const (
	// steady is how many refreshes in a row may bring other addresses before the target counts as one that rotates.
	steady = 3
	// turnsMax bounds the count, and so for how long a target that rotated is taken for one that still does.
	turnsMax = 8
)

// turn counts what a refresh brought: some targets answer with a few addresses of many, others each time, and each set would be
// a version of the zone, and a write at every provider. What is not an answer says nothing.
func (t *target) turn(next Answer, problem string) {
	switch {
	case !t.has() || !next.has():
	case !t.Equal(next):
		t.turns = min(t.turns+1, turnsMax)
	case problem == "":
		t.turns = max(t.turns-1, 0)
	}
}
