package deploymentmanager

import (
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
)

var (
	plain   = lazy.New(`^([a-z][a-z0-9]*)\.(?:v\d[a-z0-9]*|alpha|beta)\.([A-Za-z][A-Za-z.]*)$`)
	managed = lazy.New(`^gcp-types/([a-z0-9]+)-(?:v\d[a-z0-9]*|alpha|beta):([A-Za-z.]+)$`)
)

// named are the kinds that the service's inventory calls otherwise.
var named = map[string]string{"logging.googleapis.com/Sink": "logging.googleapis.com/LogSink", "logging.googleapis.com/Metric": "logging.googleapis.com/LogMetric"}

// provider gives a type in the form SERVICE.googleapis.com/Kind. ok is false for templates and types of a project's own.
func provider(kind string) (form string, ok bool) {
	m := plain.FindStringSubmatch(kind)
	if m == nil {
		m = managed.FindStringSubmatch(kind)
	}
	if m == nil || m[2] == "jinja" || m[2] == "py" {
		return "", false
	}
	last := singular(m[2][strings.LastIndexByte(m[2], '.')+1:])
	if last == "" {
		return "", false
	}
	if m[1] == "compute" {
		for _, scope := range []string{"global", "region"} { // globalAddress is an Address
			if rest, ok := strings.CutPrefix(last, scope); ok && rest != "" && rest[0] <= 'Z' {
				last = rest
			}
		}
	}
	form = m[1] + ".googleapis.com/" + strings.ToUpper(last[:1]) + last[1:]
	if other, ok := named[form]; ok {
		form = other
	}
	return form, true
}

// singular gives the name of one of a collection: policies, addresses, buckets.
func singular(s string) string {
	switch {
	case strings.HasSuffix(s, "ies"):
		return strings.TrimSuffix(s, "ies") + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"), strings.HasSuffix(s, "ches"):
		return strings.TrimSuffix(s, "es")
	case strings.HasSuffix(s, "ss"):
		return s
	}
	return strings.TrimSuffix(s, "s")
}
