package main

import (
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/miekg/dns"
)

const (
	shapesZone  = "shapes.test"
	shapesCount = 1000 // of each kind
)

// writeTiny writes the i-th of many zones: five records.
func writeTiny(dir string, i int) error {
	text := fmt.Sprintf("$TTL 3600\n@ SOA ns1 host 1 3600 900 604800 300\n@ NS ns1\nns1 A 192.0.2.1\nwww A %s\nwww AAAA 2001:db8:3::%x\n", ip4(i), i)
	return os.WriteFile(zoneFile(dir, manyName(i)), []byte(text), 0o644)
}

// writeShapes writes 1,000 each of wildcards, chains, MX and SRV with hosts, and HTTPS.
func writeShapes(dir string) error { return writeShapesWith(dir, httpsText) }

// writeOldShapes writes the same with the HTTPS records in the form of RFC 3597, for servers that do not know the type. Those
// that know it do not all take this form.
func writeOldShapes(dir string) error { return writeShapesWith(dir, httpsData) }

func writeShapesWith(dir string, https func(int) string) error {
	z, err := newZone(dir, shapesZone, 1)
	if err != nil {
		return err
	}
	for i := range shapesCount {
		z.linef("*.w%04d A %s", i, ip4(i))
		z.linef("c%04d CNAME d%04d\nd%04d CNAME e%04d\ne%04d A %s", i, i, i, i, i, ip4(i))
		if i%2 == 1 {
			z.linef("b%04d CNAME c%04d", i, i)
		}
		z.linef("m%04d MX 10 in1.m%04d\nm%04d MX 20 in2.m%04d", i, i, i, i)
		z.linef("in1.m%04d A %s\nin1.m%04d AAAA 2001:db8:4::%x\nin2.m%04d A %s", i, ip4(i), i, i, i, ip4(i+1))
		z.linef("_sip._tcp.s%04d SRV 0 5 5060 p1.s%04d\n_sip._tcp.s%04d SRV 0 5 5060 p2.s%04d", i, i, i, i)
		z.linef("p1.s%04d A %s\np1.s%04d AAAA 2001:db8:5::%x\np2.s%04d A %s", i, ip4(i), i, i, i, ip4(i+1))
		z.linef("t%04d A %s\nt%04d %s", i, ip4(i), i, https(i))
	}
	return z.close()
}

func httpsText(i int) string { return `HTTPS 1 . alpn="h2,h3" ipv4hint=` + ip4(i) }

// httpsData is the same in octets.
func httpsData(i int) string {
	return fmt.Sprintf("TYPE65 \\# 21 00010000010006026832026833000400040a%02x%02x%02x", i>>16&255, i>>8&255, i&255)
}

func askWildcard(r *rand.Rand, q *questions, count int) {
	for range count {
		i := r.IntN(shapesCount)
		name := fmt.Sprintf("x%05d.w%04d.%s", r.IntN(1e5), i, shapesZone)
		q.add(name, dns.TypeA, expect{answer: []string{rr(name, "A", ip4(i))}})
	}
}

func askCNAME(r *rand.Rand, q *questions, count int) {
	for range count {
		i := r.IntN(shapesCount)
		at := func(letter string) string { return fmt.Sprintf("%s%04d.%s", letter, i, shapesZone) }
		answer := []string{rr(at("c"), "CNAME", at("d")+"."), rr(at("d"), "CNAME", at("e")+"."), rr(at("e"), "A", ip4(i))}
		name := at("c")
		if i%2 == 1 {
			name = at("b")
			answer = append([]string{rr(name, "CNAME", at("c")+".")}, answer...)
		}
		q.add(name, dns.TypeA, expect{answer: answer})
	}
}

func askMX(r *rand.Rand, q *questions, count int) {
	for range count {
		name := fmt.Sprintf("m%04d.%s", r.IntN(shapesCount), shapesZone)
		q.add(name, dns.TypeMX, expect{answer: []string{rr(name, "MX", "10 in1."+name+"."), rr(name, "MX", "20 in2."+name+".")}})
	}
}

func askSRV(r *rand.Rand, q *questions, count int) {
	for range count {
		host := fmt.Sprintf("s%04d.%s", r.IntN(shapesCount), shapesZone)
		name := "_sip._tcp." + host
		q.add(name, dns.TypeSRV, expect{answer: []string{rr(name, "SRV", "0 5 5060 p1."+host+"."), rr(name, "SRV", "0 5 5060 p2."+host+".")}})
	}
}

func askHTTPS(r *rand.Rand, q *questions, count int) {
	for range count {
		i := r.IntN(shapesCount)
		name := fmt.Sprintf("t%04d.%s", i, shapesZone)
		q.add(name, dns.TypeHTTPS, expect{answer: []string{rr(name, "HTTPS", `1 . alpn="h2,h3" ipv4hint=`+ip4(i))}})
	}
}
