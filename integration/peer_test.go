package integration

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/miekg/dns"
)

// peerKind is a make of name servers. Its configuration has what is the same in all tests; the rest is a test's setup.
type peerKind struct {
	name    string // as scenarios and reports have it
	program string
	args    []string // the configuration's path follows them
	config  *template.Template
	refusal *regexp.Regexp // what it logs of a zone that it does not serve
	loaded  *regexp.Regexp // what it logs once it has loaded what it can; nil where it answers nobody before
}

// peerSetup is what a test wants of a peer.
type peerSetup struct {
	zones []peerZone
	files string // where the files of the zones are, as writeZones has them; "": they are written
	at    string // where it listens; "": where a port is free

	server   string // further lines of what its configuration says of the server as a whole
	sections string // further sections
	zone     string // further lines for each zone

	lenient bool // it may refuse zones, but not the first
	quiet   bool // what it has to say is too much to be shown
}

// with returns the setup with zones.
func (s peerSetup) with(zones ...peerZone) peerSetup {
	s.zones = zones
	return s
}

// peer is a server that answers.
type peer struct {
	*process
	addr string
}

// start starts a peer until it answers for its zones.
func (k *peerKind) start(t testing.TB, s peerSetup) *peer {
	t.Helper()
	return startPeer(t, s.at, func(dir, addr string) (*process, error) { return k.try(t, s, dir, addr) })
}

var (
	errPortTaken = errors.New("somebody else has its port")
	portTaken    = regexp.MustCompile(`(?i)address (already )?in use|unable to listen`)
)

// startPeer has try start a server at an address, until it answers. What keeps it from that ends the test at once, with what it
// wrote. But somebody may take a port between finding and binding it: then there is another try, unless at is where it has to be.
func startPeer(t testing.TB, at string, try func(dir, addr string) (*process, error)) *peer {
	t.Helper()
	for tries := 1; ; tries++ {
		addr := at
		if addr == "" {
			addr = freePort(t)
		}
		p, err := try(shortDir(t), addr)
		if err == nil {
			return &peer{p, addr}
		}
		if tries == 3 || at != "" || !errors.Is(err, errPortTaken) {
			p.silent = true // it is shown here
			t.Fatalf("%s does not start: %v\n%s", p.name, err, p.log)
		}
		p.signal(syscall.SIGKILL)
	}
}

// try starts a peer once, and says what keeps it from answering.
func (k *peerKind) try(t testing.TB, s peerSetup, dir, addr string) (*process, error) {
	t.Helper()
	path := peerBinary(t, k.program)
	config := filepath.Join(dir, k.name+".conf")
	writeFile(t, config, k.configuration(t, s, dir, addr))
	p := startProcess(t, k.program, nil, path, slices.Concat(k.args, []string{config})...)
	p.silent, p.peer = s.quiet, true
	refusal, awaited := k.refusal, s.zones
	if s.lenient {
		refusal, awaited = nil, s.zones[:1]
	}
	for _, z := range awaited {
		if err := p.answersFor(z.origin, addr, refusal); err != nil {
			return p, err
		}
	}
	if k.loaded != nil && p.waitLog(k.loaded) == nil {
		return p, p.end()
	}
	return p, nil
}

// configuration makes the configuration, and the files of zones where these are not there yet.
func (k *peerKind) configuration(t testing.TB, s peerSetup, dir, addr string) string {
	t.Helper()
	if s.files == "" {
		s.files = writeZones(t, s.zones)
	}
	host, port := splitAddr(t, addr)
	data := map[string]any{
		"Dir": dir, "Host": host, "Port": port, "Quiet": s.quiet,
		"Server": outdented(s.server), "Sections": s.sections, "ZoneLines": outdented(s.zone),
	}
	var zones []map[string]string
	for i, z := range s.zones {
		zones = append(zones, map[string]string{"Origin": z.origin, "File": zonePath(s.files, i)})
	}
	data["Zones"] = zones
	var b strings.Builder
	if err := k.config.Execute(&b, data); err != nil {
		t.Fatalf("the configuration of %s: %v", k.name, err)
	}
	return b.String()
}

// outdented returns the lines of a text without what is around each.
func outdented(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// end says how a process has ended that was not to.
func (p *process) end() error {
	if portTaken.MatchString(p.log.String()) {
		return errPortTaken
	}
	return fmt.Errorf("it has ended: %v", p.cmd.ProcessState)
}

// answersFor waits until a server answers for a zone, and says what keeps it from that: it has ended, or logs what refusal matches.
func (p *process) answersFor(zone, addr string, refusal *regexp.Regexp) (err error) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s answers for %s", p.name, zone), func() (bool, string) {
		if p.ended() {
			err = p.end()
			return true, ""
		}
		if refusal != nil {
			if said := refusal.FindString(p.log.String()); said != "" {
				err = errors.New(said)
				return true, ""
			}
		}
		r, err := exchangeWithin(time.Second/2, addr, "udp", query(zone, dns.TypeSOA)) // and looked again, and asked again
		if err != nil {
			return false, err.Error()
		}
		// A server may refuse for a moment what it has not loaded yet. One that demands cookies tells by that that it is there.
		return r.Rcode == dns.RcodeSuccess || r.Rcode == dns.RcodeBadCookie, dns.RcodeToString[r.Rcode]
	})
	return err
}
