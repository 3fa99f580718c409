// Package cloudflare is a stateful, strict emulator of the DNS part of Cloudflare's API v4,
// and of the name servers behind it: an http.Handler and a DNS responder over one set of
// zones. Tests and test programs import it; the server and the program never do.
//
//	      HTTP                                  DNS (UDP, TCP)
//	       │                                         │
//	log, faults, dark ──► auth, rate limit ──► routes│
//	                                             │   │
//	                    build (validate, normalise)  │
//	                                             │   │
//	                 zone.records ──commit──► zone.published ──► answers
//	                                (at once, by Propagate, or after a number of queries)
//
// It refuses what the vendor refuses, with the vendor's status, code and message where they
// are published, and normalises as the vendor does: names in lower case and punycode, without
// the final dot; a name that is not within the zone gets the zone's name appended; IPv6 in
// RFC 5952 form; TXT quoted and split at 255 octets; content computed from data where a type
// has data; TLSA certificates in upper case; TTL 1 for what is proxied. One batch is one
// transaction, in the order deletes, patches, puts, posts.
//
// # Sources
//
// Pages of developers.cloudflare.com: "DNS record types", "Record attributes", "Batch record
// changes", "Records with the same name", "NS records already exist", "Time to Live", "Proxy
// status", "CNAME flattening", "Wildcard DNS records", "Rate limits", "Introducing new headers
// for rate limiting" (changelog 2025-09-03), "API deprecations" (the error_chain of DNS
// validation errors, gone since 2024-10-01; Options.ErrorChain brings it back), and the API
// reference of zones, user tokens and dns/records with its field descriptions. Error codes
// that these do not name are from answers quoted in public issue threads: 1046, 6003, 6007,
// 7003, 9000, 9003, 9004, 9005, 9015, 9021, 9041, 9101, 9109, 9300, 10000, 81044, 81053,
// 81054, 81056, 81058, 83011.
//
// # Assumed
//
// No published source was found for these, so do not lean on them: the codes 1003, 9002, 9006
// to 9010, 9039, 9102, 9301, 10405, 10429, 81055 and 81045 as used here; the code and message
// of a batch over its limit; the form of LOC content; that the fields of NAPTR data are literal
// (not escaped) strings; that targets come back in lower case; that a data object is replaced
// whole by PATCH; what DNS answers where a CNAME stands beside other types.
//
// # Not emulated
//
// Zone creation and settings, DNSSEC (answers are unsigned), import and scan of records,
// secondary zones, load balancers, Workers and Spectrum records, the HTTPS records made on the
// fly for proxied names, private routing, the limit of requests per second and address, tag
// filters of the list, and the refusal of Cloudflare's own addresses as content. Apex NS
// records may be stored and are not answered, as on a zone without multi-provider DNS.
package cloudflare
