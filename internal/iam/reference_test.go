package iam

import (
	"encoding/base64"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The reference evaluator: the rules of the provider's documentation once more, on plain JSON, slow and without any sharing with the
// product but the facts about services. It answers strict requests only.

type object = map[string]any

// refCase is one question in the form of plinth iam eval.
type refCase struct {
	Principal, Action, Resource, Account string
	Context                              map[string][]string
	Identity, Boundary, Session          []any // nil: none
	Endpoint                             []any
	ResourcePolicy                       any
	SCP, RCP                             [][]any
}

func refList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// refGlob compiles a pattern in which variables are filled in; bad means that one has no value.
func refGlob(pattern string, variables bool, ctx map[string][]string, wild bool) (re *regexp.Regexp, bad bool) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		if variables && strings.HasPrefix(pattern[i:], "${") {
			if end := strings.IndexByte(pattern[i:], '}'); end > 0 {
				name := pattern[i+2 : i+end]
				i += end
				if name == "*" || name == "?" || name == "$" {
					b.WriteString(regexp.QuoteMeta(name))
					continue
				}
				key, other, has := strings.Cut(name, ",")
				values := refLookup(ctx, strings.TrimSpace(key))
				switch {
				case len(values) == 1:
					b.WriteString(regexp.QuoteMeta(values[0]))
				case len(values) == 0 && has:
					b.WriteString(regexp.QuoteMeta(strings.Trim(strings.TrimSpace(other), "'")))
				default:
					return nil, true
				}
				continue
			}
		}
		switch c := pattern[i]; {
		case wild && c == '*':
			b.WriteString(".*")
		case wild && c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + `\z`), false
}

