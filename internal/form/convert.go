package form

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// converter turns what Terraform takes into what the provider takes. It is given a value that is neither null nor unknown; the
// result keeps the origin. A nil list means that nothing is to be written.
type converter struct {
	args   int // number of arguments, -1 for any
	unwrap bool
	do     func(v plinth.Value, c conv) []plinth.Value
}

func one(v plinth.Value) []plinth.Value { return []plinth.Value{v} }

// scalar makes a converter of one over text; numbers and bools are written out first.
func scalar(f func(s string, c conv) plinth.Value) func(plinth.Value, conv) []plinth.Value {
	return func(v plinth.Value, c conv) []plinth.Value {
		if s, ok := text(v); ok {
			return one(like(f(s, c), v))
		}
		return one(v)
	}
}

// like gives a new value the origin, references and mark of an old one.
func like(out, of plinth.Value) plinth.Value {
	return out.WithOrigin(of.Origin()).WithRefs(of.Refs()...).WithSensitive(of.Sensitive())
}

func text(v plinth.Value) (string, bool) {
	switch v.Kind() {
	case plinth.String:
		return v.Str(), true
	case plinth.Number:
		return plinth.FormatNumber(v.Num()), true
	case plinth.Bool:
		return strconv.FormatBool(v.Bool()), true
	}
	return "", false
}

var converters = buildConverters()

func buildConverters() map[string]converter {
	str := func(f func(string) string) converter {
		return converter{do: scalar(func(s string, _ conv) plinth.Value { return plinth.StringOf(f(s)) })}
	}
	return map[string]converter{
		"bool":    {do: toBool},
		"int":     {do: scalar(toNumber)},
		"string":  str(func(s string) string { return s }),
		"not":     {do: invert},
		"pascal":  {do: pascalKeys},
		"camel":   str(func(s string) string { return camelize(s, false) }),
		"upper":   str(strings.ToUpper),
		"lower":   str(strings.ToLower),
		"enum":    {args: -1, do: scalar(enumerate)},
		"tags":    {do: func(v plinth.Value, _ conv) []plinth.Value { return pairs(v, "Key", "Value") }},
		"pairs":   {args: 2, do: func(v plinth.Value, c conv) []plinth.Value { return pairs(v, c.args[0], c.args[1]) }},
		"labels":  {do: func(v plinth.Value, _ conv) []plinth.Value { return one(v) }},
		"json":    {unwrap: true, do: fromJSON},
		"join":    {args: 1, do: join},
		"split":   {args: 1, do: split},
		"list":    {do: wrap},
		"first":   {do: first},
		"keys":    {do: keys},
		"entries": {args: 2, do: entries},
		"index":   {args: -1, do: index},
		"const":   {args: 1, do: constant},
		"some":    {do: some},
		"as":      {args: 1, do: as},
		"present": {do: func(v plinth.Value, _ conv) []plinth.Value { return one(like(plinth.BoolOf(true), v)) }},
		"exists":  {args: 2, do: func(v plinth.Value, c conv) []plinth.Value { return one(like(plinth.StringOf(c.args[0]), v)) }},
		"seconds": {do: scalar(func(s string, _ conv) plinth.Value { return plinth.StringOf(strings.TrimSuffix(s, "s") + "s") })},
		"last":    {args: 1, do: scalar(lastPart)},
		"sgrule":  {do: securityRules},
	}
}

func toBool(v plinth.Value, _ conv) []plinth.Value {
	if s, ok := text(v); ok {
		switch strings.ToLower(s) {
		case "true", "1", "on", "yes", "enabled":
			return one(like(plinth.BoolOf(true), v))
		case "false", "0", "off", "no", "disabled", "":
			return one(like(plinth.BoolOf(false), v))
		}
	}
	return one(v)
}

func invert(v plinth.Value, c conv) []plinth.Value {
	b := toBool(v, c)[0]
	if b.Kind() != plinth.Bool {
		return one(v)
	}
	return one(like(plinth.BoolOf(!b.Bool()), v))
}

