package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQuantile(t *testing.T) {
	xs := []float64{4, 1, 3, 2}
	for _, c := range []struct{ q, want float64 }{{0, 1}, {0.5, 2.5}, {0.25, 1.75}, {1, 4}} {
		if got := quantile(xs, c.q); got != c.want {
			t.Errorf("quantile(%v) = %v, want %v", c.q, got, c.want)
		}
	}
	if !slices.Equal(xs, []float64{4, 1, 3, 2}) {
		t.Error("quantile sorted its argument")
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v", got)
	}
}

func TestBootstrap(t *testing.T) {
	if got, want := bootstrap([]float64{2, 2, 2}), (spread{2, 2, 2}); got != want {
		t.Errorf("of equal values %v, want %v", got, want)
	}
	xs := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	a, b := bootstrap(xs), bootstrap(xs)
	if a != b {
		t.Errorf("not the same twice: %v, %v", a, b)
	}
	if a.mid != 5 || a.low >= 5 || a.high <= 5 || a.low < 1 || a.high > 9 {
		t.Errorf("interval %v of 1..9", a)
	}
}

func TestHistogram(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var h histogram
	var all []int64
	for range 10_000 {
		v := int64(math.Exp(r.Float64() * 25))
		h.add(v)
		all = append(all, v)
	}
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.5, 0.99, 0.999, 1} {
		want := all[int(math.Ceil(q*10_000))-1]
		got := h.quantile(q)
		if got > want || float64(want-got) > float64(want)/128 {
			t.Errorf("quantile(%v) = %d, want %d within 1/128", q, got, want)
		}
	}
	if h.max != all[len(all)-1] || h.count != 10_000 {
		t.Errorf("max %d, count %d", h.max, h.count)
	}
	h.add(math.MaxInt64) // the last bin is there
	h.add(-5)
	if h.quantile(0) != 0 || histValue(histBin(math.MaxInt64)) <= math.MaxInt64/2 {
		t.Error("the ends of the range")
	}
}

func TestRatios(t *testing.T) {
	a := []sample{{Round: 0, NS: 10}, {Round: 1, NS: 30}, {Round: 3, NS: 1}}
	b := []sample{{Round: 1, NS: 10}, {Round: 0, NS: 20}, {Round: 2, NS: 5}}
	if got, want := ratios(a, b, sampleNS), []float64{0.5, 3}; !slices.Equal(got, want) {
		t.Errorf("ratios = %v, want those of the same rounds %v", got, want)
	}
}

func TestBest(t *testing.T) {
	of := map[string][]sample{mangroveName: {{NS: 1}}, "floor-c": {{NS: 2}}, "nsd": {{NS: 9}, {NS: 3}, {NS: 4}}, "knot": {{NS: 5}}}
	if got := best(of, sampleNS); got != "nsd" {
		t.Errorf("best = %q: neither Mangrove nor a floor is a peer, and the median counts", got)
	}
	if got := best(map[string][]sample{mangroveName: {{NS: 1}}}, sampleNS); got != "" {
		t.Errorf("best = %q without peers", got)
	}
}
