package integration

import (
	"bytes"
	be "encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
)

// messageWant is what should come back.
type messageWant struct {
	end                           ending
	rcode                         string
	flags                         []string
	answer, authority, additional []string
	records                       []string
	question                      string
	edns                          string
	options                       []string
	ede                           string
	tsig                          string
	size                          int
	answers                       int  // of a connection
	codeOnly                      bool // nothing but rcode is said
}

// messageReply is a reply, taken apart by hand: what libraries forgive is an error here.
type messageReply struct {
	octets    int
	rcode     int // with the part in OPT
	flags     uint16
	question  []byte // the section
	questions int
	sections  [3][]dns.RR // without OPT
	opt       *messageOPT
	options   []messageOption
}

type messageOption struct {
	code uint16
	data []byte
}

// name is as cases have it, with as much of the data as one of the forms in want has.
func (o messageOption) name(want []string) string {
	name := fmt.Sprintf("OPT%d", o.code)
	for n, code := range optionNames {
		if code == o.code {
			name = n
		}
	}
	for _, w := range want {
		n, value, has := strings.Cut(w, "=")
		data := fmt.Sprintf("%x", o.data)
		if start, prefix := strings.CutSuffix(value, "*"); n == name && has && prefix && len(data) > len(start) && strings.HasPrefix(data, start) {
			return w
		}
		if n == name && !has {
			return w
		}
	}
	return fmt.Sprintf("%s=%x", name, o.data)
}

// known says that the option is one that a server may answer unasked, or to one of those that cases ask with.
func (o messageOption) known() bool {
	for _, code := range optionNames {
		if code == o.code && code != optionNames["EDE"] {
			return true
		}
	}
	return false
}

func parseReply(b []byte) (*messageReply, error) {
	if len(b) < 12 {
		return nil, errors.New("no header")
	}
	count := func(i int) int { return int(be.BigEndian.Uint16(b[4+2*i:])) }
	r := &messageReply{octets: len(b), flags: be.BigEndian.Uint16(b[2:]), rcode: int(b[3] & 15), questions: count(0)}
	off := 12
	for range count(0) {
		_, end, err := dns.UnpackDomainName(b, off)
		if err != nil || end+4 > len(b) {
			return nil, fmt.Errorf("the question can't be read: %v", err)
		}
		off = end + 4
	}
	r.question = b[12:off]
	for s := range r.sections {
		for range count(s + 1) {
			start := off
			rr, end, err := dns.UnpackRR(b, off)
			if err != nil || rr == nil {
				return nil, fmt.Errorf("a record of section %d can't be read: %v", s+1, err)
			}
			off = end
			if last := r.sections[2]; len(last) > 0 && last[len(last)-1].Header().Rrtype == dns.TypeTSIG {
				return nil, errors.New("a record behind the TSIG")
			}
			if rr.Header().Rrtype != dns.TypeOPT {
				r.sections[s] = append(r.sections[s], rr)
				continue
			}
			if s != 2 || r.opt != nil || b[start] != 0 {
				return nil, errors.New("an OPT record that is not in the additional section, not the only one, or not the root's")
			}
			if err := r.takeOPT(b[start+3 : end]); err != nil {
				return nil, err
			}
		}
	}
	if off != len(b) {
		return nil, fmt.Errorf("%d octets behind its end", len(b)-off)
	}
	return r, nil
}

// takeOPT reads an OPT record from its class on.
func (r *messageReply) takeOPT(b []byte) error {
	r.opt = &messageOPT{size: be.BigEndian.Uint16(b), version: b[3], flags: be.BigEndian.Uint16(b[4:])}
	r.rcode |= int(b[2]) << 4
	for o := b[8:]; len(o) > 0; {
		if len(o) < 4 || len(o) < 4+int(be.BigEndian.Uint16(o[2:])) {
			return errors.New("an option that is cut off")
		}
		n := 4 + int(be.BigEndian.Uint16(o[2:]))
		r.options = append(r.options, messageOption{be.BigEndian.Uint16(o), o[4:n]})
		o = o[n:]
	}
	return nil
}

// replyShape is a reply as far as cases tell of it, to be compared as a whole.
type replyShape struct {
	Opcode                        int
	Rcode, Flags, Question        string
	Answer, Authority, Additional []string
	Records                       []string
	EDNS                          string
	Options                       []string
	EDE, TSIG                     string
	TooLong                       bool
}

// compare returns how a reply differs from what it should be.
func (w *messageWant) compare(query, reply []byte, server string, codeOnly bool) (diff string) {
	r, err := parseReply(reply)
	if err != nil {
		return fmt.Sprintf("%v: %x", err, reply)
	}
	if r.flags&0x8000 == 0 {
		return fmt.Sprintf("not a reply: %x", reply)
	}
	if codeOnly {
		return cmp.Diff(rcodeName(r.rcode), w.rcode)
	}
	return r.shape(w, query, server).differ(w.shape(query))
}