func toNumber(s string, _ conv) plinth.Value {
	if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
		return plinth.NumberOf(f)
	}
	return plinth.StringOf(s)
}

// camelize turns snake_case, kebab-case and "two words" into PascalCase or camelCase.
func camelize(s string, upper bool) string {
	var b strings.Builder
	for _, r := range s {
		if r == '_' || r == '-' || r == ' ' {
			upper = true
			continue
		}
		if upper {
			b.WriteString(strings.ToUpper(string(r)))
		} else {
			b.WriteRune(r)
		}
		upper = false
	}
	return b.String()
}

func enumerate(s string, c conv) plinth.Value {
	to, ok := c.table[s]
	if !ok {
		if to, ok = c.table["*"]; !ok {
			return plinth.StringOf(s)
		}
	}
	switch to {
	case "true":
		return plinth.BoolOf(true)
	case "false":
		return plinth.BoolOf(false)
	}
	return plinth.StringOf(to)
}

func pairs(v plinth.Value, name, val string) []plinth.Value {
	if v.Kind() != plinth.Map {
		return one(v)
	}
	list := make([]plinth.Value, 0, v.Len())
	for _, f := range v.Fields() {
		list = append(list, plinth.MapOf([]plinth.Field{{Key: name, Value: plinth.StringOf(f.Key)}, {Key: val, Value: f.Value}}).WithOrigin(f.Value.Origin()))
	}
	return one(like(plinth.ListOf(list), v))
}

// fromJSON takes the document of a string; a string that is no JSON stays.
func fromJSON(v plinth.Value, _ conv) []plinth.Value {
	if doc, ok := v.Document(); ok && !v.Partial() {
		return one(inherit(doc, v))
	}
	if v.Kind() != plinth.String {
		return one(v)
	}
	doc, err := value.ParseJSON(v.Str())
	if err != nil {
		return one(v)
	}
	return one(inherit(doc, v))
}

// inherit gives a document without origins that of the string it stood in.
func inherit(doc, of plinth.Value) plinth.Value {
	if doc.Origin() == nil {
		doc = doc.WithOrigin(of.Origin())
	}
	return doc.WithRefs(of.Refs()...).WithSensitive(of.Sensitive() || doc.Sensitive())
}

func join(v plinth.Value, c conv) []plinth.Value {
	if v.Kind() != plinth.List {
		return one(v)
	}
	var words []string
	for _, e := range v.List() {
		if e.IsUnknown() {
			return one(like(plinth.UnknownOf(e.Why()...), v))
		}
		s, _ := text(e)
		words = append(words, s)
	}
	return one(like(plinth.StringOf(strings.Join(words, c.args[0])), v))
}

func split(v plinth.Value, c conv) []plinth.Value {
	s, ok := text(v)
	if !ok {
		return one(v)
	}
	list := []plinth.Value{}
	for _, w := range strings.Split(s, c.args[0]) {
		list = append(list, plinth.StringOf(strings.TrimSpace(w)).WithOrigin(v.Origin()))
	}
	return one(like(plinth.ListOf(list), v))
}

func wrap(v plinth.Value, _ conv) []plinth.Value {
	if v.Kind() == plinth.List {
		return one(v)
	}
	return one(plinth.ListOf([]plinth.Value{v}).WithOrigin(v.Origin()))
}

func first(v plinth.Value, _ conv) []plinth.Value {
	if v.Kind() != plinth.List {
		return one(v)
	}
	if v.Len() == 0 {
		return nil
	}
	return one(v.List()[0])
}

func keys(v plinth.Value, _ conv) []plinth.Value {
	if v.Kind() != plinth.List {
		return one(v)
	}
	fields := []plinth.Field{}
	for _, e := range v.List() {
		if e.IsUnknown() {
			return one(like(plinth.UnknownOf(e.Why()...), v))
		}
		s, _ := text(e)
		fields = append(fields, plinth.Field{Key: s, Value: plinth.MapOf(nil).WithOrigin(e.Origin())})
	}
	return one(like(plinth.MapOf(fields), v))
}

