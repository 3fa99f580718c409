package integration

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// messageCase is one message, or what is written to one connection, and what comes back.
type messageCase struct {
	where    string // file:line
	title    string
	networks []string
	wire     []byte
	query    *messageQuery // nil: hex
	steps    []messageStep // of a connection
	want     messageWant
	except   map[string]messageExcept // by server/network
}

// messageExcept is what a server does otherwise.
type messageExcept struct {
	want    *messageWant // nil: anything else
	unasked bool
	why     string
}

// ending is what becomes of a message.
type ending string

const (
	replied ending = "a reply"
	silent  ending = "silence"
	closed  ending = "closed"
	open    ending = "open" // of a connection: the next query is answered
)

var headerFlags = []string{"aa", "tc", "rd", "ra", "z", "ad", "cd"}

// parseMessages reads cases; first is the line that text begins at.
func parseMessages(t testing.TB, file string, first int, text string) (cases []*messageCase) {
	t.Helper()
	var c *messageCase
	finish := func() {
		if c == nil {
			return
		}
		if err := c.finish(); err != nil {
			t.Fatalf("%s: %v", c.where, err)
		}
		cases = append(cases, c)
	}
	for n, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", file, first+n+1)
		var err error
		if line[0] != '\t' {
			finish()
			c, err = newMessageCase(trimmed)
			c.where = where
		} else {
			err = c.read(trimmed)
		}
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
	}
	finish()
	return cases
}

func newMessageCase(line string) (*messageCase, error) {
	c := &messageCase{title: line, networks: []string{"udp", "tcp"}, except: make(map[string]messageExcept)}
	fields := strings.Fields(line)
	if fields[0] == "connection" {
		c.networks, c.steps, c.want.end = []string{"tcp"}, []messageStep{}, open
		return c, nil
	}
	c.want.end = replied
	if fields[0] == "hex" {
		c.want.question, c.wire = "none", []byte{}
		if len(fields) > 1 && (fields[1] == "udp" || fields[1] == "tcp") {
			c.networks = fields[1:2]
		}
		return c, nil
	}
	if i := slices.IndexFunc(fields, func(f string) bool { return f == "udp" || f == "tcp" }); i > 0 {
		c.networks, fields = fields[i:i+1], slices.Delete(slices.Clone(fields), i, i+1)
	}
	var err error
	c.query, err = parseMessageQuery(fields)
	return c, err
}

// read reads an indented line.
func (c *messageCase) read(line string) error {
	key, value, _ := strings.Cut(line, " ")
	value = strings.TrimSpace(value)
	if key != ">" {
		return c.readWant(key, value)
	}
	what, rest, _ := strings.Cut(value, " ")
	switch {
	case c.steps != nil:
		step, err := parseStep(what, strings.TrimSpace(rest))
		c.steps = append(c.steps, step)
		return err
	case c.query != nil:
		return c.query.add(what, strings.TrimSpace(rest))
	default:
		octets, err := parseOctets(value)
		c.wire = append(c.wire, octets...)
		return err
	}
}

func (c *messageCase) readWant(key, value string) (err error) {
	w := &c.want
	fields := strings.Fields(value)
	switch key {
	case "answer":
		w.answer = fields
	case "authority":
		w.authority = fields
	case "additional":
		w.additional = fields
	case "record":
		rr, err := dns.NewRR(value)
		if err != nil {
			return err
		}
		w.records = append(w.records, rr.String())
	case "question":
		w.question = value
	case "noedns", "edns":
		w.edns = strings.TrimSpace("edns " + value)
		if key == "noedns" {
			w.edns = "none"
		}
	case "option":
		w.options = append(w.options, value)
	case "ede":
		w.ede = value
	case "size":
		w.size, err = strconv.Atoi(value)
	case "tsig":
		w.tsig = value
	case "answers":
		w.answers, err = strconv.Atoi(value)
	case string(silent), string(closed), string(open):
		w.end = ending(key)
	case "except":
		return c.readExcept(value)
	default:
		if !isRcode(key) {
			return fmt.Errorf("%q is no part of a reply", key)
		}
		w.rcode, w.flags = key, fields
		for _, f := range fields {
			if !slices.Contains(headerFlags, strings.TrimSuffix(f, "?")) {
				return fmt.Errorf("%q is no flag", f)
			}
		}
	}
	return err
}

func (c *messageCase) readExcept(value string) error {
	who, why, ok := strings.Cut(value, ": ")
	if !ok {
		return fmt.Errorf("except %q does not say why", value)
	}
	servers, what, _ := strings.Cut(who, " ")
	e := messageExcept{why: why}
	switch {
	case isRcode(what):
		e.want = &messageWant{end: replied, rcode: what, codeOnly: true}
	case what == "dropped":
	case what == "unasked":
		e.unasked = true
	case what == string(silent) || what == string(closed) || what == string(open):
		e.want = &messageWant{end: ending(what)}
	case what != "":
		return fmt.Errorf("except: %q is nothing that a server does", what)
	}
	for _, s := range strings.Split(servers, ",") {
		server, network, one := strings.Cut(s, "/")
		if !slices.Contains(comparedPeers, server) {
			return fmt.Errorf("except: no other server is called %q", server)
		}
		for _, n := range c.networks {
			if !one || n == network {
				if what == "dropped" {
					e.want = &messageWant{end: map[string]ending{"udp": silent, "tcp": closed}[n]}
				}
				c.except[server+"/"+n] = e
			}
		}
	}
	return nil
}

func isRcode(s string) bool {
	_, ok := dns.StringToRcode[s]
	return ok || s == "BADVERS"
}

// finish makes the message, and what follows from it.
func (c *messageCase) finish() (err error) {
	w := &c.want
	switch {
	case c.steps != nil:
		return nil
	case w.end == replied && w.rcode == "":
		return fmt.Errorf("%s has no reply", c.title)
	case c.query == nil:
		if w.edns == "" {
			w.edns = "none"
		}
		return nil
	}
	if c.wire, err = c.query.pack(); err != nil {
		return err
	}
	if w.question == "" {
		w.question = "none"
		if len(c.query.questions) == 1 && c.wire[5] == 1 {
			w.question = "same"
		}
	}
	switch {
	case w.edns != "":
	case c.query.edns == nil:
		w.edns = "none"
	case c.query.edns.flags&0x8000 != 0:
		w.edns = "edns do"
	default:
		w.edns = "edns"
	}
	return nil
}

// parseOctets reads hex digits in groups as they are readable, "text" for its octets, and a comment behind ;.
func parseOctets(s string) (out []byte, err error) {
	for s = strings.TrimSpace(s); s != "" && s[0] != ';'; s = strings.TrimSpace(s) {
		if s[0] == '"' {
			text, rest, ok := strings.Cut(s[1:], `"`)
			if !ok {
				return nil, fmt.Errorf("%s has no end", s)
			}
			out, s = append(out, text...), rest
			continue
		}
		word := s[:len(s)-len(strings.TrimLeft(s, "0123456789abcdefABCDEF"))]
		octets, err := hex.DecodeString(word)
		if err != nil || word == "" {
			return nil, fmt.Errorf("%q: not octets", s)
		}
		out, s = append(out, octets...), s[len(word):]
		if rest, ok := strings.CutPrefix(s, "*"); ok { // so many times
			word := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
			n, err := strconv.Atoi(word)
			if err != nil {
				return nil, fmt.Errorf("%q: not a number of times", rest)
			}
			for range n - 1 {
				out = append(out, octets...)
			}
			s = rest[len(word):]
		}
	}
	return out, nil
}
