// Package integration holds the tests that drive the built binary over real sockets against real peers, and those that
// hold the whole tree to its rules. Emulators of the vendors' HTTP APIs, which cannot be had here, are below it;
// they are test code, and nothing that is shipped imports them.
//
// What the tests share:
//
//	node      an installation of mangrove, its daemon and its commands   harness_test.go, reports_test.go
//	peer      another name server: what its make needs, what a test adds  peer_test.go, peer_kinds_test.go, peers_test.go
//	process   either, while it runs, and what it writes                  process_test.go
//	target    something that a record points at, and that can die        targets_test.go
//	waiting   eventually, until something is so; meanwhile, beside it    waiting_test.go
//	asking    query, exchange, dig, askAll for thousands at once          dig_test.go, differential_ask_test.go, framing_test.go
//
// No test has a port of its own, or asserts how long something takes: limits of time tell what hangs from what is slow. What a
// test starts ends with it. A test whose peer is not installed is skipped, and fails where MANGROVE_PEERS=required; whatever is
// random has a seed that is logged, and is bounded, with other bounds where MANGROVE_SOAK is set.
package integration
