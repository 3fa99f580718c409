package integration

import (
	bin "encoding/binary"
	"io"
	"net"
	"time"
)

// frame puts a message behind others, with its length in front, as TCP carries it (RFC 1035 4.2.2).
func frame(b, message []byte) []byte {
	return append(bin.BigEndian.AppendUint16(b, uint16(len(message))), message...)
}

// readFrame reads one that comes so.
func readFrame(conn io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	message := make([]byte, bin.BigEndian.Uint16(head[:]))
	_, err := io.ReadFull(conn, message)
	return message, err
}

// receive reads the next message of a UDP socket, into buf, or of a TCP connection. It waits for it no longer than that.
func receive(conn net.Conn, buf []byte, wait time.Duration) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	if _, tcp := conn.(*net.TCPConn); tcp {
		return readFrame(conn)
	}
	n, err := conn.Read(buf)
	return buf[:n], err
}
