package kube

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/rbac"
)

// mount is a path of the node that a container sees.
type mount struct {
	id       plinth.ID // of the volume's node
	volume   string
	path     string
	writable iam.Formula
	at       plinth.Location // of the volume's path
	seen     plinth.Location // of the mount
}

// finding is a setting that is there, under a condition, with its proof.
type proof struct {
	when  iam.Formula
	steps []plinth.Step
}

func (p *proof) add(when iam.Formula, s plinth.Step) {
	p.when = p.when.And(when)
	p.steps = append(p.steps, s)
}

// escapes tells what a container does not hold back.
func (c *cluster) escapes(l *workload, x *container) {
	mounts := c.mountsOf(l, x)
	for i := range mounts {
		m := &mounts[i]
		if !c.bound[m.id] {
			c.bound[m.id] = true
			c.to.Node(plinth.Node{ID: m.id, Type: "volume", Name: m.volume, Address: l.address + "/" + m.volume, At: m.at})
		}
		c.tell(plinth.Relation{
			From: x.id, To: m.id, Kind: plinth.Contains, Technique: "VOLUME_DISCOVER",
			Evidence: []plinth.Step{step(l.resource, m.seen, 0, "container "+x.name+" mounts "+m.path+" of its node")},
		})
	}
	for i := range c.edges {
		e := &c.edges[i]
		if !e.container {
			continue
		}
		for j := range e.ways {
			w := &e.ways[j]
			if len(w.mounts) == 0 {
				if p := c.settings(l, x, w); !p.when.Never() {
					c.escape(l, x, e, w, p)
				}
				continue
			}
			for k := range mounts {
				m := &mounts[k]
				p := c.settings(l, x, w)
				if !covers(w.mounts, m.path) || covers(w.except, m.path) || p.when.Never() {
					continue
				}
				p.add(iam.Always(), step(l.resource, m.at, costSetting, "volume "+m.volume+" is "+m.path+" of the node"))
				when := iam.Always()
				if w.writable {
					when = m.writable
				}
				p.add(when, step(l.resource, m.seen, costSetting, "container "+x.name+" mounts it"))
				if w.when != "" {
					p.when = p.when.And(iam.If(iam.Fact(w.when)))
				}
				if !w.root && maybeRoot(get(x.value, "securityContext", "runAsUser"), get(x.value, "securityContext", "runAsNonRoot"), get(l.spec, "securityContext")).Never() {
					p.when = p.when.And(iam.If(iam.Fact(m.path + " of the node is open to the user of container " + x.name)))
				}
				if p.when.Never() {
					continue
				}
				c.escape(l, x, e, w, p)
				c.tell(plinth.Relation{From: m.id, To: c.targetOf(w), Kind: e.kind, Technique: e.id, When: p.when.Condition(), Evidence: p.steps})
			}
		}
	}
}

func (c *cluster) targetOf(w *way) plinth.ID {
	if w.to == toNodeVolumes {
		return c.volumes
	}
	return c.nodes()
}

func (c *cluster) escape(l *workload, x *container, e *edge, w *way, p proof) {
	if len(p.steps) == 0 {
		return
	}
	if w.to != toSiblings {
		c.tell(plinth.Relation{From: x.id, To: c.targetOf(w), Kind: e.kind, Technique: e.id, When: p.when.Condition(), Evidence: p.steps})
		return
	}
	if len(l.containers) > maxSiblings {
		return
	}
	for _, y := range l.containers {
		if y != x && y.running && x.running {
			c.tell(plinth.Relation{From: x.id, To: y.id, Kind: e.kind, Technique: e.id, When: p.when.Condition(), Evidence: p.steps})
		}
	}
}

