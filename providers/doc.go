// Package providers brings DNS services to hold what we serve: it projects a served zone onto what a
// provider can hold, plans the difference, guards the plan, applies it and verifies the outcome.
//
//	served zone ─► project ─► plan ─► guards ─► intent ─► apply ─► read back ─► ask its name servers
//	               what the    │        │        durable   Driver    done =      verified | verifying
//	               provider    │        │        gener-              what was    | diverged
//	               can hold    │        │        ation+1             seen
//	   Snapshot ───────────────┘        └─► blocked: nothing is written
//
// A Driver speaks to one vendor and knows nothing of the rest. MakePlan is pure. An Engine has one worker for each
// provider and zone, and no worker waits for another: a dark provider costs its own mirrors alone.
//
// # Promises
//
//   - A provider that can't be read whole is not touched. An error is never "empty", a missing zone is never "delete".
//   - The apex SOA and NS, DNSSEC records, and everything that is not ours stay as they are. An RRset is ours when the
//     zone declares it now, or when we wrote it there, have not deleted it since, and a value of ours is still in it
//     (MirrorState.Approved). What is not ours is listed in every plan. Data that stood at a declared name and type before
//     us needs leave to go (G5).
//   - An automatic change never empties an RRset and never creates a name, but where the ALIAS record of a name was pushed
//     (alias.go): its addresses come as they are known, and a family goes that its target has no more.
//   - What a provider can't hold, or holds differently, is in the plan: never silently lost, never a reason to hold up the rest.
//   - A write is made under a generation that is durable before the first call; another controller's write in between makes
//     ours fail with ErrFenced. Each change carries what was seen before it, and a Driver does nothing where that has changed.
//   - What a call returns is never believed. What is read afterwards is.
//   - The newest wish wins: one that was overtaken while it waited is never written.
//   - Killed at any point and started again, the engine ends where it would have: pending writes are settled by reading, and
//     a reading that may be older than a write never makes us forget what we wrote (MirrorState.Doubts).
//
// # Edits and health
//
// A push (or edits: auto) plans everything. Between pushes, verdicts go on being applied, on top of what was approved
// and never of what merely waits: an edit does not ride along with a withdrawal. For one RRset, with
//
//	approved  what the last push was to hold while every target lives
//	wanted    approved less what is dead (or, as long as the zone says of it what was approved, what is served: standbys
//	          and CNAME failover come in here). With an edit waiting, an approved value that is neither held nor
//	          served is not wanted: the zone has dropped it, and nobody knows whether it lives
//	applied   what we saw there last as our own work
//	held      what is there now
//
// the value v of it goes or comes so:
//
//	v in  held  wanted  applied  approved  said dead │ health plan                full plan
//	      yes   yes     any      any       -         │ stays                      stays
//	      yes   no      one of the two     -         │ goes: withdrawn            goes: withdrawn or edited
//	      yes   no      no       no        yes       │ goes: withdrawn            goes: withdrawn
//	      yes   no      no       no        no        │ stays: drift, not health's goes: drift
//	      no    yes     no       any       -         │ comes: restored, standby   comes: restored or edited
//	      no    yes     yes      any       -         │ stays away: drift          comes: drift
//	      no    no      any      any       any       │ stays away                 stays away
//
// and beside that, for the RRset as a whole: never approved, not held, or opaque: not touched by health; nothing
// would be left: not touched; a CNAME that someone else swapped: not touched. The TTL goes along when values change and all
// of them are as wanted; alone it is an edit. A provider that holds exactly what the zone says is taken as
// approved (adopted) without a push, be some of it withdrawn at that moment: it goes then.
//
// An HTTPS or SVCB record whose hints lose a dead address is another value, and no verdict speaks of it: it is served instead,
// and so goes and comes as long as the zone says of the record what was approved, but for its TTL and attributes. While an
// edit of the record itself waits, its hints stay as they are held: none that went comes back, and none goes before the push.
//
// # ALIAS
//
// What is approved of an ALIAS record is the record. Its addresses, as they change, go to providers as a withdrawal does,
// without a push and without a guard; those of a record that was edited wait for a push with it. Addresses that are not
// known yet are left as they are there. Input.Aliases says which records there are; they are never sent themselves.
//
// # Guards
//
// G1 to G7 (safety.go) count edits: withdrawals have their own floor, or an outage would trip a limit just when mirroring
// matters most. Withdrawals and restores are written first and alone: an edit that a guard, the provider or its form stands
// against holds up none, not in the same RRset either. Percentages have an absolute allowance beside them, so that they
// mean something in a zone of four records. Each is let pass singly by its id. Under edits: auto, a plan that a guard
// blocks is not applied, and the mirror goes on with health alone until someone pushes.
//
// # What is left to others
//
// When a target is dead, and what is served in its place, is decided before (healthcheck, the publisher): this package is
// told by Desired. It keeps its own state in blobs (State), printing is the program's. Apex NS, delegation at the parent and signing are not
// mirrored. A whole-zone driver (WholeZone) gets the apex SOA and NS too; its SOA follows the served serial
// together with any other change, and is no difference alone.
package providers
