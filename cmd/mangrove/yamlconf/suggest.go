package yamlconf

import (
	"fmt"
	"strings"
)

// unknownKey says what to write instead of key, where one of known is near.
func unknownKey(key, path string, known []string) string {
	where := ""
	if path != "" {
		where = " in " + path
	}
	if near := Nearest(key, known); near != "" {
		return fmt.Sprintf("unknown key %q%s; did you mean %q?", key, where, near)
	}
	return fmt.Sprintf("unknown key %q%s; known are %s", key, where, strings.Join(known, ", "))
}

// Nearest returns the one of known that word may have been meant to be, or "".
func Nearest(word string, known []string) string {
	best, limit := "", max(1, len(word)/3)+1
	for _, k := range known {
		if n := distance(strings.ToLower(word), k); n < limit {
			best, limit = k, n
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that lead from a to b.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last = last, row
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
