package zonefile

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mangrove-dns/mangrove/zones"
)

// everything holds every type that has a text form of its own, with awkward values.
const everything = `$TTL 3600
@ SOA ns1 hostmaster 2026112101 7200 600 1209600 300
@ NS ns1
@ NS ns2.Example.NET.
ns1 A 192.0.2.53
@ 300 A 192.0.2.1
@ 300 A 192.0.2.2
@ AAAA 2001:db8::1
@ AAAA ::ffff:192.0.2.1
@ MX 10 mail
@ MX 20 mail.example.net.
nomail MX 0 .
@ TXT "v=spf1 -all"
@ TXT "a \"quoted\" \\ \000\255 ; (not) a comment" "" "second"
@ SPF "v=spf1 -all"
*.wild A 192.0.2.3
Alias CNAME Target.Example.Org.
a\.b\@c\;d\$e\032f\(g\) TXT x
\$ORIGIN TXT x
\064 TXT x
d DNAME example.net.
4.2.0.192.in-addr.arpa PTR host
_sip._tcp SRV 10 20 5060 sip
@ CAA 0 issue "letsencrypt.org; validationmethods=dns-01"
@ CAA 128 iodef "mailto:\"x\"@example.org"
svc HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1 ech="AEn+DQBFKwAgACABWIHUGj4u+PIggYXcR5JF0gYk3dCRioBW8uJq9H4mKAAIAAEAAQABAANAEnB1YmxpYy50bHMtZWNoLmRldgAA"
svc HTTPS 0 www
_dns SVCB 1 dns mandatory=alpn alpn=dot key65333=ab
host HINFO "Intel 386" "Plan 9"
host RP admin host
host AFSDB 1 afs
host LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
host NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.org!" .
host KX 10 kx
host CERT PKIX 1 RSASHA256 AQIDBA==
host APL 1:192.0.2.0/24 !2:2001:db8::/32
sub NS ns.sub
sub DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
host SSHFP 4 2 123456789ABCDEF67890123456789ABCDEF67890123456789ABCDEF123456789
host IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
@ DNSKEY 256 3 8 AwEAAag=
@ CDS 0 0 0 00
@ CDNSKEY 0 3 0 AA==
host DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=
@ NSEC3PARAM 1 0 12 AABBCCDD
_443._tcp TLSA 3 1 1 0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6
_smimea SMIMEA 3 0 0 AABB
key OPENPGPKEY AQIDBA==
@ CSYNC 66 3 A NS AAAA
@ ZONEMD 2026112101 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
host NID 10 0014:4fff:ff20:ee64
host L32 10 10.1.2.0
host L64 10 2001:0DB8:1140:1000
host LP 10 l64
host EUI48 00-00-5e-00-53-2a
host EUI64 00-00-5e-ef-10-00-00-2a
_ftp URI 10 1 "ftp://ftp.example.org/public"
private TYPE65280 \# 4 0a000001
private TYPE65281 \# 0
`

