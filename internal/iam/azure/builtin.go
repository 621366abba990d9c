package azure

import (
	"strings"
	"sync"

	"github.com/plinthsec/plinth/internal/iam"
)

// builtinRoles are the embedded roles, by id and by name, both in lower case.
var builtinRoles = sync.OnceValues(func() (map[string]Role, error) {
	text, err := iam.AzureRoles()
	if err != nil {
		return nil, err
	}
	out := map[string]Role{}
	var now Role
	keep := func() {
		if now.ID != "" {
			out[now.ID], out[strings.ToLower(now.Name)] = now, now
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Split(line, "\t")
		switch {
		case f[0] == "R" && len(f) >= 3:
			keep()
			now = Role{ID: strings.ToLower(f[1]), Name: f[2]}
		case f[0] == "P" && len(f) >= 6:
			list := func(i int) iam.Texts {
				if f[i] == "" {
					return iam.Texts{}
				}
				return iam.Texts{Known: strings.Split(f[i], ",")}
			}
			now.Permissions = append(now.Permissions, Permission{Actions: list(1), NotActions: list(2), DataActions: list(3), NotDataActions: list(4), Condition: f[5]})
		}
	}
	keep()
	return out, nil
})

// Builtin returns a role that Azure itself has, by its name or the id of its definition.
func Builtin(name string) (Role, bool) {
	roles, err := builtinRoles()
	if err != nil {
		return Role{}, false
	}
	if r, ok := roles[strings.ToLower(name)]; ok {
		return r, true
	}
	r, ok := roles[lastPart(name)]
	return r, ok
}
