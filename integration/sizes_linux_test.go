package integration

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var (
	anonymousMemory = regexp.MustCompile(`(?m)^RssAnon:\s+([0-9]+) kB$`)
	residentMemory  = regexp.MustCompile(`(?m)^VmRSS:\s+([0-9]+) kB$`)
)

// memory is how much memory of its own the daemon has.
func (n *node) memory() uint64 { return n.size(anonymousMemory) }

// resident is how much it has with pages of files.
func (n *node) resident() uint64 { return n.size(residentMemory) }

func (n *node) size(which *regexp.Regexp) uint64 {
	n.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.daemon.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	m := which.FindSubmatch(text)
	if m == nil {
		n.t.Fatalf("no %s in\n%s", which, text)
	}
	kb, err := strconv.ParseUint(string(m[1]), 10, 64)
	if err != nil {
		n.t.Fatal(err)
	}
	return kb << 10
}

// files is how many files the daemon has open, sockets among them.
func (n *node) files() int {
	n.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.daemon.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	return len(list)
}

// maps says whether the daemon has a file mapped whose path begins so.
func (n *node) maps(path string) (mapped, known bool) {
	n.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", n.daemon.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.Contains(string(text), " "+path), true
}
