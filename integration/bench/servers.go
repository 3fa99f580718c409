package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// setup is what a server is to be started with.
type setup struct {
	dir     string // of its own, empty, with a short path: sockets lie in it
	zoneDir string // NAME.zone each
	zones   []string
	addr    string
	port    int
	workers int
	signed  bool
	rules   string // for mangrove alone: further lines of mangrove.yaml
}

// file writes a file of the configuration and returns its path.
func (s *setup) file(name, text string) (string, error) {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// each joins what f makes of every zone.
func (s *setup) each(f func(zone, file string) string) string {
	var b strings.Builder
	for _, z := range s.zones {
		b.WriteString(f(z, fileName(z)))
	}
	return b.String()
}

// errCannot says that a server has no way to serve a dataset.
var errCannot = errors.New("cannot serve it")

// server is one that can be measured.
type server struct {
	name    string
	program string   // what must be there
	from    string   // the Debian package that brings it
	version []string // command that prints its version
	// command writes the configuration and returns what to run: a process that stays in the foreground.
	command func(*setup) ([]string, error)
	// reload makes it read changed zone files again: a signal, or a command (in the dir of the setup). Neither: it can't.
	signal syscall.Signal
	tell   func(*setup) []string
	old    bool // knows no types of this decade
	floor  bool // answers one fixed record: no server, but what the kernel alone costs
}

const mangroveName = "mangrove"

// servers are all that are known; binary is Mangrove's, self this program's.
func servers(binary, self, floorC string) []server {
	all := []server{
		{name: mangroveName, program: binary, version: []string{binary, "version"}, command: mangroveCommand(binary), signal: syscall.SIGHUP},
		{name: "gdnsd", program: "gdnsd", from: "gdnsd", version: []string{"gdnsd"}, command: gdnsdCommand, old: true,
			tell: func(s *setup) []string { return []string{"gdnsdctl", "-c", s.dir, "reload-zones"} }},
		{name: "yadifa", program: "yadifad", from: "yadifa", version: []string{"yadifad", "--version"}, command: yadifaCommand, old: true, signal: syscall.SIGHUP},
		{name: "nsd", program: "nsd", from: "nsd", version: []string{"nsd", "-v"}, command: nsdCommand, signal: syscall.SIGHUP},
		{name: "knot", program: "knotd", from: "knot", version: []string{"knotd", "-V"}, command: knotCommand, signal: syscall.SIGHUP},
		{name: "bind", program: "named", from: "bind9", version: []string{"named", "-v"}, command: bindCommand, signal: syscall.SIGHUP},
		{name: "powerdns", program: "pdns_server", from: "pdns-server pdns-backend-bind", version: []string{"pdns_server", "--version"}, command: powerdnsCommand,
			tell: func(s *setup) []string {
				return append([]string{"pdns_control", "--socket-dir=" + s.dir, "bind-reload-now"}, s.zones...)
			}},
		{name: "floor-go", program: self, version: []string{"go", "version"}, floor: true,
			command: func(s *setup) ([]string, error) {
				return []string{self, "floor", fmt.Sprintf("%s:%d", s.addr, s.port)}, nil
			}},
	}
	if floorC != "" {
		all = append(all, server{name: "floor-c", program: floorC, version: []string{"gcc", "--version"}, floor: true,
			command: func(s *setup) ([]string, error) { return []string{floorC, s.addr, fmt.Sprint(s.port)}, nil }})
	}
	return all
}

// installed reports whether a server's program is there.
func (s *server) installed() bool {
	path, err := exec.LookPath(s.program)
	if s.name == "powerdns" && err == nil {
		found, globErr := filepath.Glob("/usr/lib/*/pdns/libbindbackend.so")
		return globErr == nil && len(found) > 0
	}
	return err == nil && path != ""
}

// versionLine returns the line of what a server says about itself that has its version.
func (s *server) versionLine() string {
	// Many end with an error after they have said it.
	out, _ := exec.Command(s.version[0], s.version[1:]...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.ContainsAny(line, "0123456789") || strings.Contains(line, "devel") {
			line = strings.TrimSpace(line)
			return line[max(0, strings.Index(line, "PowerDNS")):] // which says the time before
		}
	}
	return "unknown"
}

func mangroveCommand(binary string) func(*setup) ([]string, error) {
	return func(s *setup) ([]string, error) {
		conf, err := s.file("mangrove.yaml", fmt.Sprintf("listen: [%q]\nzones: %s\ndata: %s\nserver: {workers: %d}\n%s",
			fmt.Sprintf("%s:%d", s.addr, s.port), s.zoneDir, filepath.Join(s.dir, "data"), s.workers, s.rules))
		return []string{binary, "serve", "--config", conf}, err
	}
}
