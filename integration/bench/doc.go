// Bench measures Mangrove beside the authoritative servers that Debian has as packages, and writes docs/performance.md:
// tables, plots, and the samples behind them as JSON. `make bench-peers` runs it.
//
//	data.go       datasets (zones) and workloads (questions with what they must be answered)
//	names.go, records.go, root.go, change.go   the generators: the same bytes on every run, but for signatures
//	servers.go, peers.go   how each server is configured and started
//	process_linux.go       a running server: CPU time, memory, start and end
//	check.go      a sample of the questions, each answer compared whole with the truth of the generator
//	mmsg_linux.go, load_linux.go, conns_linux.go   the load generator
//	floor.go      responders that answer nothing but one fixed record: what the kernel alone costs
//	campaign_linux.go, scenes_linux.go, reload_linux.go, flip_linux.go   what is measured, in which order
//	result.go, stats.go    samples, medians, paired ratios
//	page.go, tables.go, goals.go, svg.go, plots.go   the page
//
// # How it measures
//
// A server with one worker is bound to CPU 0, this program to CPU 1. All servers of a dataset run at the same time, idle but
// for the one that is measured, so that a round asks each of them, in shuffled order, within seconds. What
// is compared are ratios of one round, and of those the median: a machine that is slower for a minute is slower for all.
// The servers are started afresh several times within a campaign, since a start decides where memory lies.
//
// CPU time is that of all the server's processes by their CPU clocks (nanoseconds, dead threads included), divided by
// the answers. A measurement during which anything else on the machine used more than a tenth of a CPU is made again, twice at most;
// of its tries the least disturbed one counts.
//
// Every answer's RCODE and number of records are compared with what the generator knows; one wrong answer takes the server
// out of that workload. Before that, a sample of the questions is asked one by one and the answers are compared whole.
//
// # What it leaves to others
//
// On loopback the sender's CPU does the receiver's work in IP and UDP, so all servers pay the same for a datagram; what a network
// card would cost is not here. Answers' correctness is the business of the tests; here it is a condition.
package main
