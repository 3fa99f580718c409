package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ready asks the probes one after the other until each is answered NOERROR or NXDOMAIN. It returns how long that took
// since began, and how long the first answer. ended tells that the server has given up.
func ready(ctx context.Context, addr string, probes []check, do bool, began time.Time, limit time.Duration, ended func() bool) (first, all time.Duration, err error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	buf := make([]byte, 4096)
	id := uint16(0)
	for i := 0; i < len(probes); {
		if ended() {
			return 0, 0, errors.New("it has ended")
		}
		if ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		if time.Since(began) > limit {
			return 0, 0, fmt.Errorf("no answer within %v", limit)
		}
		id++
		if !answered(conn, appendQuestion(nil, probes[i].name, probes[i].qtype, do), id, buf) {
			// A port where nobody listens yet says so at once: look again soon, yet not all the time.
			time.Sleep(500 * time.Microsecond)
			continue
		}
		if i++; i == 1 {
			first = time.Since(began)
		}
	}
	return first, time.Since(began), nil
}

// answered asks once and reports whether the answer is NOERROR or NXDOMAIN.
func answered(conn net.Conn, msg []byte, id uint16, buf []byte) bool {
	msg[0], msg[1] = byte(id>>8), byte(id)
	if _, err := conn.Write(msg); err != nil {
		return false
	}
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return false
		}
		if n >= 12 && buf[0] == msg[0] && buf[1] == msg[1] { // else a late answer to an earlier one
			rcode := buf[3] & 15
			return rcode == dns.RcodeSuccess || rcode == dns.RcodeNameError
		}
	}
}

// verify asks all checks by TCP, where nothing is cut off, and compares whole answers. It returns what differs.
func verify(addr string, q *questions) []string {
	client := dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	conn, err := client.Dial(addr)
	if err != nil {
		return []string{err.Error()}
	}
	defer conn.Close()
	var wrong []string
	for _, c := range q.checks {
		m := new(dns.Msg)
		if err := m.Unpack(q.message(c.index)); err != nil {
			return []string{err.Error()}
		}
		m.Id = dns.Id()
		r, _, err := client.ExchangeWithConn(m, conn)
		if err != nil {
			return append(wrong, fmt.Sprintf("%s %s: %v", c.name, dns.TypeToString[c.qtype], err))
		}
		if err := c.compare(r, q.do); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s %s: %v", c.name, dns.TypeToString[c.qtype], err))
		}
	}
	return wrong
}

// compare returns what is wrong with the answer r, if anything.
func (c *check) compare(r *dns.Msg, do bool) error {
	switch {
	case r.Rcode != c.rcode:
		return fmt.Errorf("%s, want %s", dns.RcodeToString[r.Rcode], dns.RcodeToString[c.rcode])
	case r.Authoritative != (c.cut == ""):
		return fmt.Errorf("AA is %v", r.Authoritative)
	}
	got, signed := plain(r.Answer)
	want := make([]string, len(c.answer))
	for i, text := range c.answer {
		record, err := dns.NewRR(text)
		if err != nil {
			return fmt.Errorf("the generator's record: %w", err)
		}
		want[i] = record.String()
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("answer %q, want %q", got, want)
	}
	if do && len(want) > 0 && signed != signatures(c.answer) {
		return fmt.Errorf("%d signatures in the answer, want %d", signed, signatures(c.answer))
	}
	if c.cut != "" {
		return c.compareReferral(r)
	}
	if len(c.answer) == 0 {
		return compareNegative(r, do)
	}
	return nil
}

// compareReferral wants the NS of the cut, and an address for one of them at least: all of the generators' cuts have glue.
func (c *check) compareReferral(r *dns.Msg) error {
	targets := map[string]bool{}
	for _, record := range r.Ns {
		if ns, ok := record.(*dns.NS); ok && strings.EqualFold(ns.Hdr.Name, c.cut+".") {
			targets[strings.ToLower(ns.Ns)] = true
		}
	}
	if len(targets) < 2 {
		return fmt.Errorf("%d NS of %s in the authority section, want all", len(targets), c.cut)
	}
	for _, record := range r.Extra {
		if targets[strings.ToLower(record.Header().Name)] {
			return nil
		}
	}
	return errors.New("a referral without glue")
}

// compareNegative wants the SOA, and where signatures are wanted its signature and an NSEC.
func compareNegative(r *dns.Msg, do bool) error {
	count := map[uint16]int{}
	for _, record := range r.Ns {
		count[record.Header().Rrtype]++
	}
	if count[dns.TypeSOA] != 1 {
		return fmt.Errorf("%d SOA in the authority section, want 1", count[dns.TypeSOA])
	}
	if do && (count[dns.TypeNSEC] == 0 || count[dns.TypeRRSIG] < 2) {
		return fmt.Errorf("%d NSEC and %d RRSIG in the authority section: no denial", count[dns.TypeNSEC], count[dns.TypeRRSIG])
	}
	return nil
}

// plain returns the records but for signatures, sorted, and how many signatures there are.
func plain(section []dns.RR) (records []string, signatures int) {
	records = []string{}
	for _, record := range section {
		if record.Header().Rrtype == dns.TypeRRSIG {
			signatures++
			continue
		}
		record.Header().Name = strings.ToLower(record.Header().Name)
		records = append(records, record.String())
	}
	slices.Sort(records)
	return records, signatures
}
