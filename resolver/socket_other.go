//go:build !linux

package resolver

// canReusePort: elsewhere than on Linux sharing a port does not spread the load, so one socket serves each address.
const canReusePort = false

// controlLen is the room for control messages: none are asked for.
const controlLen = 0

// prepareUDP leaves a UDP socket as it is: a wildcard socket answers from the address that routing chooses.
func prepareUDP(fd int, ipv6, wildcard bool) error { return nil }

func turnControl(oob []byte) []byte { return nil }
