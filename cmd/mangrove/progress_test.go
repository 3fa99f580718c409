package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mangrove-dns/mangrove/zones/zonefile"
)

// What takes longer than a second is told of: in the log now and then, on a terminal in one line.
func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		name     string
		takes    time.Duration
		terminal bool
		log      int // lines of it
		want     string
	}{
		{"quick", 900 * time.Millisecond, false, 0, ""},
		{"slow", 12500 * time.Millisecond, false, 4, "reading zones"}, // at 1, 6 and 11 seconds, and the end
		{"quick, terminal", 900 * time.Millisecond, true, 0, ""},
		{"slow, terminal", 2500 * time.Millisecond, true, 1, clearLine + "mangrove: reading zones: 1 of 2, 0 records, 0 MB" + clearLine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				var term *terminal
				log := slog.New(slog.NewTextHandler(&out, nil))
				if tt.terminal {
					term = &terminal{w: &out}
					log = slog.New(slog.NewTextHandler(term, nil))
				}
				p := newProgress(log, term, nil)
				p.begin(make([]zonefile.ZoneFile, 2))
				p.done(zonefile.ZoneFile{}, &source{})
				time.Sleep(tt.takes)
				p.end()
				if got := strings.Count(out.String(), "level=INFO"); got != tt.log || !strings.Contains(out.String(), tt.want) {
					t.Errorf("%d lines, want %d and %q; all:\n%q", got, tt.log, tt.want, out.String())
				}
			})
		})
	}
}

// The log appears above the line that is written over.
func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	term := &terminal{w: &out}
	log := func(s string) {
		if n, err := term.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	log("a\n")
	term.clear()
	term.show("1")
	log("b\n")
	term.show("2")
	term.clear()
	log("c\n")
	if got, want := out.String(), "a\n"+clearLine+"1"+clearLine+"b\n1"+clearLine+"2"+clearLine+"c\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if terminalOf(&out) != nil {
		t.Error("a buffer is taken for a terminal")
	}
}
