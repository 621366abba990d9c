package aws

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

const decrypt = "kms:Decrypt"

// unlock is how somebody decrypts what a store holds.
type unlock struct {
	key  *plinth.Resource // nil: there is nothing to decrypt, or nothing is known of the key
	when iam.Formula
	by   []iam.Proof
}

// unlocked asks whether a principal, or whom no resource declares, may decrypt the contents of a store.
func (w *scene) unlocked(p *account.Principal, who iam.Principal, r *plinth.Resource) unlock {
	key, context := w.Key(r)
	if key == nil {
		return unlock{when: iam.Always()}
	}
	var a iam.Answer
	if p == nil {
		a = w.Stranger(who, decrypt, key, context)
	} else {
		a = w.Decide(p, decrypt, key, context)
	}
	if a.Result != iam.Allowed {
		return unlock{key: key}
	}
	if p != nil {
		if ways := w.Ways(a, p, decrypt, key); len(ways) > 0 {
			return unlock{key, a.When, ways[0].By}
		}
	}
	return unlock{key, a.When, a.Allows}
}
