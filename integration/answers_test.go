package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// What is answered, held against what standards say (testdata/answers) and against other servers. A scenario is zones and
// cases. The file NAME.zone has the zone NAME; NAME.signed.zone as well, and signatures are added to what is there
// (answers_sign_test.go). A case is a question and, indented, the answer to it:
//
//	NAME TYPE [OPTION...]           asked by UDP and TCP
//		rcode CODE                  NOERROR unless said
//		answer RECORD               each record of the answer section, sets in order
//		soa ZONE TTL                a negative answer: the SOA in the authority section
//		referral CUT TTL NS...      a referral: the NS records in the authority section; no AA, but behind an alias
//		authority RECORD            what else is in the authority section
//		glue RECORD                 what a referral has in the additional section
//		additional RECORD           what another answer has there
//		signed                      all that is authoritative in all this comes with its signature
//		octets N                    the size of the message
//		except SERVER: WHY          a server that answers otherwise, as it may; it is an error where it does not
//
// The options:
//
//	udp, tcp      asked by one of them alone
//	tc            the answer is truncated by UDP; the rest is the answer by TCP
//	do            asked with DO
//	size=N        asked with this size, not with 1232
//	noedns        asked without EDNS
//	case          the case of letters is compared as well
//
// Comments begin with #. What an answer may have or not (RFC 1034 4.3.2 step 6, RFC 2181 9) is demanded of mangrove alone:
// NS records beside data, additional records of anything but a referral. What knot, nsd and bind are all excepted from is a
// difference that docs/rfc.md has by its name, which WHY is.

// server is one that is asked, by its name in scenarios.
type server struct {
	name, addr string
}

func (s server) mangrove() bool { return s.name == "mangrove" }

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
				s.ask(t, server{"mangrove", startMangrove(t, "", s.zones...).addr})
			})
			for _, name := range comparedPeers {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					setup := plainSetups[name].with(s.zones...)
					setup.lenient = true // where it refuses a zone, that is excepted
					s.ask(t, server{name, peerKinds[name].start(t, setup).addr})
				})
			}
		})
	}
}

// ask puts every case of a scenario to a server.
func (s *scenario) ask(t *testing.T, to server) {
	t.Helper()
	for _, c := range s.cases {
		why, differs := c.except[to.name]
		agrees := true
		for _, network := range c.networks {
			diff := c.ask(to, network)
			agrees = agrees && diff == ""
			if diff != "" && !differs {
				t.Errorf("%s: %s %s by %s (-got +want):\n%s", c.where, c.name, dns.TypeToString[c.qtype], network, diff)
			}
		}
		if agrees && differs {
			t.Errorf("%s: %s %s: %s agrees, though it is said: %s", c.where, c.name, dns.TypeToString[c.qtype], to.name, why)
		}
	}
}

// ask asks a server, and returns what is wrong with the answer.
func (c *answerCase) ask(to server, network string) string {
	r, size, problem := c.exchange(to, network)
	if problem != "" {
		return problem
	}
	return cmp.Diff(c.got(to, network, r, size), c.want(network))
}

// TestAnswerDifferences demands the name of a difference in docs/rfc.md wherever no other server answers as mangrove does.
func TestAnswerDifferences(t *testing.T) {
	page, err := os.ReadFile("../docs/rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Differences\n")
	files, err := filepath.Glob("testdata/answers/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range files {
		for _, c := range readScenario(t, path).cases {
			alone := !slices.ContainsFunc([]string{"knot", "nsd", "bind"}, func(peer string) bool { return c.except[peer] == "" })
			if alone && !strings.Contains(section, "**"+c.except["bind"]+"**: ") {
				t.Errorf("%s: docs/rfc.md does not have the difference %q", c.where, c.except["bind"])
			}
		}
	}
}

// TestAnswersAreInTheTable demands that docs/rfc.md names every scenario, and none that is not there.
func TestAnswersAreInTheTable(t *testing.T) {
	page, err := os.ReadFile("../docs/rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/answers/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var have, named []string
	for _, path := range files {
		have = append(have, strings.TrimSuffix(filepath.Base(path), ".txtar"))
	}
	for _, m := range scenarioNames.FindAllStringSubmatch(string(page), -1) {
		named = append(named, strings.Split(m[1], ", ")...)
	}
	slices.Sort(named)
	slices.Sort(have)
	if diff := cmp.Diff(slices.Compact(named), have); diff != "" {
		t.Errorf("the scenarios in docs/rfc.md (-) and those there are (+):\n%s", diff)
	}
}
