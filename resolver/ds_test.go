package resolver

import "testing"

// DS belongs to the parent's side of a cut (RFC 4035 3.1.4.1).
func TestDS(t *testing.T) {
	parent := `
@          SOA   ns hostmaster 1 2 3 4 60
@          NS    ns
ns         A     192.0.2.53
signed     NS    ns.signed
signed     DS    1 13 2 00
ns.signed  A     192.0.2.1
plain      NS    ns.plain
ns.plain   A     192.0.2.2
both       NS    ns
both       DS    2 13 2 00
alias      CNAME signed
host       A     192.0.2.3
far        NS    ns.far
ns.far     A     192.0.2.4
`
	child := "@ SOA ns.example. child 1 2 3 4 60\n@ NS ns.example.\n"
	const soa = "ns example. 60 SOA ns.example. hostmaster.example. 1 2 3 4 60"
	cat := parseCatalog(t, "example.", parent, "both.example.", child, "below.far.example.", child, "hidden.example.", child)
	run(t, cat, Policy{}, []asked{
		{"signed.example. DS", "NOERROR aa\nan signed.example. 300 DS 1 13 2 00"},
		{"plain.example. DS", "NOERROR aa\n" + soa},
		{"www.signed.example. DS", "NOERROR\nns signed.example. 300 NS ns.signed.example.\nar ns.signed.example. 300 A 192.0.2.1"},
		{"host.example. DS", "NOERROR aa\n" + soa},
		{"alias.example. DS", "NOERROR aa\nan alias.example. 300 CNAME signed.example.\nan signed.example. 300 DS 1 13 2 00"},
		// we serve both sides: the parent's answers
		{"both.example. DS", "NOERROR aa\nan both.example. 300 DS 2 13 2 00"},
		{"both.example. NS", "NOERROR aa\nan both.example. 300 NS ns.example."},
		// we serve the child, and of what is above it only who delegates the parent
		{"below.far.example. DS", "NOERROR\nns far.example. 300 NS ns.far.example.\nar ns.far.example. 300 A 192.0.2.4"},
		// the parent that we serve does not know of the child: no NXDOMAIN for a name that we serve
		{"hidden.example. DS", "NOERROR aa\nns hidden.example. 60 SOA ns.example. child.hidden.example. 1 2 3 4 60"},
		// at an apex whose parent we do not serve: NODATA
		{"example. DS", "NOERROR aa\n" + soa},
	})
}
