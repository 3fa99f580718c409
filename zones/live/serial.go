package live

// newer says whether serial a is after b (RFC 1982 3.2). Of two that are 2^31 apart neither is.
func newer(a, b uint32) bool { return a != b && a-b < 1<<31 }

// succ returns the serial after s; 0 is skipped, for some take it to mean "none".
func succ(s uint32) uint32 {
	if s+1 == 0 {
		return 1
	}
	return s + 1
}

// slack is how far a serial that jumps with the file's stays from where it could be taken for older than the newest
// journaled one: so many more versions may follow it before that one is journaled.
const slack = 1 << 24

// next returns the serial of the version after the one with serial cur: the file's where it is newer than cur and than
// the newest journaled one (versions between may be coalesced: a secondary would go from there), with some room behind it.
func next(cur, journaled, file uint32) uint32 {
	if file != 0 && newer(file, cur) && newer(file, journaled) && newer(file+slack, cur) && newer(file+slack, journaled) {
		return file
	}
	return succ(cur)
}

// left returns how many more serials may be used after cur when all up to reserved may.
func left(cur, reserved uint32) uint32 {
	if newer(cur, reserved) {
		return 0
	}
	return reserved - cur
}
