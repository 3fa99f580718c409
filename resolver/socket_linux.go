package resolver

import (
	"net"
	"net/netip"
	"os"
	"strconv"

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

// openUDP returns a socket bound to addr that blocks, and that package net and its poller know nothing of. The file is
// for closing it only when nobody uses it any more.
func openUDP(addr netip.AddrPort, wildcard bool) (*os.File, error) {
	network, family := "udp4", unix.AF_INET
	if addr.Addr().Is6() {
		network, family = "udp6", unix.AF_INET6
	}
	problem := func(call string, err error) error {
		return &net.OpError{Op: "listen", Net: network, Addr: net.UDPAddrFromAddrPort(addr), Err: os.NewSyscallError(call, err)}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, problem("socket", err)
	}
	f := os.NewFile(uintptr(fd), network+" "+addr.String())
	if family == unix.AF_INET6 {
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			err = problem("setsockopt IPV6_V6ONLY", err)
		}
	}
	if err == nil {
		err = prepareUDP(fd, family == unix.AF_INET6, wildcard)
	}
	if err == nil {
		if err = unix.Bind(fd, sockaddrOf(addr)); err != nil {
			err = problem("bind", err)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func sockaddrOf(addr netip.AddrPort) unix.Sockaddr {
	ip := addr.Addr()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		} else if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			sa.ZoneId = uint32(n)
		}
	}
	return sa
}

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
