package integration

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
)

// target is something that a record points at: an HTTP server on a loopback address, that can die and come back.
type target struct {
	t    testing.TB
	addr string // ip:port

	mu     sync.Mutex
	server *http.Server // nil: dead
}

// newTargets starts a target on each of the addresses, all at one port, which it returns.
func newTargets(t testing.TB, ips ...string) (port int, all []*target) {
	t.Helper()
	var err error
	for range 200 {
		port := nextPort()
		var listeners []net.Listener
		err = nil
		for _, ip := range ips {
			l, lerr := net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
			err = errors.Join(err, lerr)
			if lerr == nil {
				listeners = append(listeners, l)
			}
		}
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			continue // someone else has the port on one of them
		}
		var all []*target
		for i, l := range listeners {
			g := &target{t: t, addr: net.JoinHostPort(ips[i], fmt.Sprint(port))}
			g.serve(l)
			t.Cleanup(g.kill)
			all = append(all, g)
		}
		return port, all
	}
	t.Fatalf("no port is free on all of %v: %v", ips, err)
	return 0, nil
}

func (g *target) serve(l net.Listener) {
	g.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })}
	go func(s *http.Server) { _ = s.Serve(l) }(g.server) // ends with ErrServerClosed
}

// kill closes the port: connections are refused from now on.
func (g *target) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server != nil {
		g.server.Close()
		g.server = nil
	}
}

// revive opens it again.
func (g *target) revive() {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server != nil {
		return
	}
	eventually(g.t, g.addr+" can be listened on again", func() (bool, string) {
		l, err := net.Listen("tcp", g.addr)
		if err != nil {
			return false, err.Error()
		}
		g.serve(l)
		return true, ""
	})
}
