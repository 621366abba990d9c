package aws

import (
	"strings"

	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// facts asks for what a technique needs besides permissions. What the code does not tell becomes a condition. on is the principal
// that it is about, nil before that is known: what is about it is then left for later.
func (w *scene) facts(a attempt, on *account.Principal) attempt {
	for _, need := range a.Needs {
		name, arg, _ := strings.Cut(need, ":")
		var when iam.Formula
		switch {
		case name == "existing":
			when = w.exists(arg)
		case name == "reachable":
			when = iam.If(iam.Fact("the machine's " + arg + " can be reached"))
		case on == nil:
			continue
		case name == "instance-profile":
			when = w.inProfile(on)
		case name == "managed-by-ssm":
			when = w.managed(on)
		case name == "access-keys":
			when = w.keys(on, arg)
		case name == "password":
			when = w.password(on, arg == "present")
		default:
			continue
		}
		a = a.also(when)
	}
	return a
}

// exists tells whether something is there: a type, or what sends events to functions.
func (w *scene) exists(what string) iam.Formula {
	types := []string{what}
	if what == "event-source" {
		types = []string{"AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "AWS::SQS::Queue", "AWS::MSK::Cluster"}
	}
	for _, t := range types {
		if len(w.g.OfType(t)) > 0 {
			return iam.Always()
		}
	}
	if what == "event-source" {
		return iam.If(iam.Fact("a stream or a queue is there that sends events"))
	}
	return iam.If(iam.Fact("a resource of type " + what + " is there"))
}

// inProfile tells whether an instance profile holds a role.
func (w *scene) inProfile(role *account.Principal) iam.Formula {
	for _, profile := range w.Resources("AWS::IAM::InstanceProfile") {
		for _, v := range account.Values(profile.Known(), "Roles") {
			if w.Referred(profile, v) == role {
				return iam.Always()
			}
		}
	}
	return iam.If(iam.Fact("an instance profile holds " + role.Resource.Label()))
}

// managed tells whether machines that run as a role are managed by Systems Manager.
func (w *scene) managed(role *account.Principal) iam.Formula {
	if len(w.Can(role, "ssm:UpdateInstanceInformation")) > 0 {
		return iam.Always()
	}
	return iam.If(iam.Fact("Systems Manager manages the machine without its role"))
}

// keys tells whether a user has so many access keys: the provider lets each have two.
func (w *scene) keys(user *account.Principal, want string) iam.Formula {
	n := 0
	for _, i := range w.g.OfType("AWS::IAM::AccessKey") {
		r := w.g.Resources()[i]
		if w.Referred(r, get(r.Known(), "UserName")) == user {
			n++
		}
	}
	if want == "full" {
		if n >= 2 {
			return iam.Always()
		}
		return iam.If(iam.Fact(user.Resource.Label() + " has two access keys"))
	}
	if n >= 2 {
		return nil
	}
	return iam.Always()
}

// password tells whether a user has a password, or has none.
func (w *scene) password(user *account.Principal, want bool) iam.Formula {
	has := !get(user.Resource.Known(), "LoginProfile").IsNull()
	if has == want {
		return iam.Always()
	}
	if has {
		return nil
	}
	return iam.If(iam.Fact(user.Resource.Label() + " has a password"))
}
