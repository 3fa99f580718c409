// Package healthcheck finds out which targets of a zone's records are alive, and what the zone should say then.
//
// It has two halves that meet in nothing but a Key and a Verdict:
//
//	loaded zone + rules ─ Targets ─► Set ─► Monitor: probe ─► damper ─► Verdict ─┐
//	             └────────────────────────────────────────────► Withdraw ◄──────┘─► changes, decisions
//
// The Monitor is the half that lives: it probes every Watch on time, damps the results into a Verdict, and tells of each
// Transition. The Overlay is the half that is pure: a loaded zone, rules and verdicts in, changes to the zone and the reason
// for each out. Neither publishes anything; cmd/mangrove/publish.go joins them.
//
// # What it promises
//
//   - No RRset is ever emptied. Below the floor of its rule all records are served: it fails open, and says so.
//   - Unknown never withdraws. A new target, a start, a reload, a vantage without a network: what was, stays.
//   - A failure of our own is no vote (ErrAbstain). It changes no verdict, and is counted where it can be seen.
//   - What to probe comes from the loaded zone. Taken from the served one, a withdrawn record could never return.
//   - Every verdict and every record left out carries its reason in words, from the system call to the plan.
//   - Nothing in a zone that comes signed changes, and elsewhere no RRset with signatures: they would not cover what is left.
//   - A key is probed once, however many records and zones it counts in.
//
// # A probe
//
// A probe is what a client would see that comes for the first time: a fresh connection to the record's address, TLS
// with the certificate verified for the owner's name, one HTTP/1.1 request (RFC 9112), no proxy from the environment, no
// redirect followed, a bounded read. Names are resolved only for the named targets of CNAMEs, by a Resolver passed in.
//
// # From results to verdicts
//
//	           first answer          Fall.Count degraded in a row
//	┌─────────┐ ───────────► ┌──────┐ ───────────────────────────► ┌──────────┐
//	│ unknown │              │  up  │                              │ degraded │
//	└─────────┘              └──────┘ ◄─────────────────────────── └──────────┘
//	     │                    │    ▲    Rise clean, then HoldDown     │    ▲
//	     │ Fall          Fall │    │ Rise answers,              Fall │    │ as from down to up,
//	     ▼                    ▼    │ then HoldDown                   ▼    │ the last answer degraded
//	┌────────────────────────────────────────────────────────────────────────┐
//	│ down                                                                   │
//	└────────────────────────────────────────────────────────────────────────┘
//
// To worse takes Fall; to better takes Rise and then HoldDown, during which one bad result starts it anew: a target that
// loses part of its traffic does not come back. A target that has changed Flap.Max times within Flap.Window is held longer,
// HoldDown doubled as often as it takes; it is never withdrawn later for that. The last step of a return is always a probe
// that has just answered, made at the very moment the hold ends.
//
// Probes come every FastInterval while a streak builds, so that a verdict costs little time, and every Interval or
// DownInterval while nothing happens. Jitter only ever shortens a delay: Budget is a promise.
//
// # Time
//
// Intervals, holds and flap windows count by the monotonic clock, which never jumps; the wall clock is for people. A
// probe during which the two drift apart is an abstention: a clock that was set, or a machine that slept.
//
// # What it leaves to others
//
// Quorum over several vantages comes between damper and Verdict: each vantage's damped view becomes a vote. Pools, weights
// and slow start are other ways of picking in Withdraw. Drain, maintenance and forced states are an override that wraps the
// function from Key to Verdict which Withdraw takes. The gate against correlated mass failure stands between the Monitor's
// transitions and the caller's publication. None of them changes the direction of the flow.
package healthcheck
