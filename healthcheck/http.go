package healthcheck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxHeader = 64 << 10 // octets of status line and header, interim responses included
	maxBody   = 64 << 10 // octets of the body that expect_body is looked for in
	maxHints  = 8        // interim responses (1xx) before the final one
	userAgent = "mangrove-healthcheck"
)

// http sends one request over conn and judges the answer. It speaks HTTP/1.1 by itself rather than through
// http.Transport, so that a reason can name what was being waited for, and so that there is no connection pool, no
// proxy, no redirect and no retry to be switched off.
func (p *Prober) http(ctx context.Context, conn net.Conn, w Watch) error {
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("%w: %w", ErrAbstain, err)
	}
	var left time.Duration // of the certificate
	if w.Check.Type == HTTPS {
		secure, err := p.handshake(ctx, conn, w)
		if err != nil {
			return err
		}
		cert := secure.ConnectionState().PeerCertificates[0]
		left = cert.NotAfter.Sub(p.now())
		conn = secure
	}
	req, err := request(w)
	if err != nil {
		return fmt.Errorf("%w: request: %w", ErrAbstain, err)
	}
	if err := req.Write(conn); err != nil {
		return explain(plain(err), "sending the request", w.Check.Timeout)
	}
	if err := judge(conn, req, w.Check); err != nil {
		return err
	}
	if days := w.Check.CertMinDays; days > 0 && left < time.Duration(days)*24*time.Hour {
		return degraded(fmt.Sprintf("the certificate expires in %s, cert_min_days is %d", words(left), days))
	}
	return nil
}

// request returns what is asked.
func request(w Watch) (*http.Request, error) {
	u, err := url.ParseRequestURI(w.Check.path())
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = string(w.Check.Type), w.Host
	if _, _, err := net.SplitHostPort(w.Host); err != nil && w.Check.Port != 0 &&
		w.Check.Port != (Check{Type: w.Check.Type}).port() {
		u.Host = net.JoinHostPort(w.Host, strconv.Itoa(int(w.Check.Port)))
	}
	req := &http.Request{Method: w.Check.method(), URL: u, Host: u.Host, Header: http.Header{}, Close: true,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "*/*")
	for _, h := range w.Check.Headers {
		req.Header.Del(h.Name) // ours yield
	}
	for _, h := range w.Check.Headers {
		req.Header.Add(h.Name, h.Value)
	}
	return req, nil
}

// judge reads the answer, no further than what it is asked for.
func judge(conn net.Conn, req *http.Request, c Check) error {
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	br := bufio.NewReaderSize(limited, 4<<10)
	resp, err := response(br, req)
	if err != nil {
		if limited.N == 0 {
			return fmt.Errorf("a header of more than %d KiB", maxHeader>>10)
		}
		return explain(plain(err), "waiting for headers", c.Timeout)
	}
	if !wanted(resp.StatusCode, c.statuses()) {
		return fmt.Errorf("status %d, wanted %s", resp.StatusCode, joinRanges(c.statuses()))
	}
	if c.ExpectBody == "" {
		return nil
	}
	limited.N += maxBody
	return find(io.LimitReader(resp.Body, maxBody), c)
}

// find looks for expect_body, and stops as soon as it has come: a body may be endless.
func find(r io.Reader, c Check) error {
	want := []byte(c.ExpectBody)
	body := make([]byte, 0, 4<<10)
	for {
		body = slices.Grow(body, 1<<10)
		n, err := r.Read(body[len(body):cap(body)])
		from := max(0, len(body)-len(want)+1)
		body = body[:len(body)+n]
		switch {
		case bytes.Contains(body[from:], want):
			return nil
		case err == io.EOF:
			return fmt.Errorf("the body does not contain %q", c.ExpectBody)
		case err != nil:
			return explain(plain(err), "reading the body", c.Timeout)
		}
	}
}

// response returns the final response behind any interim ones (RFC 9110 15.2).
func response(br *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range maxHints {
		resp, err := http.ReadResponse(br, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
	return nil, fmt.Errorf("more than %d interim responses", maxHints)
}

// plain replaces errors whose text speaks of Go rather than of the target.
func plain(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("connection closed")
	case strings.HasPrefix(err.Error(), "malformed HTTP"):
		return errors.New("no HTTP answer")
	}
	return err
}

func (p *Prober) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// handshake makes conn a TLS connection, its certificate verified for the name that a client would ask for.
func (p *Prober) handshake(ctx context.Context, conn net.Conn, w Watch) (*tls.Conn, error) {
	name := w.Check.SNI
	if name == "" {
		name = w.Host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
	}
	secure := tls.Client(conn, &tls.Config{
		ServerName: name, RootCAs: p.Roots, InsecureSkipVerify: w.Check.Insecure, Time: p.now,
		NextProtos: []string{"http/1.1"},
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, p.tlsReason(err, name, w.Check.Timeout)
	}
	return secure, nil
}
