package main

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// quantile returns the q-th quantile of xs, between neighbours in proportion; NaN of none.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	xs = slices.Sorted(slices.Values(xs))
	at := q * float64(len(xs)-1)
	i := int(at)
	if i+1 == len(xs) {
		return xs[i]
	}
	return xs[i] + (at-float64(i))*(xs[i+1]-xs[i])
}

func median(xs []float64) float64 { return quantile(xs, 0.5) }

// spread is a median with the quartiles around it.
type spread struct{ low, mid, high float64 }

func spreadOf(xs []float64) spread {
	return spread{quantile(xs, 0.25), median(xs), quantile(xs, 0.75)}
}

// bootstrap returns the median of xs and the interval that holds 95 % of the medians of samples drawn from xs. The same
// every time.
func bootstrap(xs []float64) spread {
	if len(xs) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	const draws = 2000
	r := rand.New(rand.NewPCG(1, 2))
	medians, again := make([]float64, draws), make([]float64, len(xs))
	for i := range medians {
		for j := range again {
			again[j] = xs[r.IntN(len(xs))]
		}
		medians[i] = median(again)
	}
	return spread{quantile(medians, 0.025), median(xs), quantile(medians, 0.975)}
}

// histogram counts durations in nanoseconds, each to within 1/128 of itself.
type histogram struct {
	count uint64
	max   int64
	bins  [58 << histBits]uint64
}

const histBits = 7

func histBin(v int64) int {
	e := bits.Len64(uint64(v)) - histBits - 1
	if e <= 0 {
		return int(v)
	}
	return e<<histBits + int(v>>e)
}

// histValue is the least value of a bin.
func histValue(bin int) int64 {
	e := bin>>histBits - 1
	if e <= 0 {
		return int64(bin)
	}
	return int64(bin-e<<histBits) << e
}

func (h *histogram) add(v int64) {
	v = max(v, 0)
	h.bins[histBin(v)]++
	h.count++
	h.max = max(h.max, v)
}

// quantile returns the least value that the part q of all is not above, in nanoseconds.
func (h *histogram) quantile(q float64) int64 {
	want := uint64(math.Ceil(q * float64(h.count)))
	var sum uint64
	for i, n := range h.bins {
		if sum += n; sum >= want && n > 0 {
			return histValue(i)
		}
	}
	return 0
}
