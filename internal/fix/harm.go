package fix

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
)

// harmful are words that no proven change may bring in: they delete data after a time or for good, lock somebody out at once, or ask
// for a device that only a person holds. Whether to do so is the owner's to say.
var harmful = lazy.New(`(?i)(?:\b|_)(?:lifecycle_(?:rule|policy|configuration)|lifecycle(?:Rule|Configuration)|(?:noncurrent_version_)?expiration(?:_date)?|expiration(?:Date|InDays)|mfa_?delete|force_destroy|skip_final_snapshot|final_snapshot_disabled|only_critical_addons_enabled)\b|\bstatus"?\s*[=:]\s*"?Inactive\b`)

// needs are arguments that the cloud refuses without another.
var needs = map[string]string{
	"monitoring_interval":    "monitoring_role_arn",
	"zone_awareness_enabled": "instance_count",
	"local_account_disabled": "azure_active_directory_role_based_access_control",
}

// replacing are words of arguments that cannot be changed in place: Terraform makes the resource anew.
var replacing = []string{"encrypt", "kms", "private_cluster", "host_encryption", "purge_protection"}

// shutting are words of arguments that keep somebody out who gets in today.
var shutting = lazy.New(`^(publicly_accessible|public_network_access(_enabled)?|endpoint_public_access|map_public_ip_on_launch|associate_public_ip_address|private_cluster(_config|_enabled)|enable_private_(endpoint|nodes)|client_cert(ificate)?_(enabled|mode)|auth_settings(_v2)?|local_(account|authentication|user).*|shared_access_key_enabled|allow_extension_operations|disable_api_.*|http_tokens|https_only|ssl_.*|ipv4_enabled|enable_legacy_abac)$`)

// note is what a change means beyond the finding.
func note(s setting) string {
	for _, w := range replacing {
		if strings.Contains(s.name, w) {
			return s.name + " may only be possible on a new resource: read the plan before applying"
		}
	}
	if shutting.MatchString(s.name) {
		return s.name + " keeps out who relied on it: look who does before applying"
	}
	return ""
}

// unfinished is what may go after a time without a loss: parts of uploads that nobody finished.
var unfinished = lazy.New(`abort_incomplete_multipart_upload\s*\{\s*days_after_initiation\s*=\s*[1-9][0-9]*\s*\}`)

// harms tells whether a text holds a harmful word that is not about unfinished uploads alone.
func harms(text string) bool {
	if unfinished.MatchString(text) && !strings.Contains(text, "expiration") && strings.Count(text, "resource ") <= 1 {
		return false
	}
	return harmful.MatchString(text)
}

// harmless leaves the candidates that bring no such word in, and says why none is left.
func harmless(list []Candidate) ([]Candidate, string) {
	out := slices.DeleteFunc(slices.Clone(list), func(c Candidate) bool {
		return slices.ContainsFunc(c.Edits, func(e Edit) bool { return harms(e.Text) })
	})
	if len(out) == 0 && len(list) > 0 {
		return nil, "it would delete data or lock somebody out, which only the owner can decide: " + list[0].Summary
	}
	return out, ""
}
