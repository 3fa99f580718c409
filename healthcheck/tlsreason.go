package healthcheck

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// tlsReason puts the failure of a TLS handshake into words that say what to do about it.
func (p *Prober) tlsReason(err error, host string, timeout time.Duration) error {
	var (
		verify    *tls.CertificateVerificationError
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
		alert     *net.OpError
		noRoots   x509.SystemRootsError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return p.validity(invalid.Cert)
	case errors.As(err, &hostname):
		return fmt.Errorf("the certificate is for %s, not for %s", subjects(hostname.Certificate), host)
	case errors.As(err, &authority):
		return errors.New("the certificate is signed by an unknown authority")
	case errors.As(err, &noRoots):
		return fmt.Errorf("%w: no root certificates on this machine: %w", ErrAbstain, err)
	case errors.As(err, &verify):
		return fmt.Errorf("certificate: %s", strings.TrimPrefix(verify.Err.Error(), "x509: "))
	case errors.As(err, &record):
		return errors.New("no TLS: the answer to the handshake is something else")
	case errors.As(err, &alert) && alert.Op == "remote error":
		return fmt.Errorf("the target refused the TLS handshake: %s", strings.TrimPrefix(alert.Err.Error(), "tls: "))
	}
	return explain(plain(err), "in the TLS handshake", timeout)
}

// validity says in which direction a certificate is out of date. One from the future is a failure too, clients refuse
// it, but it may be our clock that is wrong, so the reason tells its time.
func (p *Prober) validity(cert *x509.Certificate) error {
	now := p.now()
	if now.Before(cert.NotBefore) {
		return fmt.Errorf("the certificate is not valid before %s (it is %s here)",
			cert.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("certificate expired %s ago", words(now.Sub(cert.NotAfter).Truncate(time.Second)))
}

// subjects names what a certificate is for, no more than a line of it.
func subjects(cert *x509.Certificate) string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > 3:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
