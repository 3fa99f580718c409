//go:build race

package integration

// raceEnabled says whether this test runs under the race detector; the binary is then built with it too.
const raceEnabled = true
