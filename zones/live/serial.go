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

// next returns the serial of the version after the one with serial cur: the file's where it is newer than cur and than
// the newest journaled one (versions between may be coalesced: a secondary would go from there), with a block
// to reserve behind it.
func next(cur, journaled, file, block uint32) uint32 {
	if file != 0 && newer(file, cur) && newer(file+block, cur) && newer(file+block, journaled) {
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
