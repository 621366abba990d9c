package terraform

import (
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
)

const (
	lockFile       = ".terraform.lock.hcl" // https://developer.hashicorp.com/terraform/language/files/dependency-lock
	publicRegistry = "registry.terraform.io"
	openRegistry   = "registry.opentofu.org"
)

// packageOf is what stands for a provider's local name: what the nearest module that says so asks for, else hashicorp's of that name:
// https://developer.hashicorp.com/terraform/language/providers/requirements#source-addresses.
func (in *instance) packageOf(provider string) *plinth.Package {
	out := &plinth.Package{Source: "hashicorp/" + provider}
	if provider == "terraform" { // it is built in
		return nil
	}
	for up := in; up != nil; up = up.parent {
		a := up.module.packages[provider]
		if a == nil {
			continue
		}
		if out.At.Path == "" {
			out.At = a.at
		}
		v, _ := expr.IsConstant(a.value)
		if source, _ := v.Get("source"); source.Str() != "" {
			out.Source, out.At = strings.TrimPrefix(strings.ToLower(source.Str()), publicRegistry+"/"), a.at
			break
		}
	}
	whole := out.Source
	if strings.Count(whole, "/") == 1 {
		whole = publicRegistry + "/" + whole
	}
	out.Locked = in.lock()[whole]
	return out
}

// lock reads the versions that the root module's lock file picks. One that does not parse picks nothing: that is for Terraform to say.
func (e *evaluation) lock() map[string]string {
	if e.locked != nil {
		return e.locked
	}
	e.locked = map[string]string{}
	name := path.Join(e.root, lockFile)
	if e.fsys == nil {
		return e.locked
	}
	data, err := readLimited(e.fsys, name)
	if err != nil {
		return e.locked
	}
	for _, b := range parseFile(name, data, e.funcs).blocks {
		a := b.attr("version")
		if b.kind != "provider" || a == nil {
			continue
		}
		if v, ok := expr.IsConstant(a.value); ok && v.Str() != "" {
			address := b.labels[0]
			if rest, ok := strings.CutPrefix(address, openRegistry+"/"); ok {
				address = publicRegistry + "/" + rest
			}
			e.locked[address] = v.Str()
		}
	}
	return e.locked
}
