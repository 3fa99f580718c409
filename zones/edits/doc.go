// Package edits remembers how the loaded zones changed: what the operator edited, and nothing of what health withdrew. The journal
// of the store is about what was served; a file can only be brought back to what it said with this.
//
// For each zone that was ever edited there is one file in the log's directory, to which each edit is appended: when the files were
// read, the changes, and the content hashes before and after. Nothing is written for zones that never change.
//
// Promises:
//
//   - Back returns exactly what was loaded at a moment, or ErrGap: every step is held to its hashes.
//   - A log is bounded (Options): the oldest edits go, and one that is too large leaves a gap.
//   - An append that was cut short by a crash costs that edit alone: it is found by its checksum, and the gap by the hashes.
//
// It leaves to others which versions count as loaded. Moments are those of the clock: where it was set back between two edits, Back
// may take one for the other's time.
package edits
