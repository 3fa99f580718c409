package integration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// registry is a made-up top-level domain. What it delegates is a function of a number, so that a test needs no second copy of it.
type registry struct {
	origin string // a label and a dot
	count  int
	edited map[int]int // delegations that were changed: how often
	serial int
	signed bool
}

// every hosting'th name is one of somebody who has name servers below it, which others use.
const hosting = 100

// delegation is what a registry holds of one name: presentation form, lower case but for the owner.
type delegation struct {
	name string   // in the case that the file has it
	ns   []string // targets
	glue []string // "owner type address", of the servers below this name
	ds   []string
}

// name is the owner of a delegation: hyphens, digits, IDN, underscores, and cases.
func (g *registry) name(i int) string {
	mixed := uint64(i)*0x9e3779b97f4a7c15 ^ uint64(i)<<31
	label := fmt.Sprintf("%c%x-%d", 'a'+rune(mixed>>40%26), mixed>>48, i)
	switch i % 50 {
	case 7:
		label = "xn--" + label
	case 8:
		label = "_" + label
	case 9:
		label = strings.ToUpper(label) + "MiXed"
	case 10:
		label = fmt.Sprintf("%d", i)
	case 11:
		label += strings.Repeat("l", 60-len(label))
	}
	return label + "." + g.origin
}

// delegation makes one.
func (g *registry) delegation(i int) delegation {
	r := rand.New(rand.NewPCG(uint64(i), uint64(g.edited[i])))
	d := delegation{name: g.name(i)}
	own := strings.ToLower(d.name)
	servers := 2 + r.IntN(3)
	kind := r.IntN(4)
	for n := range servers {
		host := fmt.Sprintf("ns%d.%s", n, own)
		k := kind
		if i%hosting == 0 {
			k = 0
		} else if r.IntN(5) == 0 {
			k = r.IntN(4)
		}
		switch k {
		case 0: // below the name itself
			d.glue = append(d.glue, fmt.Sprintf("%s A 192.0.%d.%d", host, i%256, g.edited[i]*16+n))
			if r.IntN(2) == 0 || i%hosting == 0 {
				d.glue = append(d.glue, fmt.Sprintf("%s AAAA 2001:db8:%x::%x", host, 1+i%65535, 1+n))
			}
		case 1: // below somebody's who has such
			other := max(0, i/hosting-r.IntN(5)) * hosting
			host = fmt.Sprintf("ns%d.%s", n%2, strings.ToLower(g.name(other)))
		case 2: // elsewhere
			host = fmt.Sprintf("ns%d.host%d.example.", n, r.IntN(1000))
		case 3: // the registry's own
			host = fmt.Sprintf("ns%d.nic.%s", n, g.origin)
		}
		if !slices.Contains(d.ns, host) {
			d.ns = append(d.ns, host)
		}
	}
	if r.IntN(3) == 0 {
		for n := range 1 + r.IntN(2) {
			d.ds = append(d.ds, fmt.Sprintf("%d 13 2 %016x%048x", 1+i%60000+n, r.Uint64(), i))
		}
	}
	return d
}

// write writes the zone.
func (g *registry) write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprintf(b, "$TTL 86400\n%s SOA ns0.nic.%[1]s hostmaster.nic.%[1]s %d 1800 900 604800 900\n", g.origin, g.serial)
	for n := range 4 {
		fmt.Fprintf(b, "%s NS ns%d.nic.%[1]s\nns%[2]d.nic.%[1]s A 192.0.2.%[2]d\nns%[2]d.nic.%[1]s AAAA 2001:db8::%[2]x\n", g.origin, n)
	}
	for i := range g.count {
		d := g.delegation(i)
		for _, ns := range d.ns {
			fmt.Fprintf(b, "%s NS %s\n", d.name, ns)
		}
		for _, glue := range d.glue {
			fmt.Fprintln(b, glue)
		}
		for _, ds := range d.ds {
			fmt.Fprintf(b, "%s DS %s\n", d.name, ds)
		}
	}
	return b.Flush()
}

// file writes the zone into a file.
func (g *registry) file(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.write(f), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// rootText is a root zone that delegates the registry's and a few hundred others.
func (g *registry) rootText() string {
	var b strings.Builder
	b.WriteString("$TTL 172800\n. SOA a.root-servers.invalid. host.invalid. 1 1800 900 604800 86400\n")
	for c := 'a'; c <= 'm'; c++ {
		fmt.Fprintf(&b, ". NS %c.root-servers.invalid.\n%[1]c.root-servers.invalid. A 198.51.100.%d\n%[1]c.root-servers.invalid. AAAA 2001:db8:53::%x\n", c, c, c)
	}
	for n := range 4 {
		fmt.Fprintf(&b, "%s NS ns%d.nic.%[1]s\nns%[2]d.nic.%[1]s A 192.0.2.%[2]d\nns%[2]d.nic.%[1]s AAAA 2001:db8::%[2]x\n", g.origin, n)
	}
	fmt.Fprintf(&b, "%s DS 4711 13 2 %064x\n", g.origin, 4711)
	for i := range 300 {
		name := rootName(i)
		for n := range 2 + i%5 {
			fmt.Fprintf(&b, "%s NS %c.nic.%[1]s\n%[2]c.nic.%[1]s A 203.0.113.%[3]d\n", name, 'a'+n, i%256)
		}
		if i%10 > 0 {
			fmt.Fprintf(&b, "%s DS %d 8 2 %064x\n", name, i, i)
		}
	}
	return b.String()
}

func rootName(i int) string {
	if i%7 == 0 {
		return fmt.Sprintf("xn--t%d.", i)
	}
	return fmt.Sprintf("t%d.", i)
}

// ask is a random question to the two: names at cuts, below them and beside, servers and DS, in any case of letters.
func (g *registry) ask(r *rand.Rand) *dns.Msg {
	i := r.IntN(g.count)
	name := g.name(i)
	switch r.IntN(16) {
	case 0, 1, 2:
		name = "www." + name
	case 3:
		name = "a.b.c.d." + name
	case 4:
		name = "ns0." + name
	case 5: // beside
		name = "x" + name
	case 6:
		name = "www.x-" + name
	case 7:
		name = fmt.Sprintf("ns%d.nic.%s", r.IntN(6), g.origin)
	case 8:
		name = pick(r, []string{g.origin, "nic." + g.origin, ".", "*." + g.origin, `\000.` + g.origin, `\255.` + g.origin, "0." + g.origin, "zz." + g.origin})
	case 9:
		name = pick(r, []string{"", "www.", "a.nic."}) + rootName(r.IntN(310))
	}
	if r.IntN(4) == 0 {
		b := []byte(name)
		for at := range b {
			if c := b[at]; r.IntN(2) == 0 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
				b[at] ^= 0x20
			}
		}
		name = string(b)
	}
	q := new(dns.Msg).SetQuestion(name, pick(r, []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeNS, dns.TypeDS, dns.TypeDS, dns.TypeMX, dns.TypeSOA, dns.TypeANY, dns.TypeDNSKEY, dns.TypeNSEC3PARAM}))
	q.Id, q.RecursionDesired = 1, r.IntN(4) == 0
	if r.IntN(6) > 0 {
		q.SetEdns0(pick(r, []uint16{1232, 1232, 512, 4096}), r.IntN(2) == 0)
	}
	return q
}