func constant(v plinth.Value, c conv) []plinth.Value {
	if s, ok := text(v); ok && (s == "false" || s == "") {
		return nil
	}
	return one(like(plinth.StringOf(c.args[0]), v))
}

func lastPart(s string, c conv) plinth.Value {
	if i := strings.LastIndex(s, c.args[0]); i >= 0 {
		return plinth.StringOf(s[i+len(c.args[0]):])
	}
	return plinth.StringOf(s)
}

// securityRules turns one Terraform security group rule into the one or more that EC2 keeps: one for each address range,
// prefix list and group.
func securityRules(v plinth.Value, _ conv) []plinth.Value {
	if v.Kind() != plinth.Map {
		return one(v)
	}
	base := ruleBase(v)
	var out []plinth.Value
	add := func(key string, x plinth.Value) {
		fields := append(append([]plinth.Field{}, base...), plinth.Field{Key: key, Value: x})
		o := v.Origin()
		out = append(out, plinth.MapOf(fields).WithOrigin(o))
	}
	for _, source := range [...][2]string{
		{"cidr_blocks", "CidrIp"},
		{"ipv6_cidr_blocks", "CidrIpv6"},
		{"prefix_list_ids", "SourcePrefixListId"},
		{"security_groups", "SourceSecurityGroupId"},
		{"source_security_group_id", "SourceSecurityGroupId"},
		{"cidr_ipv4", "CidrIp"},
		{"cidr_ipv6", "CidrIpv6"},
		{"prefix_list_id", "SourcePrefixListId"},
		{"referenced_security_group_id", "SourceSecurityGroupId"},
	} {
		from, ok := v.Get(source[0])
		if !ok || from.IsNull() {
			continue
		}
		if from.Kind() == plinth.String && strings.Contains(from.Str(), ",") { // as modules take them
			from = split(from, conv{args: []string{","}})[0]
		}
		if from.Kind() != plinth.List {
			add(source[1], from)
			continue
		}
		for _, e := range from.List() {
			key := source[1]
			if key == "CidrIp" && isIPv6(e) {
				key = "CidrIpv6"
			}
			if e.Origin() == nil {
				e = e.WithOrigin(from.Origin())
			}
			add(key, e)
		}
	}
	if self, ok := v.Get("self"); ok && (self.IsUnknown() || self.Bool()) {
		add("SourceSecurityGroupId", like(plinth.UnknownOf("self"), self))
	}
	if out == nil {
		out = one(plinth.MapOf(base).WithOrigin(v.Origin()))
	}
	return out
}

func isIPv6(v plinth.Value) bool {
	p, err := netip.ParsePrefix(v.Str())
	return err == nil && p.Addr().Is6()
}

func ruleBase(v plinth.Value) []plinth.Field {
	var base []plinth.Field
	for _, name := range [...][2]string{{"from_port", "FromPort"}, {"to_port", "ToPort"}, {"description", "Description"}} {
		if x, ok := v.Get(name[0]); ok && !x.IsNull() {
			if name[1] != "Description" && x.Kind() == plinth.String {
				x = like(toNumber(x.Str(), conv{}), x)
			}
			base = append(base, plinth.Field{Key: name[1], Value: x})
		}
	}
	for _, name := range []string{"protocol", "ip_protocol"} {
		x, ok := v.Get(name)
		if !ok || x.IsNull() {
			continue
		}
		if s, ok := text(x); ok {
			switch s = strings.ToLower(s); s {
			case "all":
				s = "-1"
			case "6":
				s = "tcp"
			case "17":
				s = "udp"
			case "1":
				s = "icmp"
			}
			x = like(plinth.StringOf(s), x)
		}
		base = append(base, plinth.Field{Key: "IpProtocol", Value: x})
	}
	if proto, ok := plinth.MapOf(base).Get("IpProtocol"); ok && proto.Str() == "-1" { // ports of "every protocol" mean nothing
		kept := base[:0]
		for _, f := range base {
			if f.Key != "FromPort" && f.Key != "ToPort" {
				kept = append(kept, f)
			}
		}
		base = kept
	}
	return base
}
