package dnssec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" // of RSASHA1
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/dns"
)

// key is a DNSKEY record.
type key struct {
	tag       uint16
	algorithm uint8
	verify    verifier // nil where err is not
	err       error
}

// verifier says whether a signature of data holds.
type verifier func(data, signature []byte) bool

// errAlgorithm says that an algorithm is not known here.
var errAlgorithm = errors.New("unknown algorithm")

// parseKey reads the RDATA of a DNSKEY record (RFC 4034 2.1); false where it is none that signs zones.
func parseKey(rdata []byte) (key, bool) {
	if len(rdata) < 4 || binary.BigEndian.Uint16(rdata)&dns.ZONE == 0 || rdata[2] != 3 {
		return key{}, false
	}
	k := key{tag: keyTag(rdata), algorithm: rdata[3]}
	k.verify, k.err = verifierOf(k.algorithm, rdata[4:])
	return k, true
}

// keyTag is that of RFC 4034 appendix B.
func keyTag(rdata []byte) uint16 {
	var sum uint32
	for i, b := range rdata {
		if i&1 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	return uint16(sum + sum>>16)
}

// verifierOf makes a verifier of a public key.
func verifierOf(algorithm uint8, public []byte) (verifier, error) {
	switch algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1:
		return rsaVerifier(public, crypto.SHA1)
	case dns.RSASHA256:
		return rsaVerifier(public, crypto.SHA256)
	case dns.RSASHA512:
		return rsaVerifier(public, crypto.SHA512)
	case dns.ECDSAP256SHA256:
		return ecdsaVerifier(public, elliptic.P256(), crypto.SHA256)
	case dns.ECDSAP384SHA384:
		return ecdsaVerifier(public, elliptic.P384(), crypto.SHA384)
	case dns.ED25519:
		if len(public) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key of %d octets, want %d", len(public), ed25519.PublicKeySize)
		}
		return func(data, signature []byte) bool { return ed25519.Verify(public, data, signature) }, nil
	}
	return nil, errAlgorithm
}

// rsaVerifier reads a key as RFC 3110 2 has it: the length of the exponent, the exponent, the modulus.
func rsaVerifier(public []byte, hash crypto.Hash) (verifier, error) {
	if len(public) < 3 {
		return nil, errors.New("key ends early")
	}
	size, rest := int(public[0]), public[1:]
	if size == 0 {
		size, rest = int(binary.BigEndian.Uint16(rest)), rest[2:]
	}
	if size == 0 || size >= len(rest) {
		return nil, errors.New("key ends early")
	}
	exponent, modulus := new(big.Int).SetBytes(rest[:size]), new(big.Int).SetBytes(rest[size:])
	if exponent.BitLen() > 31 {
		return nil, fmt.Errorf("exponent of %d bits, 31 are the most", exponent.BitLen())
	}
	if modulus.BitLen() < 1024 {
		return nil, fmt.Errorf("key of %d bits, 1024 are the least", modulus.BitLen())
	}
	k := &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
	return func(data, signature []byte) bool {
		return rsa.VerifyPKCS1v15(k, hash, sum(hash, data), signature) == nil
	}, nil
}

// ecdsaVerifier reads a point without compression (RFC 6605 4).
func ecdsaVerifier(public []byte, curve elliptic.Curve, hash crypto.Hash) (verifier, error) {
	k, err := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, public...))
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	size := len(public) / 2
	return func(data, signature []byte) bool {
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(k, sum(hash, data), r, s)
	}, nil
}

func sum(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}
