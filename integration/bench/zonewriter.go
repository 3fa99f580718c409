package main

import (
	"bufio"
	"fmt"
	"os"
)

// zoneWriter writes one zone file.
type zoneWriter struct {
	f *os.File
	w *bufio.Writer
	b []byte
}

// newZone opens NAME.zone in dir and writes what every zone has: $TTL, SOA with the serial, two name servers with
// their addresses.
func newZone(dir, zone string, serial int) (*zoneWriter, error) {
	f, err := os.Create(zoneFile(dir, zone))
	if err != nil {
		return nil, err
	}
	z := &zoneWriter{f: f, w: bufio.NewWriterSize(f, 1<<20)}
	z.linef("$TTL 3600")
	z.linef("@ SOA ns1 host %d 3600 900 604800 300", serial)
	z.linef("@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns1 AAAA 2001:db8::1\nns2 A 192.0.2.2\nns2 AAAA 2001:db8::2")
	return z, nil
}

// linef writes a line. Errors stay in the writer until close.
func (z *zoneWriter) linef(format string, args ...any) {
	z.b = append(fmt.Appendf(z.b[:0], format, args...), '\n')
	_, _ = z.w.Write(z.b)
}

func (z *zoneWriter) close() error {
	if err := z.w.Flush(); err != nil {
		z.f.Close()
		return err
	}
	return z.f.Close()
}

// ip4 is the address of the n-th thing.
func ip4(n int) string { return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255) }

// rr is a record of an answer in presentation form; all the generators' records live an hour.
func rr(owner, rtype, rdata string) string { return owner + ". 3600 IN " + rtype + " " + rdata }
