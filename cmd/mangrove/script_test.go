package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mangrove": main})
}

// TestScripts runs the program as a user does. Scripts have three commands beside testscript's own:
//
//	freeport VAR...                  sets each VAR to a port of 127.0.0.1 that is free
//	lookup ADDR NAME TYPE WANT...    waits until the server answers exactly these records' data, in any order
//	until REGEXP COMMAND...          runs the command until its standard output matches
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			// A socket's path is short; the work directory of a script may not be.
			dir, err := os.MkdirTemp("", "mg")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			env.Setenv("DATA", filepath.Join(dir, "d"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"freeport": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					ts.Setenv(name, freePort(ts))
				}
			},
			"lookup": lookup,
			"until":  until,
		},
	})
}

// given counts the ports that this process has tried.
var given atomic.Uint32

// freePort returns a port that is free for UDP and TCP on loopback just now. It is below those that the system hands out by
// itself: any socket that somebody opens may have one of them before the server that it is for has bound it.
func freePort(ts *testscript.TestScript) string {
	const lowest, count = 10_000, 20_000
	for range 200 {
		port := strconv.Itoa(lowest + (os.Getpid()*211+int(given.Add(1)))%count)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			u.Close()
			return port
		}
	}
	ts.Fatalf("no port is free for UDP and TCP")
	return ""
}

// patience is how long a server may take for what is waited for. It tells a test that hangs from one that is slow.
const patience = 90 * time.Second

func lookup(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 || neg {
		ts.Fatalf("usage: lookup ADDR NAME TYPE WANT...")
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(args[1]), dns.StringToType[args[2]])
	var got []string
	for begin := time.Now(); time.Since(begin) < patience; waitABit() {
		r, err := dns.Exchange(m, args[0])
		if err != nil {
			got = []string{err.Error()} // nobody listens yet
			continue
		}
		got = got[:0]
		for _, rr := range r.Answer {
			got = append(got, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
		if len(r.Answer) == 0 {
			got = append(got, dns.RcodeToString[r.Rcode])
		}
		if sameSet(got, args[3:]) {
			return
		}
	}
	ts.Fatalf("%s %s: got %q, want %q", args[1], args[2], got, args[3:])
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: until REGEXP COMMAND...")
	}
	want := regexp.MustCompile(args[0])
	var out string
	for begin := time.Now(); time.Since(begin) < patience; waitABit() {
		// What it exits with does not count: a status that is not yet so may well be an error.
		_ = ts.Exec(args[1], args[2:]...)
		if out = ts.ReadFile("stdout"); want.MatchString(out) {
			return
		}
	}
	ts.Fatalf("%s never printed %q, but\n%s", strings.Join(args[1:], " "), args[0], out)
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		if count[s]--; count[s] < 0 {
			return false
		}
	}
	return true
}

// waitABit parts two looks at something that another process is to bring about.
func waitABit() { <-time.After(20 * time.Millisecond) }
