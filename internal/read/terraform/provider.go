package terraform

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// context is what the provider of a resource decides: its name, the version that counts, and default tags.
func (in *instance) context(b *block) plinth.Context {
	if b.kind == "module" {
		return plinth.Context{}
	}
	ref := ""
	if a := b.attr("provider"); a != nil {
		ref = a.text
	}
	if ref == "" {
		ref, _, _ = strings.Cut(b.labels[0], "_")
	}
	if c := in.terms[ref]; c != nil {
		return *c
	}
	c := &plinth.Context{}
	c.Provider, _, _ = strings.Cut(ref, ".")
	for up := in; up != nil && c.Version == ""; up = up.parent {
		c.Version = up.module.required[c.Provider]
	}
	c.Package = in.packageOf(c.Provider)
	c.Defaults, c.Config, c.Settings = in.configuration(ref)
	if in.terms == nil {
		in.terms = map[string]*plinth.Context{}
	}
	in.terms[ref] = c
	return *c
}

// configuration finds the provider configuration that a name stands for in this module, which may be that of a caller, and returns
// its default tags or labels, what the module that holds it calls it, and where it makes things.
func (in *instance) configuration(ref string) (defaults plinth.Value, name string, settings plinth.Value) {
	at := in
	for {
		if b := at.module.providers[ref]; b != nil {
			return at.tags(b), at.prefix + ref, at.told(ref, at.settings(b))
		}
		if at.parent == nil {
			return plinth.Value{}, ref, at.told(ref, nil)
		}
		if given := at.caller.block.attr("providers"); given != nil {
			if outer, ok := passed(given.text, ref); ok {
				ref = outer
			} else if strings.Contains(ref, ".") {
				return plinth.Value{}, at.prefix + ref, plinth.Value{}
			}
		}
		at = at.parent
	}
}

// passed finds what a providers argument gives under a name.
func passed(text, ref string) (string, bool) {
	for _, pair := range strings.Split(text, ",") {
		if inner, outer, _ := strings.Cut(pair, "="); inner == ref {
			return outer, true
		}
	}
	return "", false
}

// settings evaluates where a provider block makes things. One account that is allowed, or the role that is assumed, names the
// account.
func (in *instance) settings(b *block) []plinth.Field {
	fields := []plinth.Field{}
	if a := b.attr("region"); a != nil {
		fields = append(fields, plinth.Field{Key: "region", Value: in.state.Term(a.value, scope{in: in}, nil)})
	}
	if a := b.attr("allowed_account_ids"); a != nil {
		if v := in.state.Term(a.value, scope{in: in}, nil); v.Len() == 1 && v.Kind() == plinth.List {
			fields = append(fields, plinth.Field{Key: "account", Value: v.List()[0]})
		}
	}
	for _, n := range b.blocks {
		if a := n.attr("role_arn"); n.kind == "assume_role" && n.dynamic == nil && a != nil && !slices.ContainsFunc(fields, isAccount) {
			fields = append(fields, plinth.Field{Key: "account", Value: in.state.Term(a.value, scope{in: in}, nil)})
		}
	}
	return fields
}

func isAccount(f plinth.Field) bool { return f.Key == "account" }

// told adds the account that a variable tells which is called after the configuration: prod_account_id for aws.prod, account_id for
// the unnamed one and where no variable is called after another account. It is null where nothing is known and no block stands for the configuration.
func (in *instance) told(ref string, fields []plinth.Field) plinth.Value {
	provider, alias, _ := strings.Cut(ref, ".")
	if provider == "aws" && !slices.ContainsFunc(fields, isAccount) {
		names := []string{alias + "_account_id", alias + "_aws_account_id", alias + "_account", "account_id_" + alias, "account_" + alias}
		if alias == "" || !in.module.severalAccounts() {
			names = append(names, "account_id", "aws_account_id", "current_account_id")
		}
		for _, n := range names {
			if in.module.variables[n] == nil {
				continue
			}
			if v := in.variable(n).Force(); v.Kind() == plinth.String || v.Kind() == plinth.Number {
				fields = append(fields, plinth.Field{Key: "account", Value: v})
				break
			}
		}
	}
	if fields == nil {
		return plinth.Value{}
	}
	return plinth.MapOf(fields)
}

// severalAccounts tells whether variables are called after accounts: prod_account_id.
func (m *module) severalAccounts() bool {
	for n := range m.variables {
		if strings.HasSuffix(n, "_account_id") && n != "aws_account_id" && n != "current_account_id" {
			return true
		}
	}
	return false
}

// tags evaluates default_tags or default_labels of a provider block.
func (in *instance) tags(b *block) plinth.Value {
	if a := b.attr("default_labels"); a != nil {
		return in.state.Term(a.value, scope{in: in}, nil)
	}
	for _, n := range b.blocks {
		if n.kind == "default_tags" && n.dynamic == nil {
			if a := n.attr("tags"); a != nil {
				v := in.state.Term(a.value, scope{in: in}, nil)
				return v.WithOrigin(&plinth.Origin{At: a.at, Path: a.path, From: elsewhere(v.Origin(), a.at)})
			}
		}
	}
	return plinth.Value{}
}
