package zonefile

import (
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

// layouts of the common types.
var (
	layoutA    = []field{{fieldIPv4, "IPv4 address"}}
	layoutAAAA = []field{{fieldIPv6, "IPv6 address"}}
	layoutName = []field{{fieldName, "name"}}
	layoutMX   = []field{{fieldUint16, "preference"}, {fieldName, "name"}}
	layoutSRV  = []field{{fieldUint16, "priority"}, {fieldUint16, "weight"}, {fieldUint16, "port"}, {fieldName, "target"}}
	layoutTXT  = []field{{fieldStrings, "string"}}
	layoutCAA  = []field{{fieldUint8, "flags"}, {fieldTag, "tag"}, {fieldText, "value"}}
	layoutSOA  = []field{{fieldName, "primary server"}, {fieldName, "mailbox"}, {fieldUint32, "serial"}, {fieldPeriod, "refresh"},
		{fieldPeriod, "retry"}, {fieldPeriod, "expire"}, {fieldPeriod, "minimum"}}
)

// layouts of rarer types.
var (
	layoutTwoNames = []field{{fieldName, "name"}, {fieldName, "second name"}}
	layoutPX       = []field{{fieldUint16, "preference"}, {fieldName, "name"}, {fieldName, "second name"}}
	layoutHINFO    = []field{{fieldString, "CPU"}, {fieldString, "system"}}
	layoutNAPTR    = []field{{fieldUint16, "order"}, {fieldUint16, "preference"}, {fieldString, "flags"}, {fieldString, "services"},
		{fieldString, "regular expression"}, {fieldName, "replacement"}}
	layoutURI     = []field{{fieldUint16, "priority"}, {fieldUint16, "weight"}, {fieldText, "target"}}
	layoutLocator = []field{{fieldUint16, "preference"}, {fieldLocator, "locator"}}
	layoutL32     = []field{{fieldUint16, "preference"}, {fieldIPv4, "locator"}}
	layoutX25     = []field{{fieldString, "address"}}
	layoutISDN    = []field{{fieldString, "address"}, {fieldMayString, "subaddress"}}
	layoutGPOS    = []field{{fieldString, "longitude"}, {fieldString, "latitude"}, {fieldString, "altitude"}}
	layoutNumber  = []field{{fieldUint32, "number"}}
	layoutHex     = []field{{fieldHex, "data"}}
	layoutEUI48   = []field{{fieldEUI48, "address"}}
	layoutEUI64   = []field{{fieldEUI64, "address"}}
	layoutBase64  = []field{{fieldBase64, "data"}}
	layoutDS      = []field{{fieldUint16, "key tag"}, {fieldAlgorithm, "algorithm"}, {fieldUint8, "digest type"}, {fieldHex, "digest"}}
	layoutKey     = []field{{fieldUint16, "flags"}, {fieldUint8, "protocol"}, {fieldAlgorithm, "algorithm"}, {fieldBase64, "key"}}
	layoutOldKey  = []field{{fieldUint16, "flags"}, {fieldUint8, "protocol"}, {fieldAlgorithm, "algorithm"}, {fieldMayBase64, "key"}}
	layoutSig     = []field{{fieldType, "type covered"}, {fieldAlgorithm, "algorithm"}, {fieldUint8, "number of labels"}, {fieldUint32, "original TTL"},
		{fieldTime, "expiration"}, {fieldTime, "inception"}, {fieldUint16, "key tag"}, {fieldName, "signer"}, {fieldBase64, "signature"}}
	layoutNSEC  = []field{{fieldName, "next name"}, {fieldTypes, "types"}}
	layoutNXT   = []field{{fieldName, "next name"}, {fieldOldTypes, "types"}}
	layoutNSEC3 = []field{{fieldUint8, "hash algorithm"}, {fieldUint8, "flags"}, {fieldUint16, "iterations"}, {fieldSalt, "salt"}, {fieldHash, "next hash"},
		{fieldMayTypes, "types"}}
	layoutNSEC3PARAM = []field{{fieldUint8, "hash algorithm"}, {fieldUint8, "flags"}, {fieldUint16, "iterations"}, {fieldSalt, "salt"}}
	layoutCSYNC      = []field{{fieldUint32, "serial"}, {fieldUint16, "flags"}, {fieldMayTypes, "types"}}
	layoutSSHFP      = []field{{fieldUint8, "algorithm"}, {fieldUint8, "fingerprint type"}, {fieldHex, "fingerprint"}}
	layoutTLSA       = []field{{fieldUint8, "usage"}, {fieldUint8, "selector"}, {fieldUint8, "matching type"}, {fieldHex, "association data"}}
	layoutCERT       = []field{{fieldCertType, "type"}, {fieldUint16, "key tag"}, {fieldAlgorithm, "algorithm"}, {fieldBase64, "certificate"}}
	layoutZONEMD     = []field{{fieldUint32, "serial"}, {fieldUint8, "scheme"}, {fieldUint8, "hash"}, {fieldHex, "digest"}}
	layoutSVCB       = []field{{fieldUint16, "priority"}, {fieldName, "target"}, {fieldParams, "parameter"}}
	layoutAPL        = []field{{fieldPrefixes, "prefix"}}
	layoutLOC        = []field{{fieldLocation, "location"}}
	layoutIPSECKEY   = []field{{fieldUint8, "precedence"}, {fieldUint8, "gateway type"}, {fieldUint8, "algorithm"}, {fieldGateway, "gateway"}, {fieldMayBase64, "key"}}
	layoutAMTRELAY   = []field{{fieldUint8, "precedence"}, {fieldRelay, "relay"}}
	layoutHIP        = []field{{fieldHost, "host identity"}, {fieldNames, "rendezvous server"}}
	layoutWKS        = []field{{fieldIPv4, "IPv4 address"}, {fieldServices, "protocol"}}
	layoutNSAP       = []field{{fieldNSAP, "address"}}
	layoutATMA       = []field{{fieldATM, "address"}}
	layoutA6         = []field{{fieldA6, "prefix length"}}
	layoutSINK       = []field{{fieldUint8, "meaning"}, {fieldUint8, "coding"}, {fieldUint8, "subcoding"}, {fieldBase64, "data"}}
	layoutDSYNC      = []field{{fieldType, "type"}, {fieldScheme, "scheme"}, {fieldUint16, "port"}, {fieldName, "target"}}
	layoutDOA        = []field{{fieldUint32, "enterprise"}, {fieldUint32, "type"}, {fieldUint8, "location"}, {fieldString, "media type"}, {fieldDashBase64, "data"}}
)

// layoutOf returns the fields of a type; nil for one that has no text form.
func layoutOf(typ uint16) []field {
	switch typ {
	case dns.TypeA:
		return layoutA
	case dns.TypeAAAA:
		return layoutAAAA
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeDNAME, zones.TypeALIAS:
		return layoutName
	case dns.TypeMX:
		return layoutMX
	case dns.TypeTXT, dns.TypeSPF:
		return layoutTXT
	case dns.TypeSRV:
		return layoutSRV
	case dns.TypeCAA:
		return layoutCAA
	case dns.TypeSOA:
		return layoutSOA
	case dns.TypeDS, dns.TypeCDS, dns.TypeDLV, dns.TypeTA:
		return layoutDS
	case dns.TypeDNSKEY, dns.TypeCDNSKEY, dns.TypeRKEY:
		return layoutKey
	case dns.TypeRRSIG, dns.TypeSIG:
		return layoutSig
	case dns.TypeNSEC:
		return layoutNSEC
	case dns.TypeNSEC3:
		return layoutNSEC3
	case dns.TypeSVCB, dns.TypeHTTPS:
		return layoutSVCB
	case dns.TypeTLSA, dns.TypeSMIMEA:
		return layoutTLSA
	}
	return rareLayout(typ)
}

func rareLayout(typ uint16) []field {
	switch typ {
	case dns.TypeMD, dns.TypeMF, dns.TypeMB, dns.TypeMG, dns.TypeMR, dns.TypeNSAPPTR:
		return layoutName
	case dns.TypeAFSDB, dns.TypeKX, dns.TypeLP, dns.TypeRT:
		return layoutMX
	case dns.TypeRP, dns.TypeMINFO, dns.TypeTALINK:
		return layoutTwoNames
	case dns.TypePX:
		return layoutPX
	case dns.TypeHINFO:
		return layoutHINFO
	case dns.TypeNAPTR:
		return layoutNAPTR
	case dns.TypeURI:
		return layoutURI
	case dns.TypeNID, dns.TypeL64:
		return layoutLocator
	case dns.TypeL32:
		return layoutL32
	case dns.TypeNINFO, dns.TypeRESINFO, dns.TypeAVC, typeWALLET:
		return layoutTXT
	case dns.TypeX25, dns.TypeUINFO:
		return layoutX25
	case dns.TypeISDN:
		return layoutISDN
	case dns.TypeGPOS:
		return layoutGPOS
	case dns.TypeUID, dns.TypeGID:
		return layoutNumber
	case dns.TypeEID, dns.TypeNIMLOC:
		return layoutHex
	case dns.TypeEUI48:
		return layoutEUI48
	case dns.TypeEUI64:
		return layoutEUI64
	case dns.TypeDHCID, dns.TypeOPENPGPKEY, typeHHIT, typeBRID:
		return layoutBase64
	}
	return securityLayout(typ)
}

func securityLayout(typ uint16) []field {
	switch typ {
	case dns.TypeKEY:
		return layoutOldKey
	case dns.TypeNXT:
		return layoutNXT
	case dns.TypeNSEC3PARAM:
		return layoutNSEC3PARAM
	case dns.TypeCSYNC:
		return layoutCSYNC
	case dns.TypeSSHFP:
		return layoutSSHFP
	case dns.TypeCERT:
		return layoutCERT
	case dns.TypeZONEMD:
		return layoutZONEMD
	case dns.TypeAPL:
		return layoutAPL
	case dns.TypeLOC:
		return layoutLOC
	case dns.TypeIPSECKEY:
		return layoutIPSECKEY
	case dns.TypeAMTRELAY:
		return layoutAMTRELAY
	case dns.TypeHIP:
		return layoutHIP
	case typeWKS:
		return layoutWKS
	case typeNSAP:
		return layoutNSAP
	case typeATMA:
		return layoutATMA
	case typeA6:
		return layoutA6
	case typeSINK:
		return layoutSINK
	case typeDSYNC:
		return layoutDSYNC
	case typeDOA:
		return layoutDOA
	}
	return nil
}

// otherTypes are names of types that miekg/dns has no names for.
func otherType(name string) (uint16, bool) {
	switch name {
	case "ALIAS":
		return zones.TypeALIAS, true
	case "WKS":
		return typeWKS, true
	case "NSAP":
		return typeNSAP, true
	case "ATMA":
		return typeATMA, true
	case "A6":
		return typeA6, true
	case "SINK":
		return typeSINK, true
	case "DSYNC":
		return typeDSYNC, true
	case "HHIT":
		return typeHHIT, true
	case "BRID":
		return typeBRID, true
	case "DOA":
		return typeDOA, true
	case "WALLET":
		return typeWALLET, true
	}
	return 0, false
}
