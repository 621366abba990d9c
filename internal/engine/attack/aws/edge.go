package aws

import "github.com/plinthsec/plinth/internal/engine/attack/technique"

// What a technique of rules/edges/aws.yaml leads to.
const (
	toPassed    = "role:passed"         // the role that is handed to a new workload
	toRunning   = "role:of-workload"    // the role of a workload that is there
	toTarget    = "principal:target"    // another principal, with what it may do
	toRewritten = "principal:rewritten" // another principal, whose policies the attacker writes
	toGroup     = "group"               // a group that one joins
	toSelf      = "admin:self"          // one's own policies are rewritten
	toSession   = "role:session"        // told by assume
)

// What an action must be allowed on.
const (
	onAny      = "any" // something new, whose name the attacker chooses
	onRole     = "role"
	onUser     = "user"
	onGroup    = "group"
	onPolicy   = "policy"
	onWorkload = "workload"
)

func load() ([]technique.Technique, error) {
	return technique.Load("aws.yaml", []string{toPassed, toRunning, toTarget, toRewritten, toGroup, toSelf, toSession},
		[]string{onAny, onRole, onUser, onGroup, onPolicy, onWorkload})
}
