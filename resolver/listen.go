package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// endpoint is one address that is served.
type endpoint struct {
	addr netip.AddrPort
	tcp  *net.TCPListener
	udp  []udpWorker
}

// Listen binds every address and returns the real ones, in the order of Options.Listen. After an error nothing is
// bound. Without Run, Close gives them back.
func (s *Server) Listen() ([]netip.AddrPort, error) {
	var addrs []netip.AddrPort
	for _, text := range s.opts.Listen {
		wanted, err := parseListen(text)
		if err != nil {
			s.Close()
			return nil, err
		}
		for _, a := range wanted {
			if len(wanted) == 2 && a.Addr().Is6() && a.Port() == 0 {
				a = netip.AddrPortFrom(a.Addr(), addrs[len(addrs)-1].Port())
			}
			e, err := s.bind(a)
			if len(wanted) == 2 && a.Addr().Is6() && errors.Is(err, syscall.EAFNOSUPPORT) {
				s.log.Info("no IPv6 on this host", "listen", text)
				continue
			}
			if err != nil {
				s.Close()
				return nil, err
			}
			s.endpoints = append(s.endpoints, e)
			for _, u := range e.udp {
				s.udp = append(s.udp, u.stats())
			}
			addrs = append(addrs, e.addr)
		}
	}
	return addrs, nil
}

// Close closes what Listen has bound. Run does so itself.
func (s *Server) Close() {
	for _, e := range s.endpoints {
		e.close()
	}
	s.endpoints = nil
}

func (e *endpoint) close() {
	// Nothing was written through these that could be lost: errors of closing tell nothing.
	if e.tcp != nil {
		_ = e.tcp.Close()
	}
	for _, u := range e.udp {
		u.close()
	}
}

// parseListen reads an address to listen on; ":53" and "*:53" stand for two.
func parseListen(text string) ([]netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: want ip:port", text)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: want a port from 0 to 65535, got %q", text, portText)
	}
	if host == "" || host == "*" {
		return []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)),
			netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)),
		}, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: want an IP address, got %q", text, host)
	}
	return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), uint16(port))}, nil
}

// bindTries is how many free TCP ports are tried for one whose UDP port is free too.
const bindTries = 16

// bind binds TCP and UDP to one address.
func (s *Server) bind(a netip.AddrPort) (*endpoint, error) {
	for try := 1; ; try++ {
		e, err := s.bindOnce(a)
		if err == nil {
			return e, nil
		}
		e.close()
		if a.Port() != 0 || try == bindTries || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen on %s: %w", a, err)
		}
	}
}

// bindOnce binds TCP first and without SO_REUSEPORT: of two servers on one port the second one must hear of it. The same
// is tried for UDP before the workers' sockets share the port. What it bound before an error is in the endpoint.
func (s *Server) bindOnce(a netip.AddrPort) (*endpoint, error) {
	family := "4"
	if a.Addr().Is6() {
		family = "6"
	}
	ctx := context.Background()
	e := &endpoint{}
	tcp, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp"+family, a.String())
	if err != nil {
		return e, err
	}
	e.tcp = tcp.(*net.TCPListener)
	e.addr = e.tcp.Addr().(*net.TCPAddr).AddrPort()
	e.addr = netip.AddrPortFrom(a.Addr(), e.addr.Port())

	probe, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp"+family, e.addr.String())
	if err != nil {
		return e, err
	}
	if err := probe.Close(); err != nil {
		return e, err
	}
	wildcard := e.addr.Addr().IsUnspecified()
	for range s.opts.Workers {
		u, err := s.newUDPWorker(e.addr, wildcard)
		if err != nil {
			return e, err
		}
		e.udp = append(e.udp, u)
		if !canReusePort {
			break
		}
	}
	return e, nil
}

// newUDPWorker binds a worker of the kind that was chosen for all.
func (s *Server) newUDPWorker(addr netip.AddrPort, wildcard bool) (udpWorker, error) {
	s.chooseUDP.Do(func() {
		if s.opts.PortableUDP {
			return
		}
		if err := canBatch(); err != nil {
			s.log.Info("UDP is served one datagram a system call", "reason", err)
			return
		}
		s.batchUDP = true
	})
	if s.batchUDP {
		return newBatchWorker(s, addr, wildcard)
	}
	return newPortableWorker(s, addr, wildcard)
}
