//go:build !linux

package resolver

import (
	"context"
	"net"
)

// pollLoop is not there on this system: every connection has a goroutine.
type pollLoop struct{}

func newPollLoops(*tcpServer, int) ([]*pollLoop, error) { return nil, nil }

func (l *pollLoop) run(context.Context)           {}
func (l *pollLoop) listen(*net.TCPListener) error { return nil }
func (l *pollLoop) stop()                         {}
func (l *pollLoop) drain()                        {}
func (l *pollLoop) idlest() int64                 { return 0 }
func (l *pollLoop) evict() (prefix, bool)         { return prefix{}, false }
