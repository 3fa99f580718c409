//go:build !linux

package main

// aside runs f. Threads have no priority of their own here: the scheduler decides.
func aside(f func()) { f() }
