// Package zonemd digests zones as RFC 8976 says: it verifies the ZONEMD records that a zone comes with, and makes new ones.
//
// A digest is over all records of the zone in canonical order and form (RFC 4034 6, RFC 6840 5.1), with their TTLs: glue,
// occluded names and signatures too; left out are the ZONEMD records of the apex and the signatures that cover them. Scheme
// SIMPLE (1) is the one there is; hashes are SHA-384 (1) and SHA-512 (2).
//
// What Verify promises: a zone passes when one of its records is for the zone's serial, of a scheme and hash that are known, of no
// pair that stands twice, and has the right digest. It fails when there are such records and none is right. Where there are none of them
// nothing is proven, and Verify says so. It looks at no signature: that ZONEMD is the signer's is for a validator to find.
//
// Cost: one pass over the zone, in the order in which it lies in memory; the records of one name are sorted aside.
package zonemd
