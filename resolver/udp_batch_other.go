//go:build !linux

package resolver

import (
	"errors"
	"net/netip"
)

// canBatch says why datagrams are not received and sent in batches.
func canBatch() error { return errors.New("this system does not take many at once") }

// newBatchWorker is never called.
func newBatchWorker(*Server, netip.AddrPort, bool) (udpWorker, error) { return nil, canBatch() }
