package zonefile

import (
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Names that stand for numbers in the data of some types.

// parseAlgorithm reads a DNSSEC algorithm: its number, or its name in any case (RFC 4034 A.1 and IANA's list).
func parseAlgorithm(text []byte) (uint8, bool) {
	if n, ok := parseUint(text, 255); ok {
		return uint8(n), true
	}
	switch strings.ToUpper(string(text)) {
	case "RSAMD5":
		return dns.RSAMD5, true
	case "DH":
		return dns.DH, true
	case "DSA":
		return dns.DSA, true
	case "RSASHA1":
		return dns.RSASHA1, true
	case "DSA-NSEC3-SHA1", "NSEC3DSA":
		return dns.DSANSEC3SHA1, true
	case "RSASHA1-NSEC3-SHA1", "NSEC3RSASHA1":
		return dns.RSASHA1NSEC3SHA1, true
	case "RSASHA256":
		return dns.RSASHA256, true
	case "RSASHA512":
		return dns.RSASHA512, true
	case "ECC-GOST", "ECCGOST":
		return dns.ECCGOST, true
	case "ECDSAP256SHA256":
		return dns.ECDSAP256SHA256, true
	case "ECDSAP384SHA384":
		return dns.ECDSAP384SHA384, true
	case "ED25519":
		return dns.ED25519, true
	case "ED448":
		return dns.ED448, true
	case "INDIRECT":
		return dns.INDIRECT, true
	case "PRIVATEDNS":
		return dns.PRIVATEDNS, true
	case "PRIVATEOID":
		return dns.PRIVATEOID, true
	}
	return 0, false
}

// parseCertType reads a type of a CERT record (RFC 4398 2.1).
func parseCertType(text []byte) (uint16, bool) {
	if n, ok := parseUint(text, 65535); ok {
		return uint16(n), true
	}
	switch strings.ToUpper(string(text)) {
	case "PKIX":
		return 1, true
	case "SPKI":
		return 2, true
	case "PGP":
		return 3, true
	case "IPKIX":
		return 4, true
	case "ISPKI":
		return 5, true
	case "IPGP":
		return 6, true
	case "ACPKIX":
		return 7, true
	case "IACPKIX":
		return 8, true
	case "URI":
		return 253, true
	case "OID":
		return 254, true
	}
	return 0, false
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

// parseService reads a port of a protocol, as a number or by the names of RFC 1010's day: what WKS records have.
func parseService(text []byte) (uint16, bool) {
	if n, ok := parseUint(text, 65535); ok {
		return uint16(n), true
	}
	switch strings.ToLower(string(text)) {
	case "echo":
		return 7, true
	case "discard":
		return 9, true
	case "systat":
		return 11, true
	case "daytime":
		return 13, true
	case "netstat":
		return 15, true
	case "qotd":
		return 17, true
	case "chargen":
		return 19, true
	case "ftp-data":
		return 20, true
	case "ftp":
		return 21, true
	case "ssh":
		return 22, true
	case "telnet":
		return 23, true
	case "smtp":
		return 25, true
	case "time":
		return 37, true
	case "whois", "nicname":
		return 43, true
	case "domain":
		return 53, true
	case "tftp":
		return 69, true
	case "gopher":
		return 70, true
	case "finger":
		return 79, true
	case "http":
		return 80, true
	case "kerberos":
		return 88, true
	case "pop3":
		return 110, true
	case "sunrpc":
		return 111, true
	case "ident", "auth":
		return 113, true
	case "nntp":
		return 119, true
	case "ntp":
		return 123, true
	case "imap", "imap2":
		return 143, true
	case "snmp":
		return 161, true
	case "irc":
		return 194, true
	case "ldap":
		return 389, true
	case "https":
		return 443, true
	}
	return 0, false
}
