// Package rule keeps rules for resources: it finds the rule files, reads them when a resource of their type turns up, and
// checks them.
//
// A rule file is described in docs/adding-a-rule.md. Reading is strict: what is not understood is a located problem.
package rule

import (
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/policy"
)

const (
	maxFile  = 1 << 20 // bytes of a rule file
	maxFiles = 20_000  // rule files of one folder
	maxTitle = 80      // characters, one line of a terminal with its severity
)

// Engine is the name of the engine that runs rules for resources.
const Engine = "misconfig"

// Rule is one rule with its condition. It is immutable and safe for concurrent use.
type Rule struct {
	plinth.Rule
	On      []string // types of resources, "workload" as written
	Each    []string // names that lead to the list whose elements are judged, "[]" for all elements on the way; nil: the resource is judged
	Pods    Pods     // which containers are judged
	At      []string // the property that decides, from e or c with Each or Pods, else from p; "[]" as in Each
	AtFrom  Variable // what At starts from
	Message []Part   // what is added to the title; nil: nothing
	File    string

	When, Fail *policy.Program // When is nil for a rule without a condition

	path func() ([]Example, []plinth.Problem)
}

// Examples returns the examples of the rule, bad ones first, each in the order of the file.
func (r *Rule) Examples() ([]Example, []plinth.Problem) { return r.path() }

// Pods says what of a pod a rule for workloads judges.
type Pods uint8

// None: the rule is not for workloads. Whole: the pod. All: each container, init and ephemeral ones included. Main: each of
// the plain containers.
const (
	None Pods = iota
	Whole
	All
	Main
)

// Variable is the index of a variable of an expression.
type Variable int

// The variables of an expression: the properties, the element, the resource, the pod and the container.
const (
	P Variable = iota
	E
	R
	Pod
	C
	variables
)

var names = [variables]string{"p", "e", "r", "pod", "c"}

// environment returns the variables that a rule may name; the others keep their index and have no name.
func environment(each bool, pods Pods) *policy.Env {
	list := [variables]string{P: names[P], R: names[R]}
	if each {
		list[E] = names[E]
	}
	if pods != None {
		list[Pod] = names[Pod]
	}
	if pods > Whole {
		list[C] = names[C]
	}
	return policy.NewEnv(list[:]...)
}

// environments are made when a rule needs them first.
type environments struct {
	sync.Mutex
	of map[[2]int]*policy.Env
}

func (e *environments) get(each bool, pods Pods) *policy.Env {
	key := [2]int{0, int(min(pods, All))}
	if each {
		key[0] = 1
	}
	e.Lock()
	defer e.Unlock()
	if e.of == nil {
		e.of = map[[2]int]*policy.Env{}
	}
	if e.of[key] == nil {
		e.of[key] = environment(each, pods)
	}
	return e.of[key]
}

// Workload is what a rule names for every kind with pods.
const Workload = "workload"

// PodSpec returns where a Kubernetes kind keeps its pod spec, nil for a kind without pods.
func PodSpec(typ string) []string {
	switch typ {
	case "core/Pod", "serving.knative.dev/Revision":
		return []string{"spec"}
	case "apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "apps/ReplicaSet", "core/ReplicationController", "batch/Job",
		"serving.knative.dev/Service", "serving.knative.dev/Configuration", "sources.knative.dev/ContainerSource",
		"argoproj.io/Rollout", "apps.openshift.io/DeploymentConfig":
		return []string{"spec", "template", "spec"}
	case "batch/CronJob":
		return []string{"spec", "jobTemplate", "spec", "template", "spec"}
	case "core/PodTemplate":
		return []string{"template", "spec"}
	}
	return nil
}
