package providertest

import (
	"fmt"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
)

// Tricky returns a zone at origin with every common record type and the values that DNS services get wrong: quoting, long and
// binary text, empty text, wildcards, null MX, zero priorities, names that look like the zone. Everything in it is a
// legal zone; what of it a provider can hold, its Project says.
func Tricky(origin string) *zones.Zone { return MustZone(origin, TrickyText(origin)) }

// TrickyText is the text of Tricky, without SOA.
func TrickyText(origin string) string {
	label := strings.TrimSuffix(origin, ".")
	long := strings.Repeat("0123456789abcdef", 15)
	return fmt.Sprintf(`
@		A	192.0.2.1
@		AAAA	2001:db8::1
@		MX	10 mail
@		TXT	"v=spf1 include:_spf.example.net -all"
@		CAA	0 issue "letsencrypt.org; validationmethods=dns-01"
@		CAA	0 issuewild ";"
@		CAA	128 iodef "mailto:security@example.net"
a		A	192.0.2.2
multi	60	A	192.0.2.3
multi	60	A	192.0.2.4
multi	60	A	198.51.100.255
six		AAAA	2001:db8::
six		AAAA	2001:db8:0:1::a
v4in6		AAAA	::ffff:192.0.2.1
ttl	86400	A	192.0.2.5
cname		CNAME	target.example.net.
inside		CNAME	a
upper		CNAME	MiXeD.Example.NET.
mail		A	192.0.2.6
mx		MX	10 mail
mx		MX	10 mail.example.net.
mx		MX	0 mail2.example.net.
nomail		MX	0 .
txt		TXT	"hello world"
quoted		TXT	"say \"hi\" and \\ back"
inquotes	TXT	"\"all of it in quotes\""
dkim._domainkey	TXT	"v=DKIM1; k=rsa; p=MIIB+/=" "next string"
long		TXT	"%s" "%s" "%s"
full		TXT	"%s" "tail"
utf8		TXT	"gr\195\188\195\159e \226\156\147"
empty		TXT	""
twice		TXT	"one"
twice		TXT	"two" "and more"
twice		TXT	"One"
spaces		TXT	"  lead  and trail  "
tab		TXT	"tab\009and\127bytes\255\000\001"
percent		TXT	"100%% of $ORIGIN @ (;) #"
backslash	TXT	"\\000 \\\\ \\\""
*		A	192.0.2.9
*.wild		TXT	"a wildcard"
*.wild		MX	10 mail
deep.er.and.deep.er	A	192.0.2.10
under_score	A	192.0.2.11
_dmarc		TXT	"v=DMARC1; p=none"
xn--bcher-kva	A	192.0.2.12
%s		A	192.0.2.13
a\.dot		A	192.0.2.14
%s		A	192.0.2.15
_sip._tcp	SRV	10 60 5060 sip.example.net.
_sip._tcp	SRV	0 0 0 sip2.example.net.
_none._tcp	SRV	0 0 0 .
_443._tcp.a	TLSA	3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
host		SSHFP	4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
svc		HTTPS	1 . alpn="h2,h3" ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
alias		HTTPS	0 svc.example.net.
two		HTTPS	1 . alpn="h3"
two		HTTPS	2 other.example.net. port=8443
_8443._foo	SVCB	1 svc.example.net. port=8443 alpn="h2"
plain		SVCB	1 svc.example.net. mandatory=alpn alpn="bar"
sub		NS	ns.sub
sub		NS	ns.example.net.
sub		DS	12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
ns.sub		A	192.0.2.16
naptr		NAPTR	100 10 "u" "E2U+sip" "!^.*$!sip:info@example.net!" .
naptr		NAPTR	100 20 "s" "" "" _sip._tcp.example.net.
loc		LOC	52 22 23.123 N 4 53 32.456 E -2.00m 1m 10000m 10m
_http._tcp	URI	10 1 "https://www.example.net/path?q=1"
ptr		PTR	host.example.net.
hinfo		HINFO	"PC" "Linux 6"
rp		RP	admin.example.net. txt
dname		DNAME	other.example.net.
cert		CERT	1 0 0 MTIzNDU2Nzg5MGFiY2RlZg==
pgp		OPENPGPKEY	mQENBFVHm5sBCAC0
smime		SMIMEA	3 0 0 308201A2
unknown		TYPE65400	\# 4 C0000201
other		TYPE65399	\# 0
other		TYPE65399	\# 3 ABCDEF
`, long, long, long, strings.Repeat("x", 255), strings.Repeat("l", 63), label)
}