// differ returns the fields that are not as they should be.
func (s replyShape) differ(want replyShape) (diff string) {
	got, wanted := reflect.ValueOf(s), reflect.ValueOf(want)
	for i := range got.NumField() {
		if g, w := got.Field(i).Interface(), wanted.Field(i).Interface(); !cmp.Equal(g, w, cmpopts.EquateEmpty()) {
			diff += fmt.Sprintf("-%[1]s: %[2]v\n+%[1]s: %[3]v\n", got.Type().Field(i).Name, g, w)
		}
	}
	return diff
}

func rcodeName(rcode int) string {
	if rcode == dns.RcodeBadVers { // or BADSIG, in a TSIG
		return "BADVERS"
	}
	return dns.RcodeToString[rcode]
}

func opcodeOf(message []byte) int { return int(message[2]>>3) & 15 }

// shape of what is wanted.
func (w *messageWant) shape(query []byte) replyShape {
	s := replyShape{Opcode: opcodeOf(query), Rcode: w.rcode, Flags: strings.Join(w.flags, " "), Question: w.question, Answer: w.answer,
		Authority: w.authority, Additional: w.additional, EDNS: w.edns, Options: w.options, EDE: w.ede, TSIG: w.tsig, Records: w.records}
	return s.sorted()
}

// shape of a reply; what want leaves open is as want has it.
func (r *messageReply) shape(w *messageWant, query []byte, server string) replyShape {
	s := replyShape{Opcode: int(r.flags>>11) & 15, Rcode: rcodeName(r.rcode), Question: "something else", EDNS: "none"}
	s.Flags = r.flagNames(w.flags)
	switch {
	case w.question == "any", server != "mangrove" && r.rcode != dns.RcodeSuccess && r.rcode != dns.RcodeNameError:
		s.Question = w.question // no RFC says what it is
	case r.questions == 0:
		s.Question = "none"
	case r.questions == 1 && bytes.HasPrefix(query[12:], r.question):
		s.Question = "same"
	}
	for i, list := range []*[]string{&s.Answer, &s.Authority, &s.Additional} {
		if wanted := [...][]string{w.answer, w.authority, w.additional}[i]; len(wanted) == 1 && wanted[0] == "any" {
			*list = wanted
			continue
		}
		for _, rr := range r.sections[i] {
			*list = append(*list, dns.Type(rr.Header().Rrtype).String())
		}
	}
	for _, rr := range r.sections[0] {
		if text := rr.String(); slices.Contains(w.records, text) {
			s.Records = append(s.Records, text)
		}
	}
	r.edns(&s, w, server)
	for _, rr := range r.sections[2] {
		if tsig, ok := rr.(*dns.TSIG); ok && w.tsig != "" {
			s.TSIG = rcodeNameTSIG(tsig.Error)
			if tsig.MACSize != 0 {
				s.TSIG += ", signed"
			}
		}
	}
	s.TooLong = w.size > 0 && r.octets > w.size
	return s.sorted()
}

func (r *messageReply) flagNames(want []string) string {
	var names []string
	for _, f := range headerFlags {
		switch {
		case slices.Contains(want, f+"?"):
			names = append(names, f+"?")
		case r.flags&messageBits[f] != 0:
			names = append(names, f)
		}
	}
	return strings.Join(names, " ")
}

// edns adds the OPT record.
func (r *messageReply) edns(s *replyShape, w *messageWant, server string) {
	s.EDE = w.ede
	if server == "mangrove" && w.ede != "" {
		s.EDE = "none"
	}
	if slices.Contains(w.options, "any") {
		s.Options = w.options
	}
	if r.opt == nil {
		return
	}
	s.EDNS = "edns"
	if r.opt.version != 0 {
		s.EDNS += fmt.Sprintf(" version=%d", r.opt.version)
	}
	if r.opt.flags&0x8000 != 0 {
		s.EDNS += " do"
	}
	if z := r.opt.flags &^ 0x8000; z != 0 {
		s.EDNS += fmt.Sprintf(" flags=0x%x", z)
	}
	if r.opt.size < 512 {
		s.EDNS += fmt.Sprintf(" size=%d", r.opt.size)
	}
	for _, o := range r.options {
		if slices.Contains(w.options, "any") && o.known() {
			continue
		}
		if o.code != optionNames["EDE"] {
			s.Options = append(s.Options, o.name(w.options))
		} else if server == "mangrove" && w.ede != "" && len(o.data) >= 2 {
			s.EDE = fmt.Sprint(be.BigEndian.Uint16(o.data))
		}
	}
}

func rcodeNameTSIG(rcode uint16) string {
	if rcode == dns.RcodeBadSig {
		return "BADSIG"
	}
	return dns.RcodeToString[int(rcode)]
}

func (s replyShape) sorted() replyShape {
	for _, list := range []*[]string{&s.Answer, &s.Authority, &s.Additional, &s.Options, &s.Records} {
		*list = slices.Sorted(slices.Values(*list))
	}
	return s
}
