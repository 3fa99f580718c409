package resolver

import (
	"os"

	"golang.org/x/sys/unix"
)

// canReusePort: the kernel spreads datagrams over the sockets that share a port.
const canReusePort = true

// udpBuffer is asked for in each direction; the kernel gives what net.core.[rw]mem_max allows.
const udpBuffer = 1 << 20

// prepareUDP sets up a UDP socket before it is bound.
func prepareUDP(fd int, ipv6, wildcard bool) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_REUSEPORT", err)
	}
	// Larger buffers are a courtesy of the kernel.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, udpBuffer)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, udpBuffer)
	// RFC 9715 3.1: never believe a path MTU from the outside, and never set DF. Older kernels know DONT alone.
	level, option, omit, dont := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT, unix.IP_PMTUDISC_DONT
	if ipv6 {
		level, option, omit, dont = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT, unix.IPV6_PMTUDISC_DONT
	}
	if unix.SetsockoptInt(fd, level, option, omit) != nil {
		_ = unix.SetsockoptInt(fd, level, option, dont)
	}
	if !wildcard {
		return nil
	}
	// The answer must come from the address that was asked: on a wildcard socket only the control message knows it.
	level, option = unix.IPPROTO_IP, unix.IP_PKTINFO
	if ipv6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	return os.NewSyscallError("setsockopt PKTINFO", unix.SetsockoptInt(fd, level, option, 1))
}

// truncatedFlag marks a datagram that was longer than its buffer.
const truncatedFlag = unix.MSG_TRUNC

// controlLen is the room for one packet info of either family.
var controlLen = unix.CmsgSpace(unix.SizeofInet6Pktinfo)

// turnControl makes the control message of a datagram that came into the one of its answer: the same local address. It
// returns nil where there is none, and lets routing choose the interface, but for link-local addresses.
func turnControl(oob []byte) []byte {
	header, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	switch {
	case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		clear(data[:4]) // interface; what follows is the local address already
		return oob
	case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		if data[0] != 0xfe || data[1]&0xc0 != 0x80 {
			clear(data[16:20]) // interface
		}
		return oob
	}
	return nil
}
