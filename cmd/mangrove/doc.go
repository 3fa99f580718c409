// Command mangrove is an authoritative DNS server that mirrors its zones to other DNS services and withdraws the records
// of dead targets everywhere.
//
// The program is a table of commands (main.go), one file a command, and one file each for what they share:
//
//	config.go    what mangrove.yaml and NAME.yaml look like: the only place that knows
//	rules.go     what they mean: rules, and what is wrong with them
//	sources.go   files -> loaded zones, the last good version of each
//	start.go     the start: which zones are taken from the store, which are read; recipe.go is what is kept for that
//	verify.go    behind the start: what was taken from the store is held against its files; keep.go keeps what is new
//	reload.go    when which files are read: as they change, on SIGHUP; progress.go tells how far that is
//	aside_*.go   work that answers must not wait for: threads of low priority; memory.go gives back what it leaves
//	publish.go   loaded zones + verdicts -> what is served: the joint of everything
//	alias*.go    ALIAS records: loaded zones with addresses in their place, new addresses as they are heard; check, status
//	expiry.go    zones that come signed: signatures that expire; unsigned.go tells of those that come unsigned now
//	cookies.go   cookie secrets: those of mangrove.yaml, or one of our own; ratelimit.go is what a network may get
//	drivers.go   accounts -> drivers, zones -> mirrors; discreet.go keeps their secrets out of errors
//	app.go       all of it held together, without sockets and loops
//	serve.go     the sockets and loops: what starts when, what stops when
//	open.go      who does what a command asks for: the daemon, or the machinery opened here
//	control.go   the socket over which commands reach a running serve
//	report.go    what commands ask for and get: JSON.md is its contract
//	zone*.go     zone fmt, show, diff, history, rollback, zonemd: a zone's file, and what was served of it
//	print.go     all printing; replacefile.go writes files that others read
//
// Data flow one way:
//
//	files ─ sources.go ─► source{zone, rules} ─┐
//	                                           ├─ publish.go ─► live ─► resolver (answers at once)
//	healthcheck.Monitor ─► transitions ────────┘                  └─ journaled ─► providers.Engine
//	        ▲                                  │
//	        └───────── watches, from loaded ───┘
//
// A source with ALIAS records counts as loaded with addresses in their place (source.loaded); others make another source of the
// same files, published as a verdict is.
//
// One lock (app.mu) orders every change of what is served. Answers take no part in it: they load a pointer. Reading files,
// comparing zones, probing, journaling and talking to providers happen outside of it, so that a verdict never waits for another
// zone's edit: publishSources decides under the verdicts of a moment, prepares that, and heeds the newest ones when it swaps.
//
// Two programs can work on one data directory: serve, and a command. The store's lock makes sure that only one has it, and
// a command that finds serve running asks it over the control socket; operator (control.go) is what both can do.
package main
