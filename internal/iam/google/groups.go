package google

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// Membership is that somebody is in a group that policies name.
type Membership struct {
	Who, Group *Principal
	At         plinth.Location
	Label      string // what declares it
}

// Memberships are those that the code declares, of groups that have something, in the order of the resources.
func (e *Estate) Memberships() []Membership {
	var out []Membership
	for i, r := range e.g.Resources() {
		if r.Type != "terraform:google_cloud_identity_group_membership" || r.Data {
			continue
		}
		group := e.byMember["group:"+strings.ToLower(e.groupOf(int32(i), r))]
		mail := e.key(int32(i), r, "preferred_member_key")
		if mail == "" {
			mail = e.key(int32(i), r, "member_key")
		}
		if group == nil || mail == "" || strings.HasPrefix(mail, "{") {
			continue
		}
		member := "user:" + mail
		if strings.HasSuffix(mail, ".gserviceaccount.com") {
			member = "serviceAccount:" + mail
		} else if e.byMember["group:"+strings.ToLower(mail)] != nil {
			member = "group:" + mail
		}
		who := e.byMember[strings.ToLower(member)]
		if who == nil {
			who = &Principal{Member: member} // has nothing but what the group has
		}
		out = append(out, Membership{who, group, r.Head(), r.Label()})
	}
	return out
}

// groupOf is the address of the group of a membership.
func (e *Estate) groupOf(i int32, r *plinth.Resource) string {
	v, _ := r.Source.Get("group")
	for _, k := range e.g.Of(i, v) {
		if of := e.g.Resources()[k]; k != i {
			return e.key(k, of, "group_key")
		}
	}
	return ""
}

// key is the address in a block of a group or a membership.
func (e *Estate) key(i int32, r *plinth.Resource, block string) string {
	for _, v := range reach(r.Source, block+".id") {
		return e.render(i, v, 0)
	}
	return ""
}
