package account

import (
	"path"
	"strings"

	"github.com/plinthsec/plinth"
)

// Code returns the folder or file of the target that the code of a function is packed from: what a Terraform archive_file packs, or
// the CodeUri of a SAM template; and where that is said. The folder is "" where nobody knows it.
func (e *Estate) Code(r *plinth.Resource) (folder string, by *plinth.Resource, at plinth.Location) {
	i, ok := e.place(r)
	if !ok {
		return "", nil, plinth.Location{}
	}
	switch r.Type {
	case "AWS::Serverless::Function":
		uri, _ := r.Props.Get("CodeUri")
		if folder, ok := inside(path.Dir(r.Decl.At.Path), uri); ok {
			return folder, r, r.Place(uri)
		}
	case "AWS::Lambda::Function":
		if of := e.template(i); of != nil {
			return e.Code(of)
		}
		for _, k := range e.g.Refers(i) {
			archive := e.g.Resources()[k]
			if archive.Type != "data:archive_file" {
				continue
			}
			for _, key := range [...]string{"source_dir", "source_file"} {
				v, _ := archive.Props.Get(key)
				if folder, ok := inside(r.Root, v); ok {
					return folder, archive, archive.Place(v)
				}
			}
		}
	}
	return "", nil, plinth.Location{}
}

// template returns the function of SAM that expands to a function, nil where there is none. It stands before what it expands to.
func (e *Estate) template(i int32) *plinth.Resource {
	all := e.g.Resources()
	for k := i - 1; all[i].Hung && k >= 0 && all[k].Decl == all[i].Decl; k-- {
		if all[k].Type == "AWS::Serverless::Function" {
			return all[k]
		}
	}
	return nil
}

// inside returns a folder that a value names below another one, if it lies in the target.
func inside(dir string, v plinth.Value) (string, bool) {
	folder := v.Str()
	if v.Kind() != plinth.String || folder == "" || strings.Contains(folder, "://") || strings.HasPrefix(folder, "/") {
		return "", false
	}
	p := path.Join(dir, folder)
	return p, p != ".." && !strings.HasPrefix(p, "../")
}