// settings tells under which conditions a container has the settings of a way, mounts left out.
func (c *cluster) settings(l *workload, x *container, w *way) proof {
	p := proof{when: iam.Always()}
	security := get(x.value, "securityContext")
	if security.IsUnknown() && (w.privileged || len(w.capabilities) > 0) {
		p.add(iam.If(iam.Because(security.Why()...)), step(l.resource, l.resource.Place(security), costSetting, "the security context of container "+x.name+" is not known"))
		return p
	}
	if w.hostPID {
		v := get(l.spec, "hostPID")
		p.add(holds(v), step(l.resource, l.resource.Place(v), costSetting, l.address+" shares the process ids of its node"))
	}
	if w.privileged {
		v := get(security, "privileged")
		p.add(holds(v), step(l.resource, l.resource.Place(v), costSetting, "container "+x.name+" is privileged"))
	}
	if w.shared {
		v := get(l.spec, "shareProcessNamespace")
		p.add(holds(v), step(l.resource, l.resource.Place(v), costSetting, "the containers of "+l.address+" share their processes"))
	}
	list := get(security, "capabilities", "add")
	for _, want := range w.capabilities {
		p.add(capability(list, want), step(l.resource, l.resource.Place(list), costSetting, "container "+x.name+" has the capability "+want))
	}
	if w.unconfined {
		c.unconfined(l, x, &p)
	}
	if w.root && !p.when.Never() {
		p.when = p.when.And(maybeRoot(get(security, "runAsUser"), get(security, "runAsNonRoot"), get(l.spec, "securityContext")))
	}
	if len(w.identity) > 0 && !p.when.Never() {
		c.permitted(l, w.identity, &p)
	}
	return p
}

func capability(list plinth.Value, want string) iam.Formula {
	if list.IsUnknown() {
		return iam.If(iam.Because(list.Why()...))
	}
	var when iam.Formula
	for _, v := range list.List() {
		if v.IsUnknown() {
			when = when.Or(iam.If(iam.Because(v.Why()...)))
		}
		if s := strings.TrimPrefix(strings.ToUpper(v.Str()), "CAP_"); s == want || s == "ALL" {
			return iam.Always()
		}
	}
	return when
}

// maybeRoot tells whether a container may run as root: it may unless it says otherwise, as images mostly do.
func maybeRoot(user, never, pod plinth.Value) iam.Formula {
	if user.IsNull() {
		user = get(pod, "runAsUser")
	}
	if never.IsNull() {
		never = get(pod, "runAsNonRoot")
	}
	switch {
	case user.Kind() == plinth.Number && user.Num() != 0, never.Kind() == plinth.Bool && never.Bool():
		return nil
	case user.IsUnknown():
		return iam.If(iam.Because(user.Why()...))
	case never.IsUnknown() && user.Kind() != plinth.Number:
		return iam.If(iam.Because(never.Why()...))
	}
	return iam.Always()
}

// unconfined adds that AppArmor leaves a container alone: by the field, by the annotation of older versions, or where a node has
// no AppArmor.
func (c *cluster) unconfined(l *workload, x *container, p *proof) {
	profile := get(x.value, "securityContext", "appArmorProfile", "type")
	if profile.IsNull() {
		profile = get(l.meta, "annotations", "container.apparmor.security.beta.kubernetes.io/"+x.name)
	}
	if profile.IsNull() {
		profile = get(l.spec, "securityContext", "appArmorProfile", "type")
	}
	switch strings.ToLower(profile.Str()) {
	case "unconfined":
		p.add(iam.Always(), step(l.resource, l.resource.Place(profile), costSetting, "AppArmor does not confine container "+x.name))
	case "":
		p.when = p.when.And(iam.If(iam.Fact("AppArmor does not confine container " + x.name)))
	default:
		p.when = nil
	}
}

