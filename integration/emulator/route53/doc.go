// Package route53 is a stateful and strict emulator of Amazon Route 53: the
// REST/XML API of version 2013-04-01 and the name servers that answer for it.
// It is test code; only tests and test programs import it.
//
//	s := route53.New(route53.Options{AccessKey: "AKIA…", SecretKey: "…"})
//	if err := s.Start(); err != nil { … }
//	defer s.Close()
//	id := s.AddZone("example.com", false)
//	// API at s.URL(), DNS over UDP and TCP at s.DNSAddr()
//
// # What it is made from
//
// The vendor's public documentation: Amazon Route 53 API Reference (Actions:
// ChangeResourceRecordSets, CreateHostedZone, DeleteHostedZone, GetChange,
// GetHostedZone, GetHostedZoneCount, ListHostedZones, ListHostedZonesByName,
// ListResourceRecordSets, TestDNSAnswer; Data types: AliasTarget, Change,
// ChangeBatch, ChangeInfo, ResourceRecord, ResourceRecordSet; Common errors),
// Amazon Route 53 Developer Guide ("Supported DNS record types", "DNS domain
// name format", "Quotas", "NS and SOA records that Amazon Route 53 creates for
// a public hosted zone", "Choosing a routing policy", "How Amazon Route 53
// chooses records when health checking is configured"), and AWS Signature
// Version 4 for API requests. The wording of errors follows what users of the
// service quote publicly; where nobody quotes one it is ours, in the same form.
//
// # What it promises
//
//   - Every call is authenticated: the access key is known, the signature is
//     computed anew over what arrived.
//   - A batch is all or nothing, and is judged as a whole: a DELETE of exactly
//     what is there together with a CREATE is a compare-and-swap.
//   - What the service refuses is refused: see the tables in change_test.go and
//     values_test.go. Where the documentation is silent the stricter reading
//     counts: a DELETE must repeat values as the same text, not only the same
//     data; in strings only \ooo, \" and \\ are escapes.
//   - Names are kept in lower case and shown with octal escapes (\052.example.com.).
//     Values are kept and shown as they were written.
//   - A change is PENDING until Options.Sync or Release lets it through; name
//     servers answer only what is INSYNC. Of one zone a later change never
//     overtakes an earlier one.
//   - Faults (Fail, SetDark, SetRateLimit) spoil authorized calls; DNS is
//     never touched by them.
//
// # What is not emulated
//
// Health checks (any id is taken; SetHealth says what it finds), traffic
// policies, CIDR and geoproximity routing (refused as unknown elements), where
// a client is (latency answers the first region, geolocation the default
// location), DNSSEC, reusable delegation sets, VPCs beyond the mark "private",
// comments and tags of zones, query logs, quotas of an account, the buckets of
// change throughput (PriorRequestNotComplete comes only by Fail). One DNS
// address answers for all public zones, so of several zones of one name the
// oldest is asked. AXFR is refused, as the service does.
package route53
