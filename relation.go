package plinth

import "slices"

// Node is one thing of the security graph: a resource, or something that no resource stands for (the internet, whoever administers
// an account, a principal that only a trust policy names).
type Node struct {
	ID      ID
	Type    string // provider form, or one of the types of virtual nodes
	Name    string // short
	Address string // in the user's words
	// Aliases are other ids: ARNs, image names. Nodes that share one are one node, unless something in it is unknown and in braces
	// (arn:aws:iam::{account}:role/x): such a one only finds it, as Names do.
	Aliases []ID
	Names   []string // what it is called besides in its own world: KIND/namespace/name
	At      Location
	// Resource is what the node stands for, nil for a virtual node.
	Resource *Resource
}

// The types of virtual nodes.
const (
	TypeInternet      = "internet"       // everybody, strangers' own cloud accounts included
	TypeAnyPrincipal  = "any-principal"  // every principal of every account of a provider
	TypeAccount       = "account"        // any principal of an account that its own policies let
	TypeAdmin         = "admin"          // whoever may do everything in an account, a subscription, a project or a cluster
	TypeClusterNode   = "cluster-node"   // any machine of a cluster
	TypeGroup         = "group"          // a group of subjects that no resource declares
	TypePrincipal     = "principal"      // a principal that only policies name
	TypeTaken         = "taken"          // a principal whose policies an attacker has rewritten; no path starts there
	TypeEndpoint      = "endpoint"       // a port of a workload, as the network reaches it
	TypeDataClass     = "data-class"     // a kind of data worth keeping: pii, payment, secret
	TypeImage         = "image"          // a container image, by name
	TypeSource        = "source"         // a folder of source code
	TypeIdentityToken = "identity-token" // tokens of an outside issuer with a subject: oidc:ISSUER#SUBJECT
	TypeReader        = "reader"         // whoever can read the target: an outsider where it is public
	TypeCredential    = "credential"     // a credential that stands in the target's texts
)

// The ids of virtual nodes.
const (
	Internet  ID = "internet"
	AnyAWS    ID = "any-aws-principal"
	AnyReader ID = "reader"
)

// Credential is the node of a credential that stands in the target's texts; hash names it without telling it.
func Credential(rule, hash string) ID { return ID("leaked:" + rule + ":" + hash) }

// AnyGoogle is the node of everybody who has an account of Google.
const AnyGoogle ID = "any-google-principal"

// GoogleMember is the node of a member of policies of Google Cloud that no resource declares: user:…, group:…, principal://….
func GoogleMember(member string) ID { return ID("google:" + member) }

// GoogleAdmin is the node of whoever may do everything in a project, folder or organization of Google Cloud, "projects/x".
func GoogleAdmin(scope string) ID { return ID("google:" + scope + ":admin") }

// AzurePrincipal is the node of a principal of Microsoft Entra ID that no resource declares, by its object id or what stands for it.
func AzurePrincipal(id string) ID { return ID("azure:principal:" + id) }

// AzureAdmin is the node of whoever may do everything in a scope of Azure: a subscription, a resource group, a management group; or
// in the directory.
func AzureAdmin(scope string) ID { return ID("azure:" + scope + ":admin") }

// AccountRoot is the node of any principal of an AWS account that its own policies let; account is its number, or {account}.
func AccountRoot(account string) ID { return ID("aws:" + account + ":root") }

// AccountAdmin is the node of whoever may do everything in an AWS account.
func AccountAdmin(account string) ID { return ID("aws:" + account + ":admin") }

// ClusterNodes is the node of all machines of a cluster, which is named by its project.
func ClusterNodes(cluster string) ID { return ID("k8s:" + cluster + ":node:*") }

// ClusterAdmin is the node of whoever may do everything in a cluster.
func ClusterAdmin(cluster string) ID { return ID("k8s:" + cluster + ":admin") }

// ClusterGroup is the node of a group of subjects of a cluster, system:authenticated.
func ClusterGroup(cluster, name string) ID { return ID("k8s:" + cluster + ":group:" + name) }

// RelationKind says what a relation means.
type RelationKind string

// The kinds of relations; From is the attacker's side except where it is said.
const (
	Can         RelationKind = "can"          // principal → resource: has permissions on it
	Assume      RelationKind = "assume"       // principal → role whose session it gets
	Escalate    RelationKind = "escalate"     // principal → principal or admin, by a technique
	Admin       RelationKind = "admin"        // principal → admin: it is one
	Member      RelationKind = "member"       // user → group, subject → role binding
	RunsAs      RelationKind = "runs-as"      // workload → the identity of its code
	Runs        RelationKind = "runs"         // workload → image
	BuiltFrom   RelationKind = "built-from"   // image → source, Dockerfile
	Contains    RelationKind = "contains"     // image, source → package, weakness
	Exposes     RelationKind = "exposes"      // network end → workload, port
	Reach       RelationKind = "reach"        // network end → network end
	Weakness    RelationKind = "weakness"     // entry → what a weakness of its code yields
	ReadsSecret RelationKind = "reads-secret" // workload → secret, secret → what it opens
	Escape      RelationKind = "escape"       // container → node
	Stores      RelationKind = "stores"       // data store → data class
)

// Walked tells whether an attacker who holds From holds To, too. The other kinds say what belongs together.
func (k RelationKind) Walked() bool { return k != Runs && k != BuiltFrom && k != Contains }

// Condition is what must hold for a relation, in words: one of the lists, all of it. The nil Condition holds always.
type Condition [][]string

// And returns the condition with a further fact that must hold.
func (c Condition) And(fact string) Condition {
	if len(c) == 0 {
		return Condition{{fact}}
	}
	out := make(Condition, len(c))
	for i, term := range c {
		out[i] = append(slices.Clone(term), fact)
	}
	return out
}

// Relation joins two nodes, which it names by id or alias.
type Relation struct {
	From, To    ID
	Kind        RelationKind
	Technique   string   // id of the technique, "lambda-001", "CE_NSENTER"; "" where it needs none
	Permissions []string // that it rests on, as the provider writes them
	When        Condition
	// Evidence proves the relation: without any one step it would not be there. Never empty. What can also be proven another way
	// is a second relation.
	Evidence []Step
}
