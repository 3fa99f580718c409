package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/miekg/dns"
)

const (
	smallZone, smallNames = "small.test", 1000
	mixZone, mixCuts      = "mix.test", 100_000
	bigZone, bigNames     = "big.test", 1_000_000
	tenNames              = 10_000_000
	manyCount             = 50_000
)

func writeSmall(dir string) error {
	z, err := newZone(dir, smallZone, 1)
	if err != nil {
		return err
	}
	for i := range smallNames {
		z.linef("h%04d A %s\nh%04d AAAA 2001:db8:1::%x", i, ip4(i), i, i)
	}
	return z.close()
}

// askSmall asks for the small zone's addresses, and for the part misses for names that are not there.
func askSmall(misses float64) asking {
	return func(r *rand.Rand, q *questions, count int) {
		for range count {
			if r.Float64() < misses {
				q.add(fmt.Sprintf("x%06d.%s", r.IntN(1e6), smallZone), dns.TypeA, expect{rcode: dns.RcodeNameError})
				continue
			}
			i := r.IntN(smallNames)
			addHost(r, q, fmt.Sprintf("h%04d.%s", i, smallZone), ip4(i), fmt.Sprintf("2001:db8:1::%x", i))
		}
	}
}

// addHost asks for one of a name's two addresses.
func addHost(r *rand.Rand, q *questions, name, v4, v6 string) {
	if r.IntN(2) == 0 {
		q.add(name, dns.TypeA, expect{answer: []string{rr(name, "A", v4)}})
	} else {
		q.add(name, dns.TypeAAAA, expect{answer: []string{rr(name, "AAAA", v6)}})
	}
}

func writeMix(dir string) error {
	z, err := newZone(dir, mixZone, 1)
	if err != nil {
		return err
	}
	for i := range mixCuts {
		d := fmt.Sprintf("d%06d", i)
		z.linef("%s NS ns1.%s\n%s NS ns2.%s\nns1.%s A %s\nns2.%s A %s\nns1.%s AAAA 2001:db8:2:%x::%x",
			d, d, d, d, d, ip4(i), d, ip4(i+1), d, i>>16, i&65535)
	}
	for i := range 1000 {
		z.linef("h%04d A %s", i, ip4(i))
	}
	return z.close()
}

func askMix(r *rand.Rand, q *questions, count int) {
	for range count {
		switch p := r.Float64(); {
		case p < 0.6:
			cut := fmt.Sprintf("d%06d.%s", r.IntN(mixCuts), mixZone)
			q.add("www."+cut, [2]uint16{dns.TypeA, dns.TypeAAAA}[r.IntN(2)], expect{cut: cut})
		case p < 0.9:
			q.add(fmt.Sprintf("n%07d.%s", r.IntN(1e7), mixZone), dns.TypeA, expect{rcode: dns.RcodeNameError})
		default:
			i := r.IntN(1000)
			name := fmt.Sprintf("h%04d.%s", i, mixZone)
			q.add(name, dns.TypeA, expect{answer: []string{rr(name, "A", ip4(i))}})
		}
	}
}

func bigName(i int) string { return fmt.Sprintf("h%07d", i) }

func writeBig(names int) func(dir string) error {
	return func(dir string) error {
		z, err := newZone(dir, bigZone, 1)
		if err != nil {
			return err
		}
		for i := range names {
			z.linef("h%07d A 10.%d.%d.%d", i, i>>16&255, i>>8&255, i&255)
		}
		return z.close()
	}
}

func askBig(names int) asking {
	return func(r *rand.Rand, q *questions, count int) {
		for range count {
			addBig(q, r.IntN(names))
		}
	}
}

func addBig(q *questions, i int) {
	name := bigName(i) + "." + bigZone
	q.add(name, dns.TypeA, expect{answer: []string{rr(name, "A", ip4(i))}})
}

// askZipf asks the big zone: the n-th most wanted name has a part of 1/n of the questions, as names on the net about have.
// Ranks are spread over the zone, or the wanted names would be neighbours in every server's memory.
func askZipf(r *rand.Rand, q *questions, count int) {
	sums := make([]float64, bigNames)
	var sum float64
	for i := range sums {
		sum += 1 / float64(i+1)
		sums[i] = sum
	}
	for range count {
		rank := sort.SearchFloat64s(sums, math.Min(r.Float64()*sum, sum))
		addBig(q, rank*611_953%bigNames) // a prime that does not divide a million: a permutation
	}
}

func manyName(i int) string { return fmt.Sprintf("z%06d.test", i) }

func manyZones() []string {
	zs := make([]string, manyCount)
	for i := range zs {
		zs[i] = manyName(i)
	}
	return zs
}

func writeMany(dir string) error {
	for i := range manyCount {
		if err := writeTiny(dir, i); err != nil {
			return err
		}
	}
	return nil
}

func askMany(r *rand.Rand, q *questions, count int) {
	for range count {
		i := r.IntN(manyCount)
		addHost(r, q, "www."+manyName(i), ip4(i), fmt.Sprintf("2001:db8:3::%x", i))
	}
}
