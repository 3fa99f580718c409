package zonefile

import (
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Names that stand for numbers in the data of some types.

var algorithms = map[string]uint8{
	"RSAMD5": dns.RSAMD5, "DH": dns.DH, "DSA": dns.DSA, "RSASHA1": dns.RSASHA1, "DSA-NSEC3-SHA1": dns.DSANSEC3SHA1,
	"NSEC3DSA": dns.DSANSEC3SHA1, "RSASHA1-NSEC3-SHA1": dns.RSASHA1NSEC3SHA1, "NSEC3RSASHA1": dns.RSASHA1NSEC3SHA1,
	"RSASHA256": dns.RSASHA256, "RSASHA512": dns.RSASHA512, "ECC-GOST": dns.ECCGOST, "ECCGOST": dns.ECCGOST,
	"ECDSAP256SHA256": dns.ECDSAP256SHA256, "ECDSAP384SHA384": dns.ECDSAP384SHA384, "ED25519": dns.ED25519, "ED448": dns.ED448,
	"INDIRECT": dns.INDIRECT, "PRIVATEDNS": dns.PRIVATEDNS, "PRIVATEOID": dns.PRIVATEOID,
}

// parseAlgorithm reads a DNSSEC algorithm: its number, or its name in any case (RFC 4034 A.1 and IANA's list).
func parseAlgorithm(text []byte) (uint8, bool) {
	if n, ok := parseUint(text, 255); ok {
		return uint8(n), true
	}
	n, ok := algorithms[strings.ToUpper(string(text))]
	return n, ok
}

var certTypes = map[string]uint16{
	"PKIX": 1, "SPKI": 2, "PGP": 3, "IPKIX": 4, "ISPKI": 5, "IPGP": 6, "ACPKIX": 7, "IACPKIX": 8, "URI": 253, "OID": 254,
}

// parseCertType reads a type of a CERT record (RFC 4398 2.1).
func parseCertType(text []byte) (uint16, bool) {
	if n, ok := parseUint(text, 65535); ok {
		return uint16(n), true
	}
	n, ok := certTypes[strings.ToUpper(string(text))]
	return n, ok
}

// parseTime reads a time of a signature: YYYYMMDDHHmmSS in UTC, or seconds since 1970 (RFC 4034 3.2). Both count modulo 2^32.
func parseTime(text []byte) (uint32, bool) {
	if len(text) != len("20060102150405") {
		n, ok := parseUint(text, 1<<32-1)
		return uint32(n), ok
	}
	t, err := time.Parse("20060102150405", string(text))
	return uint32(t.Unix()), err == nil
}

var services = map[string]uint16{
	"echo": 7, "discard": 9, "systat": 11, "daytime": 13, "netstat": 15, "qotd": 17, "chargen": 19, "ftp-data": 20, "ftp": 21,
	"ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "whois": 43, "nicname": 43, "domain": 53, "tftp": 69, "gopher": 70,
	"finger": 79, "http": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "ident": 113, "auth": 113, "nntp": 119, "ntp": 123,
	"imap": 143, "imap2": 143, "snmp": 161, "irc": 194, "ldap": 389, "https": 443,
}

// parseService reads a port of a protocol, as a number or by the names of RFC 1010's day: what WKS records have.
func parseService(text []byte) (uint16, bool) {
	if n, ok := parseUint(text, 65535); ok {
		return uint16(n), true
	}
	n, ok := services[strings.ToLower(string(text))]
	return n, ok
}
