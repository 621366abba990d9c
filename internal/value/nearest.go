package value

import "strings"

// Nearest returns the candidate nearest to what was typed, "" when none is near. Case does not count; a candidate that begins
// with what was typed is near as well.
func Nearest(typed string, candidates []string) string {
	best, least := "", max(2, len(typed)/3)+1
	low := strings.ToLower(typed)
	for _, c := range candidates {
		d := distance(low, strings.ToLower(c), least)
		if d >= least && len(low) >= 3 && strings.HasPrefix(strings.ToLower(c), low) {
			d = least - 1
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// Hint returns the end of a sentence that names the nearest candidate, "" when none is near.
func Hint(typed string, candidates []string) string {
	if w := Nearest(typed, candidates); w != "" {
		return "; did you mean " + w + "?"
	}
	return ""
}

// distance is the number of insertions, deletions, replacements and swaps of neighbours between two words; it stops at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	two, one := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one = one, row
	}
	return one[len(b)]
}
