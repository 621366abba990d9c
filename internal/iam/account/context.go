package account

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/value"
)

func stranger(who iam.Principal) bool { return who.Account == Anybody().Account }

// context is what is known of a request.
func (e *Estate) context(who iam.Principal, at, on int32, more map[string][]string) *iam.Context {
	keys := who.Keys()
	if !isNumber(who.Account) && !stranger(who) {
		delete(keys, "aws:PrincipalAccount")
	}
	if stranger(who) || strings.HasSuffix(who.ARN, anyone) {
		for _, k := range [...]string{"aws:PrincipalArn", "aws:PrincipalType", "aws:username"} {
			delete(keys, k) // he may be anybody
		}
	}
	var complete []string
	if at >= 0 {
		if tags, all := e.tags(at); all {
			complete = append(complete, "aws:PrincipalTag/")
			for k, v := range tags {
				keys["aws:PrincipalTag/"+k] = []string{v}
			}
		}
	}
	if on >= 0 {
		if tags, all := e.tags(on); all {
			service := strings.ToLower(e.arnService(on)) + ":ResourceTag/"
			complete = append(complete, "aws:ResourceTag/", service)
			for k, v := range tags {
				keys["aws:ResourceTag/"+k], keys[service+k] = []string{v}, []string{v}
			}
		}
		if account := e.account(on); isNumber(account) {
			keys["aws:ResourceAccount"] = []string{account}
		}
	}
	if who.Kind != iam.Service {
		for _, k := range [...]string{"aws:SourceArn", "aws:SourceAccount", "aws:SourceOwner", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"} {
			keys[k] = nil
		}
		keys["aws:ViaAWSService"] = []string{"false"}
	}
	if who.Kind == iam.Anonymous || stranger(who) {
		for _, k := range [...]string{
			"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", // his account need not be in an organization
			"aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp", "aws:SourceVpcArn", "aws:VpceOrgID", "aws:VpceAccount",
		} {
			keys[k] = nil
		}
		complete = append(complete, "aws:PrincipalTag/")
	}
	for k, v := range more {
		keys[k] = v
	}
	return iam.Open(keys).Complete(complete...)
}

func (e *Estate) arnService(i int32) string {
	parts := strings.SplitN(e.arn(i), ":", 4)
	if len(parts) < 3 {
		return "aws"
	}
	return parts[2]
}

// tags returns the tags of a resource; all is false where some of them are not known.
func (e *Estate) tags(i int32) (tags map[string]string, all bool) {
	r := e.g.Resources()[i]
	if r.External || r.Data || r.Props.IsUnknown() {
		return nil, false
	}
	v := get(r.Props, "Tags")
	if v.IsUnknown() {
		return nil, false
	}
	tags = map[string]string{}
	for _, one := range v.List() {
		key, val := get(one, "Key"), get(one, "Value")
		if key.Kind() != plinth.String || val.IsUnknown() {
			return nil, false
		}
		s, _ := e.text(i, val)
		tags[key.Str()] = s
	}
	for _, f := range v.Fields() {
		if f.Value.IsUnknown() {
			return nil, false
		}
		s, _ := e.text(i, f.Value)
		tags[f.Key] = s
	}
	return tags, true
}

// settled takes out of a formula what an attacker chooses or fulfils himself, and decides what the estate knows or what a
// stranger can never fulfil.
func (e *Estate) settled(f iam.Formula, who iam.Principal, owner string) iam.Formula {
	if f.Always() || f.Never() {
		return f
	}
	outside := who.Kind == iam.Anonymous || stranger(who)
	f = f.Decide(func(l *iam.Leaf) value.Truth {
		switch key := strings.ToLower(l.Key); {
		case key == "aws:principalaccount" && slices.Contains(l.Values, who.Account), key == "kms:calleraccount" && slices.Contains(l.Values, who.Account),
			key == "aws:resourceaccount" && slices.Contains(l.Values, owner), key == "s3:resourceaccount" && slices.Contains(l.Values, owner):
			return truthOf(l)
		case key == "aws:principalarn" && (outside || strings.HasSuffix(who.ARN, anyone)):
			return called(l, who.Account)
		case !outside:
		case key == "aws:sourceip" && !narrow(l.Values):
			return truthOf(l)
		case key == "aws:userid" || key == "aws:sourceip":
			return opposite(truthOf(l))
		}
		return value.Undecided
	})
	return f.Without(func(l iam.Literal) bool { return l.Chosen() })
}

// called tells whether somebody in an account can go by a name that a condition wants: a stranger chooses his in his own account.
func called(l *iam.Leaf, account string) value.Truth {
	if truthOf(l) == value.False {
		return value.True
	}
	for _, v := range l.Values {
		parts := strings.SplitN(v, ":", 6)
		if len(parts) < 6 || strings.ContainsAny(parts[4], "*?") {
			return value.True
		}
		if parts[4] == account {
			return value.Undecided
		}
	}
	return value.False
}

// truthOf is what a condition is whose value is the wanted one.
func truthOf(l *iam.Leaf) value.Truth {
	return value.TruthOf(!strings.Contains(strings.ToLower(l.Op), "not"))
}

func opposite(t value.Truth) value.Truth {
	return value.TruthOf(t == value.False)
}

// narrow tells whether addresses leave the most of the internet out, by the measure that S3 has for "public".
func narrow(values []string) bool {
	return !slices.ContainsFunc(values, func(s string) bool {
		p, err := netip.ParsePrefix(s)
		return err == nil && p.Bits() < 8
	})
}
