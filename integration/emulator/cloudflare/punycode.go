package cloudflare

import (
	"slices"
	"strings"
	"unicode"
)

// toASCII returns the name in lower case, with labels that are not ASCII in punycode. It
// does no normalisation of Unicode beyond lower case.
func toASCII(name string) string {
	labels := strings.Split(strings.ToLower(name), ".")
	for i, l := range labels {
		if strings.ContainsFunc(l, func(c rune) bool { return c > unicode.MaxASCII }) {
			labels[i] = "xn--" + punycode([]rune(l))
		}
	}
	return strings.Join(labels, ".")
}

// punycode encodes a label (RFC 3492 6.3; the constants are section 5's).
func punycode(label []rune) string {
	const base, tMin, tMax, initialN, initialBias = 36, 1, 26, 128, 72
	var out []byte
	for _, c := range label {
		if c < initialN {
			out = append(out, byte(c))
		}
	}
	basic := len(out)
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias := rune(initialN), 0, initialBias
	for done := basic; done < len(label); {
		next := slices.MinFunc(label, func(a, b rune) int { return int(rank(a, n) - rank(b, n)) })
		delta += int(next-n) * (done + 1)
		n = next
		for _, c := range label {
			if c < n {
				delta++
			}
			if c != n {
				continue
			}
			q := delta
			for k := base; ; k += base {
				t := min(max(k-bias, tMin), tMax)
				if q < t {
					break
				}
				out = append(out, digit(t+(q-t)%(base-t)))
				q = (q - t) / (base - t)
			}
			out = append(out, digit(q))
			bias = adapt(delta, done+1, done == basic)
			delta = 0
			done++
		}
		delta++
		n++
	}
	return string(out)
}

// rank puts characters below n behind all others.
func rank(c, n rune) rune {
	if c < n {
		return unicode.MaxRune + 1
	}
	return c
}

func digit(v int) byte {
	return "abcdefghijklmnopqrstuvwxyz0123456789"[v]
}

// adapt is RFC 3492 6.1.
func adapt(delta, points int, first bool) int {
	const base, tMin, tMax, skew, damp = 36, 1, 26, 38, 700
	if first {
		delta /= damp
	} else {
		delta /= 2
	}
	delta += delta / points
	k := 0
	for ; delta > (base-tMin)*tMax/2; k += base {
		delta /= base - tMin
	}
	return k + (base-tMin+1)*delta/(delta+skew)
}