// permitted adds that the identity of a pod has one of some rights in its namespace.
func (c *cluster) permitted(l *workload, rights []*right, p *proof) {
	var when iam.Formula
	var steps []plinth.Step
	if l.account != nil {
		mounted, runs := l.mounted()
		s := c.holder(l.account)
		for _, r := range rights {
			f, why := s.may(r, l.namespace)
			if f = f.And(mounted); !f.Never() && when.Never() {
				steps = append([]plinth.Step{runs}, why...)
			}
			when = when.Or(f)
		}
	}
	p.when = p.when.And(when)
	p.steps = append(p.steps, steps...)
}

// holder returns the subject of a service account: one without rights of its own may have those of its groups.
func (c *cluster) holder(a *account) *subject {
	s := rbac.AccountSubject(a.namespace, a.name.name)
	if x := c.bySubject[s]; x != nil {
		return x
	}
	return &subject{id: a.id, groups: c.groupsOf(s)}
}

// findDisks finds the PersistentVolumes that are folders of the node, by the claims that they are for: either names the other.
func (c *cluster) findDisks() {
	byName := map[string]*plinth.Resource{}
	for _, r := range c.objects {
		if r.Type == "core/PersistentVolume" && get(r.Props, "spec", "hostPath").Kind() == plinth.Map {
			byName[r.Name] = r
			if claim := get(r.Props, "spec", "claimRef"); text(claim, "name") != "" {
				c.disks[name{text(claim, "namespace"), text(claim, "name")}] = r
			}
		}
	}
	for _, r := range c.objects {
		if r.Type == "core/PersistentVolumeClaim" {
			if v := byName[text(r.Props, "spec", "volumeName")]; v != nil {
				c.disks[name{namespaceOf(r), r.Name}] = v
			}
		}
	}
}

// mountsOf returns the paths of the node that a container sees. A volume whose path is not known may be any: it is left out, as no
// technique is about any path.
func (c *cluster) mountsOf(l *workload, x *container) []mount {
	var out []mount
	for _, v := range get(x.value, "volumeMounts").List() {
		of := text(v, "name")
		i := slices.IndexFunc(get(l.spec, "volumes").List(), func(d plinth.Value) bool { return text(d, "name") == of && of != "" })
		if i < 0 {
			continue
		}
		declared := get(l.spec, "volumes").List()[i]
		where, by := get(declared, "hostPath", "path"), l.resource
		if claim := text(declared, "persistentVolumeClaim", "claimName"); claim != "" {
			if by = c.disks[name{l.namespace, claim}]; by != nil {
				where = get(by.Props, "spec", "hostPath", "path")
			}
		}
		if where.Kind() != plinth.String || where.Str() == "" {
			continue
		}
		m := mount{
			id: plinth.ID(string(l.id) + "/" + of), volume: of, path: path.Clean("/" + where.Str() + "/" + text(v, "subPath")),
			at: by.Place(where), seen: l.resource.Place(v), writable: iam.Always(),
		}
		if read := get(v, "readOnly"); read.IsUnknown() {
			m.writable = iam.If(iam.Because(read.Why()...))
		} else if read.Bool() || get(declared, "persistentVolumeClaim", "readOnly").Bool() {
			m.writable = nil
		}
		out = append(out, m)
	}
	return out
}

// covers tells whether a path is one of a list of patterns: an exact path, with * for a part of a name; a path and all below it
// (/root/**); names anywhere (**/*.sock).
func covers(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if tail, ok := strings.CutPrefix(pattern, "**/"); ok {
			match, err := path.Match(tail, path.Base(p))
			return match && err == nil
		}
		head, below := strings.CutSuffix(pattern, "**")
		if !below {
			match, err := path.Match(pattern, p)
			return match && err == nil
		}
		head = strings.TrimSuffix(head, "/")
		part := p
		if n := strings.Count(head, "/"); n > 0 {
			parts := strings.SplitAfterN(p, "/", n+2)
			part = strings.TrimSuffix(strings.Join(parts[:min(n+1, len(parts))], ""), "/")
		}
		match, err := path.Match(head, part)
		return head == "" || match && err == nil
	})
}
