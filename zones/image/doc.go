// Package image keeps compiled zones in files, to be mapped and served at the next start without being parsed.
//
// An image is the arena of a [zones.Zone] as it lies in memory, and a head that says what it is. It is of use in a
// process that hashes names as its maker did: see AdoptSeed.
package image
