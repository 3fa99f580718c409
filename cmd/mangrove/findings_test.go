package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mangrove-dns/mangrove/zones"
)

func TestFindings(t *testing.T) {
	origin := zones.MustParseName("example.org")
	want := []zones.Problem{
		{Pos: zones.Pos{File: "zones/example.org.zone", Line: 3, Col: 1}, Text: "example.org. NS names one server only"},
		{Pos: zones.Pos{File: "zones/example.org.zone"}, Severity: zones.Error, Text: "can't be read: permission denied"},
		{Pos: zones.Pos{File: "zones/more.inc", Line: 1 << 20, Col: 77}, Text: "www.example.org. has no address"},
		{Pos: zones.Pos{File: "zones/example.org.yaml", Line: 1, Col: 2}, Text: "example.org."},
	}
	src := &source{origin: origin, path: "zones/example.org.zone"}
	src.add(want[:2]...)
	src.add(want[2:]...)
	if d := cmp.Diff(want, src.problems()); d != "" {
		t.Error(d)
	}
}
