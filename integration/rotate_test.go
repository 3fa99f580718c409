package integration

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/mangrove-dns/mangrove/providers"
)

// A token that was wrong is replaced in the file that mangrove.yaml refers to. SIGHUP takes it up, and does not wait for the end of
// a pause that the wrong one earned.
func TestRotatedToken(t *testing.T) {
	t.Parallel()
	p := newPair(t, "edits: auto\n")
	config, err := os.ReadFile(p.path("mangrove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("token", "wrong\n")
	p.write("mangrove.yaml", strings.Replace(string(config), "env:CF_TOKEN", "file:"+p.path("token"), 1))
	p.start()
	p.phase(t, "cf", providers.Unreachable)
	p.write("token", cfToken+"\n")
	p.daemon.signal(syscall.SIGHUP)
	answer(t, "cf", p.cf.dns, "mail", "192.0.2.25")
	p.phase(t, "cf", providers.InSync)
}
