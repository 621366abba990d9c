package fix

import (
	"regexp"
	"slices"
)

// harmful are words that no proven change may bring in: they delete data after a time or for good, lock somebody out at once, or ask
// for a device that only a person holds. Whether to do so is the owner's to say.
var harmful = regexp.MustCompile(`(?i)(?:\b|_)(?:lifecycle_(?:rule|policy|configuration)|lifecycle(?:Rule|Configuration)|(?:noncurrent_version_)?expiration(?:_date)?|expiration(?:Date|InDays)|mfa_?delete|force_destroy|skip_final_snapshot|final_snapshot_disabled)\b|\bstatus"?\s*[=:]\s*"?Inactive\b`)

// harmless leaves the candidates that bring no such word in, and says why none is left.
func harmless(list []Candidate) ([]Candidate, string) {
	out := slices.DeleteFunc(slices.Clone(list), func(c Candidate) bool {
		return slices.ContainsFunc(c.Edits, func(e Edit) bool { return harmful.MatchString(e.Text) })
	})
	if len(out) == 0 && len(list) > 0 {
		return nil, "it would delete data or lock somebody out, which only the owner can decide: " + list[0].Summary
	}
	return out, ""
}
