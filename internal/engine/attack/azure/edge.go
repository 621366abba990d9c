package azure

import "github.com/plinthsec/plinth/internal/engine/attack/technique"

// What a technique of rules/edges/azure.yaml leads to.
const (
	toPassed  = "identity:passed"      // the identity that something new runs as
	toTarget  = "identity:target"      // the identity itself
	toRunning = "identity:of-workload" // the workload that is there, and so its identities
	toAdmin   = "admin"                // everything in the scope that the action is allowed on
	toRole    = "role:own"             // a role that one has is rewritten
)

// What an action must be allowed on.
const (
	onScope    = "scope" // that the identity and the workload lie in
	onIdentity = "identity"
	onWorkload = "workload"
)

func load() ([]technique.Technique, error) {
	return technique.Load("azure.yaml", []string{toPassed, toTarget, toRunning, toAdmin, toRole}, []string{onScope, onIdentity, onWorkload})
}