func TestWrite(t *testing.T) {
	r := parseGood(t, `$TTL 3600
www 60 A 192.0.2.2
www 60 A 192.0.2.1
@ NS ns.example.net.
a.b CNAME www
@ TXT "x\"" y
@ SOA ns hostmaster 1 2 3 4 5
private TYPE65280 \# 2 0a00
b MX 10 EXAMPLE.org.
`)
	for _, tt := range []struct {
		name string
		o    WriteOptions
		want string
	}{
		{"plain", WriteOptions{}, `$ORIGIN example.org.
@	3600	IN	SOA	ns hostmaster 1 2 3 4 5
@	3600	IN	NS	ns.example.net.
@	3600	IN	TXT	"x\"" "y"
b	3600	IN	MX	10 EXAMPLE.org.
a.b	3600	IN	CNAME	www
private	3600	IN	TYPE65280	\# 2 0A00
www	60	IN	A	192.0.2.2
www	60	IN	A	192.0.2.1
`},
		{"all options", WriteOptions{Header: []string{"two\nlines", "", "a\x00b\rc"}, DefaultTTL: 3600, Absolute: true}, `; two
; lines
; a b c
$ORIGIN example.org.
$TTL 3600
example.org.	IN	SOA	ns.example.org. hostmaster.example.org. 1 2 3 4 5
example.org.	IN	NS	ns.example.net.
example.org.	IN	TXT	"x\"" "y"
b.example.org.	IN	MX	10 EXAMPLE.org.
a.b.example.org.	IN	CNAME	www.example.org.
private.example.org.	IN	TYPE65280	\# 2 0A00
www.example.org.	60	IN	A	192.0.2.2
www.example.org.	60	IN	A	192.0.2.1
`},
	} {
		var got bytes.Buffer
		if err := Write(&got, r.Zone, tt.o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// roundTrip writes z and reads it again; both must be the same, and written the same.
func roundTrip(t *testing.T, z *zones.Zone, o WriteOptions) string {
	t.Helper()
	var text, again bytes.Buffer
	if err := Write(&text, z, o); err != nil {
		t.Fatal(err)
	}
	r, err := ParseBytes("written.zone", text.Bytes(), Options{Origin: z.Origin()})
	if err != nil {
		t.Fatal(err)
	}
	if r.Errors > 0 {
		t.Fatalf("the written file has problems:\n%s\n%s", problemText(r), text.String())
	}
	for _, c := range zones.Diff(z, r.Zone) {
		t.Errorf("changed on the way: %q %s: %x %x", c.Name.Wire(), zones.TypeString(c.Type), c.Old.Data, c.New.Data)
	}
	if err := Write(&again, r.Zone, o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text.String(), again.String()); diff != "" {
		t.Errorf("written otherwise the second time (-first +second):\n%s", diff)
	}
	return text.String()
}

func TestRoundTrip(t *testing.T) {
	r := parseGood(t, everything)
	for _, o := range []WriteOptions{{}, {Absolute: true}, {DefaultTTL: 3600}, {Header: []string{"$TTL x"}}} {
		roundTrip(t, r.Zone, o)
	}
	// By name, not as TYPEnnn, for people to read.
	text := roundTrip(t, r.Zone, WriteOptions{})
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, `\#`) && !strings.HasPrefix(line, "private") && !strings.Contains(line, "TYPE45\t") {
			t.Errorf("written in the form of RFC 3597: %s", line)
		}
	}
}

// TestWriteOdd writes what no file could hold: data that is not what its type demands, from a transfer or an update.
func TestWriteOdd(t *testing.T) {
	origin := zones.MustParseName("example.org")
	b := zones.NewBuilder(origin)
	for _, odd := range []struct {
		typ  uint16
		data string
	}{
		{dns.TypeTXT, ""}, {dns.TypeTXT, "\x05ab"}, {dns.TypeA, "\x01"}, {dns.TypeNS, "\x40"}, {dns.TypeMX, "\x00\x01"},
		{dns.TypeCAA, "\x00\x01-x"}, {dns.TypeCAA, "\x00"}, {dns.TypeLOC, "\x01"}, {dns.TypeHTTPS, "\x00"}, {dns.TypeSSHFP, ""},
	} {
		if _, _, err := b.Add(origin, odd.typ, 300, []byte(odd.data)); err != nil {
			t.Fatal(err)
		}
	}
	var text bytes.Buffer
	if err := Write(&text, b.Zone(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(text.String(), `	\# `), 10; got != want {
		t.Errorf("%d records in the form of RFC 3597, want %d:\n%s", got, want, &text)
	}
}

func TestWriteErrors(t *testing.T) {
	r := parseGood(t, everything)
	full := errors.New("disk full")
	if err := Write(failing{full}, r.Zone, WriteOptions{}); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
	b := zones.NewBuilder(r.Origin)
	if _, _, err := b.Add(r.Origin, dns.TypeA, 1<<31, []byte{192, 0, 2, 1}); err != nil {
		t.Fatal(err)
	}
	err := Write(failing{full}, b.Zone(), WriteOptions{})
	const want = "write zone example.org.: example.org. A: TTL 2147483648 is over 2147483647"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
