package integration

import "testing"

// The servers as messages are put to them. None allows transfers to anybody, or says in class CH what it is.

const nsidText = "mangrove"

var messagesSetups = map[string]peerSetup{
	"knot": {
		server: `
			identity: ""
			version: ""
			nsid: ` + nsidText,
		sections: `
mod-cookies:
  - id: default
    badcookie-slip: 1
`,
		zone: `
			journal-content: none
			global-module: mod-cookies/default`,
	},
	"nsd": {
		server: `
			hide-version: yes
			hide-identity: yes
			answer-cookie: yes
			nsid: "ascii_` + nsidText + `"`,
	},
	"bind": {
		server: `
			minimal-responses yes;
			minimal-any yes;
			allow-transfer { none; };
			version none;
			hostname none;
			server-id "` + nsidText + `";
			max-udp-size 1232;`,
	},
}

// startForMessages starts mangrove or a peer with zones.
func startForMessages(t testing.TB, name string, zones []peerZone) (addr string) {
	t.Helper()
	if name == "mangrove" {
		return startMangrove(t, "server: {nsid: "+nsidText+"}\n", zones...).addr
	}
	return peerKinds[name].start(t, messagesSetups[name].with(zones...)).addr
}
