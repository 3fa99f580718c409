// Package route53 is the driver of Amazon Route 53.
//
//	providers.Change{Old, New}
//	       │  a unit: one RRset, or all changes of a name that a CNAME comes to or leaves
//	       ▼
//	DELETE exactly what the snapshot read  ┐
//	CREATE what is wanted                  ┴─► ChangeBatch: all or nothing ─► done
//	                                              │ refused
//	                                              ▼
//	                           read the zone once more: holds New ─► done
//	                                                    holds Old ─► try again; halve until one is left
//	                                                    neither   ─► ErrConflict
//
// # Promises
//
// Compare-and-swap: a DELETE that does not name the set letter by letter as it is makes Route
// 53 refuse the whole batch. So every change is the pair above, never an UPSERT, which would
// overwrite whatever there is. No RRset passes through having no records, and no change is
// split over two calls. What is not an ordinary RRset (alias, weighted, latency, geolocation,
// failover, multivalue and other sets with an identifier, sets with a health check of Route
// 53's, types and values that we cannot read) is listed as foreign and never touched. SOA and
// NS at the apex are Route 53's and never touched. An answer that is cut short, or no answer of
// Route 53 at all, is an error: a hosted zone that is listed without SOA was not listed whole.
//
// Calls of one account keep within ten a second and fifty at once, a fifth of which is for
// changes that a verdict made; these go out first and in batches of their own. Each call has a
// deadline. Calls that read are repeated by the SDK; a change never is, since only a reading
// can say what became of it.
//
// # What is libdns, and what is not
//
// The configuration is that of libdns/route53 (its Provider struct), with the same meaning,
// and options for what it has no field for: a role, the hosted zones of several zones, an
// endpoint. Its methods are not called. GetRecords shows nothing of an alias set and merges the
// weighted sets of a name; it does not read \052 as an asterisk, so that a wildcard is written
// again at each run; SetRecords and DeleteRecords overwrite without comparing, one call an RRset, in
// random order, listing the zone for each deletion; a mistake of the configuration ends the
// process. New loads the same configuration and returns the mistake.
//
// WaitForRoute53Sync makes Apply wait until GetChange says INSYNC, for all its batches
// together, up to Route53MaxWait. It is off unless asked for: it takes half a minute or more,
// in which a withdrawal would wait behind an edit, and the engine asks the zone's name servers in any case.
//
// # Form of values
//
// Route 53 writes octets as \ooo in octal, in owner names (\052.example.com.), names in values
// and quoted strings; RFC 1035 and miekg/dns write decimal. Values are translated both ways
// token by token and compared in wire form, with the boundaries of TXT strings kept.
//
// Types: A AAAA CAA CNAME DS HTTPS MX NAPTR NS PTR SPF SRV SSHFP SVCB TLSA TXT. There is no
// LOC, URI, CERT, DNAME, OPENPGPKEY or anything else. Limits: 400 values an RRset, 4000
// characters a value as it is written, and, since a change deletes and creates in one batch of
// at most 32,000 characters, 16,000 characters an RRset. TTLs reach from 0 to 2147483647.
//
// Sources: the Amazon Route 53 API Reference (ChangeResourceRecordSets, ListResourceRecordSets,
// ListHostedZonesByName, GetHostedZone, GetChange, common errors) and Developer Guide
// (supported DNS record types, DNS domain name format, quotas).
package route53
