package cloudformation

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// parameter returns what a Ref to a parameter gives: its default in its type, or an unknown.
func parameter(name string, declared plinth.Value) plinth.Value {
	text := func(key string) string {
		v, _ := declared.Get(key)
		return v.Str()
	}
	hidden, _ := declared.Get("NoEcho")
	secret := hidden.Bool() || strings.EqualFold(hidden.Str(), "true")
	def, ok := declared.Get("Default")
	kind := text("Type")
	if !ok || strings.HasPrefix(kind, "AWS::SSM::Parameter::") {
		return plinth.UnknownOf(name).WithSensitive(secret).WithOrigin(declared.Origin())
	}
	return typed(kind, def).WithSensitive(secret).WithOrigin(def.Origin())
}

// typed gives a parameter's text its type.
func typed(kind string, def plinth.Value) plinth.Value {
	text, ok := scalar(def)
	if !ok {
		return def
	}
	switch {
	case kind == "CommaDelimitedList" || strings.HasPrefix(kind, "List<"):
		list := []plinth.Value{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" || text != "" {
				list = append(list, numeric(kind == "List<Number>", part).WithOrigin(def.Origin()))
			}
		}
		return plinth.ListOf(list)
	case kind == "Number":
		return numeric(true, text)
	}
	return plinth.StringOf(text)
}

func numeric(number bool, text string) plinth.Value {
	if n, err := strconv.ParseFloat(text, 64); number && err == nil {
		return plinth.NumberOf(n)
	}
	return plinth.StringOf(text)
}

// scalar returns a string, number or bool as CloudFormation's text.
func scalar(v plinth.Value) (string, bool) {
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
