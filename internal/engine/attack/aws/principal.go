package aws

import (
	"context"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// everything stands for the permissions of an administrator.
var everything = []string{"*"}

// members tells which user is in which group.
func (w *scene) members(context.Context) error {
	for _, p := range w.Principals() {
		for i, g := range p.Groups {
			w.relate(plinth.Relation{From: p.ID, To: g.ID, Kind: plinth.Member, Evidence: []plinth.Step{
				{Note: belongs(p, g), At: p.Resource.Place(p.Memberships[i]), Cost: costIdentity},
			}})
		}
	}
	return nil
}

// administrators tells who may do everything in an account, and what whoever does has in his hand.
func (w *scene) administrators(ctx context.Context) error {
	for _, p := range slices.Concat(w.Principals(), w.Groups()) {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, way := range w.Admin(p) {
			w.admins[p] = w.admins[p].Or(way.When)
			var proof proof
			for _, one := range way.By {
				proof.add([]iam.Proof{one}, "every action", "every resource", p.Resource.Head())
			}
			w.member(&proof, p)
			w.relate(plinth.Relation{
				From: p.ID, To: w.admin(p.Account), Kind: plinth.Admin, Permissions: everything, When: way.When.Condition(), Evidence: proof.steps,
			})
		}
	}
	return nil
}

// owned tells what an administrator of an account holds: its stores, every principal, and what lets in whom the account sends. It
// is told only of accounts that somebody can get to administer.
func (w *scene) owned() {
	for _, r := range w.owns {
		if w.told[r.From] {
			w.relate(r)
		}
	}
	rooted := map[string]bool{}
	for _, p := range w.Principals() {
		admin := plinth.AccountAdmin(p.Account)
		if !w.told[admin] {
			continue
		}
		at := p.Resource.Head()
		w.relate(plinth.Relation{From: admin, To: p.ID, Kind: plinth.Escalate, Permissions: everything, Evidence: []plinth.Step{
			{Note: "an administrator of the account can act as " + p.Resource.Label(), At: at},
		}})
		if root := plinth.AccountRoot(p.Account); w.told[root] && !rooted[p.Account] {
			rooted[p.Account] = true
			w.relate(plinth.Relation{From: admin, To: root, Kind: plinth.Assume, Permissions: everything, Evidence: []plinth.Step{
				{Note: "an administrator of an account can make any principal in it", At: at},
			}})
		}
	}
}

// surely tells whether a principal is an administrator without condition: nothing else has to be told of it.
func (w *scene) surely(p *account.Principal) bool { return w.admins[p].Always() }