func refLookup(ctx map[string][]string, key string) []string {
	for k, v := range ctx {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}

func refMatches(pattern, s string, variables bool, ctx map[string][]string) bool {
	re, bad := refGlob(pattern, variables, ctx, true)
	return !bad && re.MatchString(s)
}

func refArn(pattern, s string, variables bool, ctx map[string][]string) bool {
	if pattern == "*" {
		return true
	}
	p, v := strings.SplitN(pattern, ":", 6), strings.SplitN(s, ":", 6)
	if len(p) != 6 || len(v) != 6 {
		return false
	}
	for i := range p {
		if !refMatches(p[i], v[i], variables, ctx) {
			return false
		}
	}
	return true
}

func refTime(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(n, 0), true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// refOne compares one value of the request with one of the policy, for an operator without Not.
func refOne(op, v, w string, variables bool, ctx map[string][]string) bool {
	fill := func() string {
		re, bad := refGlob(w, variables, ctx, false)
		if bad {
			return "\xff"
		}
		return re.String()
	}
	number := func(compare func(a, b float64) bool) bool {
		a, err := strconv.ParseFloat(v, 64)
		b, err2 := strconv.ParseFloat(w, 64)
		return err == nil && err2 == nil && compare(a, b)
	}
	moment := func(compare func(n int) bool) bool {
		a, ok := refTime(v)
		b, ok2 := refTime(w)
		return ok && ok2 && compare(a.Compare(b))
	}
	switch op {
	case "StringEquals":
		re := fill()
		return re != "\xff" && regexp.MustCompile(re).MatchString(v)
	case "StringEqualsIgnoreCase":
		re := fill()
		return re != "\xff" && regexp.MustCompile("(?i)"+re).MatchString(v)
	case "StringLike":
		return refMatches(w, v, variables, ctx)
	case "ArnLike", "ArnEquals":
		return refArn(w, v, variables, ctx)
	case "Bool":
		return strings.EqualFold(v, w)
	case "BinaryEquals":
		a, _ := base64.StdEncoding.DecodeString(v)
		b, _ := base64.StdEncoding.DecodeString(w)
		return string(a) == string(b)
	case "IpAddress":
		_, n, err := net.ParseCIDR(w)
		return err == nil && n.Contains(net.ParseIP(v))
	case "NumericEquals":
		return number(func(a, b float64) bool { return a == b })
	case "NumericLessThan":
		return number(func(a, b float64) bool { return a < b })
	case "NumericLessThanEquals":
		return number(func(a, b float64) bool { return a <= b })
	case "NumericGreaterThan":
		return number(func(a, b float64) bool { return a > b })
	case "NumericGreaterThanEquals":
		return number(func(a, b float64) bool { return a >= b })
	case "DateEquals":
		return moment(func(n int) bool { return n == 0 })
	case "DateLessThan":
		return moment(func(n int) bool { return n < 0 })
	case "DateGreaterThan":
		return moment(func(n int) bool { return n > 0 })
	}
	panic("reference: no operator " + op)
}

func refCondition(name, key string, wanted []any, variables bool, ctx map[string][]string) bool {
	set, op, has := strings.Cut(name, ":")
	if !has {
		set, op = "", name
	}
	op, ifExists := strings.CutSuffix(op, "IfExists")
	negated := strings.Contains(op, "Not")
	op = strings.Replace(op, "Not", "", 1)
	values := refLookup(ctx, key)
	if op == "Null" {
		for _, w := range wanted {
			if w == strconv.FormatBool(len(values) == 0) {
				return true
			}
		}
		return false
	}
	if len(values) == 0 {
		return set == "ForAllValues" || ifExists || set == "" && negated
	}
	matches := 0
	for _, v := range values {
		hit := false
		for _, w := range wanted {
			hit = hit || refOne(op, v, w.(string), variables, ctx)
		}
		if hit != negated {
			matches++
		}
	}
	if set == "ForAllValues" || set == "" && negated {
		return matches == len(values)
	}
	return matches > 0
}

// refNames tells how a name of a policy names the caller: 0 not, 1 its account, 2 its role, 3 itself.
func refNames(kind, name, principal string) int {
	account := ""
	if strings.HasPrefix(principal, "arn:") {
		account = strings.Split(principal, ":")[4]
	}
	switch {
	case name == "*" && (kind == "AWS" || kind == ""):
		return 3
	case kind == "Service":
		if name == principal {
			return 3
		}
	case kind == "Federated" || kind == "CanonicalUser":
	case name == account && account != "", account != "" && name == "arn:aws:iam::"+account+":root":
		return 1
	case strings.Contains(principal, ":assumed-role/"):
		role := strings.Split(principal, "/")[1]
		prefix := "arn:aws:iam::" + account + ":role/"
		if strings.HasPrefix(name, prefix) && (name == prefix+role || strings.HasSuffix(name, "/"+role)) {
			return 2
		}
		if name == principal {
			return 3
		}
	case name == principal && strings.Contains(principal, ":role/"):
		return 2
	case name == principal && name != "anonymous":
		return 3
	}
	return 0
}

func refPrincipals(v any, principal string) int {
	best := 0
	if m, ok := v.(object); ok {
		for kind, list := range m {
			for _, name := range refList(list) {
				best = max(best, refNames(kind, name.(string), principal))
			}
		}
		return best
	}
	for _, name := range refList(v) {
		best = max(best, refNames("", name.(string), principal))
	}
	return best
}

// refStatement tells how a statement applies to the request: 0 not, else as refNames.
func refStatement(c *refCase, s object, version any, resourcePolicy bool, everywhere bool) int {
	variables := version == "2012-10-17"
	hasAction := func(list []any) bool {
		for _, p := range list {
			if refMatches(strings.ToLower(p.(string)), strings.ToLower(c.Action), false, nil) {
				return true
			}
		}
		return false
	}
	if a, ok := s["Action"]; ok && !hasAction(refList(a)) {
		return 0
	}
	if a, ok := s["NotAction"]; ok && hasAction(refList(a)) {
		return 0
	}
	resource := c.Resource
	if everywhere {
		resource = "*"
	}
	hasResource := func(list []any) bool {
		for _, p := range list {
			if refMatches(p.(string), resource, variables, c.Context) {
				return true
			}
		}
		return false
	}
	r, named := s["Resource"]
	n, but := s["NotResource"]
	switch {
	case named && !hasResource(refList(r)), but && hasResource(refList(n)), !named && !but && !resourcePolicy:
		return 0
	}
	how := 3
	if p, ok := s["Principal"]; ok {
		how = refPrincipals(p, c.Principal)
	} else if p, ok := s["NotPrincipal"]; ok {
		if refPrincipals(p, c.Principal) > 1 {
			how = 0
		}
	} else if resourcePolicy {
		how = 0
	}
	conditions, _ := s["Condition"].(object)
	for op, keys := range conditions {
		for key, wanted := range keys.(object) {
			if !refCondition(op, key, refList(wanted), variables, c.Context) {
				return 0
			}
		}
	}
	return how
}

// reference answers the case.
func reference(c *refCase, services *Services) string {
	action := services.Action(c.Action)
	denied := false
	look := func(policies []any, resourcePolicy bool) (allow [4]bool) {
		for _, p := range policies {
			doc := p.(object)
			for _, st := range refList(doc["Statement"]) {
				s := st.(object)
				how := refStatement(c, s, doc["Version"], resourcePolicy, action.Everywhere())
				if how > 0 && s["Effect"] == "Deny" {
					denied = true
				} else if how > 0 {
					allow[how] = true
				}
			}
		}
		return allow
	}
	caller := strings.HasPrefix(c.Principal, "arn:")
	identity := caller && look(c.Identity, false)[3]
	limits := (c.Boundary == nil || look(c.Boundary, false)[3]) && (c.Session == nil || look(c.Session, false)[3])
	if c.Session != nil { // its denials count even where the boundary lets nothing through
		look(c.Session, false)
	}
	outer := true
	if c.Endpoint != nil {
		let := look(c.Endpoint, false)
		outer = let[1] || let[2] || let[3]
	}
	linked := strings.Contains(c.Principal, "/aws-service-role/") || strings.Contains(c.Principal, "/AWSServiceRoleFor")
	if caller && !linked {
		for _, level := range c.SCP {
			if !look(level, false)[3] {
				outer = false
			}
		}
	}
	if !linked && services.find(action.service) != nil && services.find(action.service).rcp {
		for _, level := range c.RCP {
			look(level, false)
		}
	}
	var resource [4]bool
	if c.ResourcePolicy != nil {
		resource = look([]any{c.ResourcePolicy}, true)
	}
	same := caller && (c.Account == "" || strings.Split(c.Principal, ":")[4] == c.Account)
	guarded := strings.HasPrefix(c.Action, "kms:") && strings.Contains(c.Resource, ":key/") || c.Action == "sts:AssumeRole" && strings.Contains(c.Resource, ":role/")
	var let bool
	switch {
	case !caller:
		let = resource[3]
	case same && guarded:
		let = resource[3] || limits && (resource[2] || resource[1] && identity)
	case same:
		let = resource[3] || limits && (resource[2] || identity)
	default:
		let = (resource[1] || resource[2] || resource[3]) && identity && limits
	}
	switch {
	case denied:
		return "ExplicitlyDenied"
	case let && outer:
		return "Allowed"
	}
	return "ImplicitlyDenied"
}
