package integration

import (
	"bufio"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/txtar"
)

// scenarioNames is how docs/rfc.md names scenarios.
var scenarioNames = regexp.MustCompile("`TestAnswers` \\(([^)]+)\\)")

// scenario is one file of testdata/answers.
type scenario struct {
	name  string
	zones []peerZone
	cases []answerCase
}

// answerCase is a question and what is to be answered.
type answerCase struct {
	where    string // file:line
	name     string
	qtype    uint16
	networks []string
	tc, do   bool
	exact    bool // in case
	size     int  // of EDNS; 0: none

	rcode      string
	answer     []dns.RR
	soa        string // "zone TTL"
	referral   []dns.RR
	authority  []dns.RR
	additional []dns.RR
	signed     bool
	octets     int
	except     map[string]string
}

func readScenario(t testing.TB, path string) scenario {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := scenario{name: strings.TrimSuffix(filepath.Base(path), ".txtar")}
	for _, f := range a.Files {
		if origin, ok := strings.CutSuffix(f.Name, ".zone"); ok {
			origin, signed := strings.CutSuffix(origin, ".signed")
			z := peerZone{dns.Fqdn(strings.TrimPrefix(origin, "root")), string(f.Data)}
			if signed {
				z.text += signatures(t, z)
			}
			s.zones = append(s.zones, z)
			continue
		}
		s.cases = append(s.cases, parseCases(t, filepath.Base(path)+" "+f.Name, string(f.Data))...)
	}
	if len(s.zones) == 0 || len(s.cases) == 0 {
		t.Fatalf("%s has %d zones and %d cases", path, len(s.zones), len(s.cases))
	}
	return s
}

func parseCases(t testing.TB, file, text string) []answerCase {
	t.Helper()
	var cases []answerCase
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", file, n)
		var err error
		switch {
		case line[0] != '\t':
			var c answerCase
			c, err = newAnswerCase(where, fields)
			cases = append(cases, c)
		case len(cases) == 0:
			t.Fatalf("%s: an answer without a question", where)
		default:
			err = cases[len(cases)-1].read(fields[0], strings.TrimSpace(strings.TrimSpace(line)[len(fields[0]):]))
		}
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
	}
	return cases
}

// newAnswerCase reads the line of a question.
func newAnswerCase(where string, fields []string) (answerCase, error) {
	c := answerCase{where: where, name: fields[0], networks: []string{"udp", "tcp"}, size: 1232, rcode: "NOERROR", except: make(map[string]string)}
	if len(fields) < 2 || typeOf(fields[1]) == 0 {
		return c, fmt.Errorf("%q is no question", strings.Join(fields, " "))
	}
	c.qtype = typeOf(fields[1])
	for _, option := range fields[2:] {
		switch key, value, _ := strings.Cut(option, "="); key {
		case "udp", "tcp":
			c.networks = []string{key}
		case "tc":
			c.tc = true
		case "do":
			c.do = true
		case "case":
			c.exact = true
		case "noedns":
			c.size = 0
		case "size":
			var err error
			if c.size, err = strconv.Atoi(value); err != nil {
				return c, err
			}
		default:
			return c, fmt.Errorf("%q is no option", option)
		}
	}
	return c, nil
}

// read reads a line of the answer.
func (c *answerCase) read(key, value string) error {
	switch key {
	case "rcode":
		c.rcode = value
	case "answer":
		return addRecord(&c.answer, value)
	case "authority":
		return addRecord(&c.authority, value)
	case "glue", "additional":
		return addRecord(&c.additional, value)
	case "soa":
		c.soa = strings.ToLower(value)
	case "referral":
		f := strings.Fields(value)
		if len(f) < 3 {
			return fmt.Errorf("referral %q is not: CUT TTL NS...", value)
		}
		for _, ns := range f[2:] {
			if err := addRecord(&c.referral, fmt.Sprintf("%s %s NS %s", f[0], f[1], ns)); err != nil {
				return err
			}
		}
	case "signed":
		c.signed = true
	case "octets":
		var err error
		c.octets, err = strconv.Atoi(value)
		return err
	case "except":
		servers, why, ok := strings.Cut(value, ": ")
		if !ok {
			return fmt.Errorf("except %q does not say why", value)
		}
		for s := range strings.SplitSeq(servers, ",") {
			switch s {
			case "knot", "nsd", "bind":
				c.except[s] = why
			default:
				return fmt.Errorf("except %s: there is no such server", s)
			}
		}
	default:
		return fmt.Errorf("%q is no part of an answer", key)
	}
	return nil
}

func addRecord(list *[]dns.RR, text string) error {
	rr, err := dns.NewRR(text)
	if err != nil {
		return err
	}
	if rr == nil {
		return fmt.Errorf("%q is no record", text)
	}
	*list = append(*list, rr)
	return nil
}
