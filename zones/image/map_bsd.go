//go:build darwin || freebsd

package image

// populate is not there on these systems.
const populate = 0
