// Package integration holds the tests that drive the built binary over real sockets against real peers, and those that
// hold the whole tree to its rules. Emulators of the vendors' HTTP APIs, which cannot be had here, are below it;
// they are test code, and nothing that is shipped imports them.
package integration
