package main

import (
	"encoding/binary"
	"strings"

	"github.com/miekg/dns"
)

// expect is what a question must be answered, as the generator knows it.
type expect struct {
	rcode int
	// answer are the records of the answer section without signatures, in presentation form. All counts are of these.
	answer []string
	// cut is the owner of the delegation, where the answer is a referral.
	cut string
}

// check is a question whose whole answer is compared.
type check struct {
	index int
	name  string
	qtype uint16
	expect
}

// maxChecks bounds how many of a workload's questions are kept as checks: the first ones, which are as random as any.
const maxChecks = 200

// questions are a workload's questions as they go out, and for each one the RCODE and number of records of its answer.
// They lie in few large slices: a generator that walks over them must not wait for memory more than it has to.
type questions struct {
	do      bool
	wire    []byte
	at      []uint32 // at[i]:at[i+1] of wire is question i
	rcode   []uint8
	answers []uint8
	checks  []check
}

func newQuestions(do bool) *questions { return &questions{do: do, at: []uint32{0}} }

func (q *questions) len() int { return len(q.rcode) }

// message returns question i; its ID is zero.
func (q *questions) message(i int) []byte { return q.wire[q.at[i]:q.at[i+1]] }

// add appends a question.
func (q *questions) add(name string, qtype uint16, e expect) {
	q.wire = appendQuestion(q.wire, name, qtype, q.do)
	q.at = append(q.at, uint32(len(q.wire)))
	n := len(e.answer)
	if q.do && n > 0 {
		n += signatures(e.answer)
	}
	q.rcode = append(q.rcode, uint8(e.rcode))
	q.answers = append(q.answers, uint8(n))
	if len(q.checks) < maxChecks {
		q.checks = append(q.checks, check{q.len() - 1, name, qtype, e})
	}
}

// signatures returns how many RRsets records are, each of which has one RRSIG.
func signatures(records []string) int {
	seen := map[string]bool{}
	for _, r := range records {
		f := strings.Fields(r)
		seen[f[0]+" "+f[3]] = true
	}
	return len(seen)
}

// optSize is what the questions say they can take by UDP.
const optSize = 1232

// appendQuestion appends a query message with EDNS for name, which has no final dot unless it is the root.
func appendQuestion(b []byte, name string, qtype uint16, do bool) []byte {
	b = append(b, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1)
	for rest := strings.TrimSuffix(name, "."); rest != ""; {
		var label string
		label, rest, _ = strings.Cut(rest, ".")
		b = append(b, byte(len(label)))
		b = append(b, label...)
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, qtype)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, dns.TypeOPT)
	b = binary.BigEndian.AppendUint16(b, optSize)
	flags := byte(0)
	if do {
		flags = 0x80
	}
	return append(b, 0, 0, flags, 0, 0, 0)
}
