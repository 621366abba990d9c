package google

import "github.com/plinthsec/plinth/internal/engine/attack/technique"

// What a technique of rules/edges/google.yaml leads to.
const (
	toPassed  = "account:passed"      // the service account that something new runs as
	toRunning = "account:of-workload" // the workload that is there, and so its service account
	toTarget  = "account:target"      // the service account itself
	toDefault = "account:default"     // the account of a project's machines where none is named
	toAgent   = "account:agent"       // the account of Google's own APIs
	toAdmin   = "admin"               // everything in the scope that the permission is held on
	toRole    = "role:own"            // a custom role that one holds is rewritten
)

// What a permission must be held on.
const (
	onScope    = "scope" // that the service account and the workload lie in
	onAccount  = "account"
	onWorkload = "workload"
)

func load() ([]technique.Technique, error) {
	return technique.Load("google.yaml", []string{toPassed, toRunning, toTarget, toDefault, toAgent, toAdmin, toRole}, []string{onScope, onAccount, onWorkload})
}
