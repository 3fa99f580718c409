// Package providertest holds what a provider's driver is tested with: Run, the conformance suite that every driver must
// pass against the real thing or an emulator of it; Tricky, a zone of every record type and awkward value; and Fake, a
// driver in memory whose faults are set by the test: errors before and after the fact, hangs, stale reads, parts. StartPeer runs
// the real thing where that is a program.
//
// Fake is strict where a provider would be lenient: a caller that breaks the contract of providers.Driver gets a panic.
package providertest
