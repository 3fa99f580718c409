package zonefile

import (
	"slices"

	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// Types that have a text form and that miekg/dns does not know by name: BIND does. The forms are those of their standards.
const (
	typeWKS    = 11  // RFC 1035 3.4.2
	typeNSAP   = 22  // RFC 1706
	typeATMA   = 34  // ATM Name System, af-dans-0152
	typeA6     = 38  // RFC 2874
	typeSINK   = 40  // draft-eastlake-kitchen-sink
	typeDSYNC  = 66  // RFC 9859
	typeHHIT   = 67  // RFC 9886
	typeBRID   = 68  // RFC 9886
	typeDOA    = 259 // draft-durand-doa-over-dns
	typeWALLET = 262 // IANA's list
)

type (
	types  []uint16
	fields []field
)

// layouts are the types that have a text form, and the fields of their data.
var layouts = [...]struct {
	of     types
	fields fields
}{
	{types{dns.TypeA}, fields{{fieldIPv4, "IPv4 address"}}},
	{types{dns.TypeAAAA}, fields{{fieldIPv6, "IPv6 address"}}},
	{types{dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeDNAME, zones.TypeALIAS, dns.TypeMD, dns.TypeMF, dns.TypeMB, dns.TypeMG,
		dns.TypeMR, dns.TypeNSAPPTR}, fields{{fieldName, "name"}}},
	{types{dns.TypeMX, dns.TypeAFSDB, dns.TypeKX, dns.TypeLP, dns.TypeRT}, fields{{fieldUint16, "preference"}, {fieldName, "name"}}},
	{types{dns.TypeTXT, dns.TypeSPF, dns.TypeNINFO, dns.TypeRESINFO, dns.TypeAVC, typeWALLET}, fields{{fieldStrings, "string"}}},
	{types{dns.TypeSRV}, fields{{fieldUint16, "priority"}, {fieldUint16, "weight"}, {fieldUint16, "port"}, {fieldName, "target"}}},
	{types{dns.TypeCAA}, fields{{fieldUint8, "flags"}, {fieldTag, "tag"}, {fieldText, "value"}}},
	{types{dns.TypeSOA}, fields{{fieldName, "primary server"}, {fieldName, "mailbox"}, {fieldUint32, "serial"}, {fieldPeriod, "refresh"},
		{fieldPeriod, "retry"}, {fieldPeriod, "expire"}, {fieldPeriod, "minimum"}}},
	{types{dns.TypeDS, dns.TypeCDS, dns.TypeDLV, dns.TypeTA}, fields{{fieldUint16, "key tag"}, {fieldAlgorithm, "algorithm"},
		{fieldUint8, "digest type"}, {fieldHex, "digest"}}},
	{types{dns.TypeDNSKEY, dns.TypeCDNSKEY, dns.TypeRKEY}, fields{{fieldUint16, "flags"}, {fieldUint8, "protocol"},
		{fieldAlgorithm, "algorithm"}, {fieldBase64, "key"}}},
	{types{dns.TypeRRSIG, dns.TypeSIG}, fields{{fieldType, "type covered"}, {fieldAlgorithm, "algorithm"}, {fieldUint8, "number of labels"},
		{fieldUint32, "original TTL"}, {fieldTime, "expiration"}, {fieldTime, "inception"}, {fieldUint16, "key tag"}, {fieldName, "signer"},
		{fieldBase64, "signature"}}},
	{types{dns.TypeNSEC}, fields{{fieldName, "next name"}, {fieldTypes, "types"}}},
	{types{dns.TypeNSEC3}, fields{{fieldUint8, "hash algorithm"}, {fieldUint8, "flags"}, {fieldUint16, "iterations"}, {fieldSalt, "salt"},
		{fieldHash, "next hash"}, {fieldMayTypes, "types"}}},
	{types{dns.TypeSVCB, dns.TypeHTTPS}, fields{{fieldUint16, "priority"}, {fieldName, "target"}, {fieldParams, "parameter"}}},
	{types{dns.TypeTLSA, dns.TypeSMIMEA}, fields{{fieldUint8, "usage"}, {fieldUint8, "selector"}, {fieldUint8, "matching type"},
		{fieldHex, "association data"}}},
	{types{dns.TypeRP, dns.TypeMINFO, dns.TypeTALINK}, fields{{fieldName, "name"}, {fieldName, "second name"}}},
	{types{dns.TypePX}, fields{{fieldUint16, "preference"}, {fieldName, "name"}, {fieldName, "second name"}}},
	{types{dns.TypeHINFO}, fields{{fieldString, "CPU"}, {fieldString, "system"}}},
	{types{dns.TypeNAPTR}, fields{{fieldUint16, "order"}, {fieldUint16, "preference"}, {fieldString, "flags"}, {fieldString, "services"},
		{fieldString, "regular expression"}, {fieldName, "replacement"}}},
	{types{dns.TypeURI}, fields{{fieldUint16, "priority"}, {fieldUint16, "weight"}, {fieldText, "target"}}},
	{types{dns.TypeNID, dns.TypeL64}, fields{{fieldUint16, "preference"}, {fieldLocator, "locator"}}},
	{types{dns.TypeL32}, fields{{fieldUint16, "preference"}, {fieldIPv4, "locator"}}},
	{types{dns.TypeX25, dns.TypeUINFO}, fields{{fieldString, "address"}}},
	{types{dns.TypeISDN}, fields{{fieldString, "address"}, {fieldMayString, "subaddress"}}},
	{types{dns.TypeGPOS}, fields{{fieldString, "longitude"}, {fieldString, "latitude"}, {fieldString, "altitude"}}},
	{types{dns.TypeUID, dns.TypeGID}, fields{{fieldUint32, "number"}}},
	{types{dns.TypeEID, dns.TypeNIMLOC}, fields{{fieldHex, "data"}}},
	{types{dns.TypeEUI48}, fields{{fieldEUI48, "address"}}},
	{types{dns.TypeEUI64}, fields{{fieldEUI64, "address"}}},
	{types{dns.TypeDHCID, dns.TypeOPENPGPKEY, typeHHIT, typeBRID}, fields{{fieldBase64, "data"}}},
	{types{dns.TypeKEY}, fields{{fieldUint16, "flags"}, {fieldUint8, "protocol"}, {fieldAlgorithm, "algorithm"}, {fieldMayBase64, "key"}}},
	{types{dns.TypeNXT}, fields{{fieldName, "next name"}, {fieldOldTypes, "types"}}},
	{types{dns.TypeNSEC3PARAM}, fields{{fieldUint8, "hash algorithm"}, {fieldUint8, "flags"}, {fieldUint16, "iterations"}, {fieldSalt, "salt"}}},
	{types{dns.TypeCSYNC}, fields{{fieldUint32, "serial"}, {fieldUint16, "flags"}, {fieldMayTypes, "types"}}},
	{types{dns.TypeSSHFP}, fields{{fieldUint8, "algorithm"}, {fieldUint8, "fingerprint type"}, {fieldHex, "fingerprint"}}},
	{types{dns.TypeCERT}, fields{{fieldCertType, "type"}, {fieldUint16, "key tag"}, {fieldAlgorithm, "algorithm"}, {fieldBase64, "certificate"}}},
	{types{dns.TypeZONEMD}, fields{{fieldUint32, "serial"}, {fieldUint8, "scheme"}, {fieldUint8, "hash"}, {fieldHex, "digest"}}},
	{types{dns.TypeAPL}, fields{{fieldPrefixes, "prefix"}}},
	{types{dns.TypeLOC}, fields{{fieldLocation, "location"}}},
	{types{dns.TypeIPSECKEY}, fields{{fieldUint8, "precedence"}, {fieldUint8, "gateway type"}, {fieldUint8, "algorithm"},
		{fieldGateway, "gateway"}, {fieldMayBase64, "key"}}},
	{types{dns.TypeAMTRELAY}, fields{{fieldUint8, "precedence"}, {fieldRelay, "relay"}}},
	{types{dns.TypeHIP}, fields{{fieldHost, "host identity"}, {fieldNames, "rendezvous server"}}},
	{types{typeWKS}, fields{{fieldIPv4, "IPv4 address"}, {fieldServices, "protocol"}}},
	{types{typeNSAP}, fields{{fieldNSAP, "address"}}},
	{types{typeATMA}, fields{{fieldATM, "address"}}},
	{types{typeA6}, fields{{fieldA6, "prefix length"}}},
	{types{typeSINK}, fields{{fieldUint8, "meaning"}, {fieldUint8, "coding"}, {fieldUint8, "subcoding"}, {fieldBase64, "data"}}},
	{types{typeDSYNC}, fields{{fieldType, "type"}, {fieldScheme, "scheme"}, {fieldUint16, "port"}, {fieldName, "target"}}},
	{types{typeDOA}, fields{{fieldUint32, "enterprise"}, {fieldUint32, "type"}, {fieldUint8, "location"}, {fieldString, "media type"},
		{fieldDashBase64, "data"}}},
}

// layoutsByType has the layouts of types up to a number; those of the few above it are looked for.
var layoutsByType = func() (t [300][]field) {
	for _, l := range layouts {
		for _, typ := range l.of {
			if int(typ) < len(t) {
				t[typ] = l.fields
			}
		}
	}
	return t
}()

// layoutOf returns the fields of a type; nil for one that has no text form.
func layoutOf(typ uint16) []field {
	if int(typ) < len(layoutsByType) {
		return layoutsByType[typ]
	}
	for _, l := range layouts {
		if slices.Contains(l.of, typ) {
			return l.fields
		}
	}
	return nil
}

// otherTypes are names of types that miekg/dns has no names for.
var otherTypes = map[string]uint16{
	"ALIAS": zones.TypeALIAS, "WKS": typeWKS, "NSAP": typeNSAP, "ATMA": typeATMA, "A6": typeA6, "SINK": typeSINK, "DSYNC": typeDSYNC,
	"HHIT": typeHHIT, "BRID": typeBRID, "DOA": typeDOA, "WALLET": typeWALLET,
}
