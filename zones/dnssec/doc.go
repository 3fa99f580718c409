// Package dnssec verifies the signatures that a zone comes with: RRSIG records against the zone's own DNSKEY records (RFC 4034, RFC 4035
// 5.3), with RSA (RFC 3110, 5702), ECDSA (RFC 6605) and Ed25519 (RFC 8080). Who signs a zone and then changes a record by hand gets
// answers that resolvers refuse; Verify says which.
//
// It finds what is wrong within the zone. Whether its keys are those that the parent's DS records speak of, it cannot know;
// whether the signatures have expired depends on the time, and is told elsewhere; what the zone proves of names that do not
// exist is for zones.Check. It signs nothing.
//
// It takes as long as all the signatures: some 10,000 of ECDSA a second and core. So it is for a command that checks
// zones, not for a server that loads them.
package dnssec
