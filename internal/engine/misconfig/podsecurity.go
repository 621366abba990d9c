package misconfig

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/policy"
)

// versionLabel is how a namespace says which version of the Pod Security Standards its pods are admitted by:
// https://kubernetes.io/docs/concepts/security/pod-security-admission/
const versionLabel = "pod-security.kubernetes.io/enforce-version"

var _ policy.PodSecurity = (*judge)(nil)

// PodSecurity returns the minor version of the Pod Security Standards that counts for the resource: the one that its namespace
// states, where that is in the project, else the one that the run was told, else the latest.
func (j *judge) PodSecurity() plinth.Value {
	if j.version.IsNull() {
		j.version = j.podSecurity()
	}
	return j.version
}

func (j *judge) podSecurity() plinth.Value {
	told := policy.LatestPodSecurity
	if j.psa > 0 {
		told = min(j.psa, told)
	}
	own := plinth.Value{}
	for _, n := range j.versioned() {
		if own.IsNull() {
			own = j.namespace()
		}
		version, _ := n.At("metadata", "labels", versionLabel)
		name, _ := n.At("metadata", "name")
		switch {
		case name.Kind() == plinth.String && own.Kind() == plinth.String && name.Str() != own.Str():
		case name.IsUnknown() || own.IsUnknown() || version.IsUnknown():
			return plinth.UnknownOf(append(append(name.Why(), own.Why()...), version.Why()...)...)
		default:
			return minorVersion(version.Str(), told)
		}
	}
	return plinth.NumberOf(float64(told))
}

// versioned returns the project's namespaces that state a version.
func (j *judge) versioned() []plinth.Value {
	return j.Index(versionLabel, func() any {
		var out []plinth.Value
		for _, n := range j.All("core/Namespace") {
			if version, ok := n.At("metadata", "labels", versionLabel); ok && !version.IsNull() {
				out = append(out, n)
			}
		}
		return out
	}).([]plinth.Value)
}

// namespace returns the name of the resource's namespace.
func (j *judge) namespace() plinth.Value {
	if v, ok := j.res.Props.At("metadata", "namespace"); ok && !v.IsNull() {
		return v
	}
	return plinth.StringOf("default")
}

// minorVersion reads "v1.28" and "latest"; a text that admission would refuse counts for nothing.
func minorVersion(text string, told int) plinth.Value {
	if text == "latest" {
		return plinth.NumberOf(policy.LatestPodSecurity)
	}
	rest, ok := strings.CutPrefix(text, "v1.")
	n, err := strconv.Atoi(rest)
	if !ok || err != nil || n < 0 {
		n = told
	}
	return plinth.NumberOf(float64(min(n, policy.LatestPodSecurity)))
}
