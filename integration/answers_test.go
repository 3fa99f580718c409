package integration

import (
	"bufio"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/txtar"
)

// What is answered, held against what standards say (testdata/answers) and against other servers. A scenario is zones and
// cases. A case is a question and, indented, the answer to it:
//
//	NAME TYPE [tcp]                 asked by UDP and TCP, or by TCP alone
//		rcode CODE                  NOERROR unless said
//		answer RECORD               each record of the answer section
//		soa ZONE TTL                a negative answer: the SOA in the authority section
//		referral CUT TTL NS...      a referral: the NS records in the authority section, and no AA
//		glue RECORD                 what a referral has in the additional section
//		except SERVER: WHY          a server that answers otherwise, as it may; it is an error where it does not
//
// Comments begin with #.

// scenario is one file of testdata/answers.
type scenario struct {
	name  string
	zones []peerZone
	cases []answerCase
}

type answerCase struct {
	where    string // file:line
	name     string
	qtype    uint16
	tcpOnly  bool
	rcode    string
	answer   []string
	soa      string // "zone TTL"
	referral []string
	glue     []string
	except   map[string]string
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
			s.zones = append(s.zones, peerZone{dns.Fqdn(strings.TrimPrefix(origin, "root")), string(f.Data)})
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
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", file, n)
		if line[0] != '\t' {
			if len(fields) < 2 || typeOf(fields[1]) == 0 {
				t.Fatalf("%s: %q is no question", where, line)
			}
			cases = append(cases, answerCase{where: where, name: fields[0], qtype: typeOf(fields[1]), tcpOnly: slices.Contains(fields[2:], "tcp"),
				rcode: "NOERROR", except: make(map[string]string)})
			continue
		}
		if err := cases[len(cases)-1].read(fields[0], strings.TrimSpace(strings.TrimSpace(line)[len(fields[0]):])); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
	}
	return cases
}

func (c *answerCase) read(key, value string) error {
	switch key {
	case "rcode":
		c.rcode = value
	case "answer", "glue":
		rr, err := dns.NewRR(value)
		if err != nil {
			return err
		}
		if key == "answer" {
			c.answer = append(c.answer, line(rr))
		} else {
			c.glue = append(c.glue, line(rr))
		}
	case "soa":
		c.soa = strings.ToLower(value)
	case "referral":
		f := strings.Fields(strings.ToLower(value))
		for _, ns := range f[2:] {
			c.referral = append(c.referral, fmt.Sprintf("%s %s NS %s", f[0], f[1], ns))
		}
	case "except":
		server, why, ok := strings.Cut(value, ": ")
		if !ok {
			return fmt.Errorf("except %q does not say why", value)
		}
		for _, s := range strings.Split(server, ",") {
			c.except[s] = why
		}
	default:
		return fmt.Errorf("%q is no part of an answer", key)
	}
	return nil
}

// line is a record as one line, the case of its owner and of names in its data aside.
func line(rr dns.RR) string {
	h := rr.Header()
	return fmt.Sprintf("%s %d %s %s", strings.ToLower(h.Name), h.Ttl, dns.TypeToString[h.Rrtype], rdata(rr))
}

// shape is an answer as far as cases tell of it.
type shape struct {
	Rcode     string
	AA        bool
	Answer    []string
	Authority []string
	Glue      []string
}

func (c *answerCase) want() shape {
	s := shape{Rcode: c.rcode, AA: c.rcode != "REFUSED" && c.referral == nil, Answer: c.answer, Authority: c.referral, Glue: c.glue}
	if c.soa != "" {
		s.Authority = []string{"SOA of " + c.soa}
	}
	return s.sorted()
}

// got is the answer of a server. What an answer may have or not (RFC 1034 4.3.2 step 6, RFC 2181 9) is left out: NS
// records beside data, addresses beside anything but a referral.
func (c *answerCase) got(r *dns.Msg) shape {
	s := shape{Rcode: dns.RcodeToString[r.Rcode], AA: r.Authoritative}
	for _, rr := range r.Answer {
		s.Answer = append(s.Answer, line(rr))
	}
	for _, rr := range r.Ns {
		switch rr := rr.(type) {
		case *dns.SOA:
			s.Authority = append(s.Authority, fmt.Sprintf("SOA of %s %d", strings.ToLower(rr.Hdr.Name), rr.Hdr.Ttl))
		case *dns.NS:
			if c.referral != nil || len(r.Answer) == 0 {
				s.Authority = append(s.Authority, line(rr))
			}
		case *dns.DS: // of a signed delegation; asked for without DO it may be there or not
		default:
			s.Authority = append(s.Authority, line(rr))
		}
	}
	for _, rr := range r.Extra {
		if c.referral != nil && rr.Header().Rrtype != dns.TypeOPT {
			s.Glue = append(s.Glue, line(rr))
		}
	}
	return s.sorted()
}

func (s shape) sorted() shape {
	for _, list := range [][]string{s.Answer, s.Authority, s.Glue} {
		slices.Sort(list)
	}
	return s
}

// ask asks a server, and returns what is wrong with the answer.
func (c *answerCase) ask(addr, network string) string {
	q := query(c.name, c.qtype)
	r, err := exchange(addr, network, q)
	if err != nil {
		return err.Error()
	}
	if r.Id != q.Id || !r.Response || r.Truncated || len(r.Question) != 1 || r.Question[0] != q.Question[0] {
		return fmt.Sprintf("not an answer to the question:\n%v", r)
	}
	return cmp.Diff(c.got(r), c.want())
}

func (c *answerCase) networks() []string {
	if c.tcpOnly {
		return []string{"tcp"}
	}
	return []string{"udp", "tcp"}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/answers/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range files {
		s := readScenario(t, path)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			t.Run("mangrove", func(t *testing.T) {
				t.Parallel()
				n := newNode(t, "")
				for _, z := range s.zones {
					name := strings.TrimSuffix(z.origin, ".")
					if name == "" {
						name = "root"
					}
					n.write("zones/"+name+".zone", z.text)
				}
				n.start()
				for _, z := range n.status().Zones {
					if z.State != "ok" {
						t.Fatalf("%s: %q", z.Zone, z.Problems)
					}
				}
				for _, c := range s.cases {
					for _, network := range c.networks() {
						if diff := c.ask(n.addr, network); diff != "" {
							t.Errorf("%s: %s %s by %s (-got +want):\n%s", c.where, c.name, dns.TypeToString[c.qtype], network, diff)
						}
					}
				}
			})
			for name, start := range map[string]func(testing.TB, ...peerZone) string{"knot": startKnot, "nsd": startNSD, "bind": startBIND} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					addr := start(t, s.zones...)
					for _, c := range s.cases {
						for _, network := range c.networks() {
							diff := c.ask(addr, network)
							why, differs := c.except[name]
							switch {
							case diff != "" && !differs:
								t.Errorf("%s: %s %s by %s (-got +want):\n%s", c.where, c.name, dns.TypeToString[c.qtype], network, diff)
							case diff == "" && differs:
								t.Errorf("%s: %s %s by %s: %s agrees, though it is said: %s", c.where, c.name, dns.TypeToString[c.qtype], network, name, why)
							}
						}
					}
				})
			}
		})
	}
}
