package google

import (
	"net/url"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// targets are the arguments that name what a policy is about, the most telling first; project alone says only where that is.
var targets = []string{
	"bucket", "service_account_id", "secret_id", "crypto_key_id", "key_ring_id", "table_id", "dataset_id", "subscription", "topic", "database", "instance_name",
	"instance_id", "instance", "repository", "cloud_function", "service", "name", "queue_name", "cluster", "image", "subnetwork", "folder", "org_id", "billing_account_id",
	"project",
}

const (
	typeBucket  = "storage.googleapis.com/Bucket"
	convenience = "the bucket still gives basic roles of its project what Google gives them on new buckets"
)

// bind reads what a resource gives to whom: a policy of Terraform's, or its own in the provider's form.
func (e *Estate) bind(i int32, r *plinth.Resource) {
	name, terraform := strings.CutPrefix(r.Type, "terraform:")
	if r.Type == typeBucket && !r.Data && !r.External {
		e.bucket(i, r)
	}
	if r.Decl != nil && !r.Data && !r.External && (r.Decl.Type == "google_storage_default_object_access_control" || r.Decl.Type == "google_storage_default_object_acl") {
		e.list(i, r)
		return
	}
	switch {
	case name == "google_iam_deny_policy" || r.Type == "iam.googleapis.com/Policy":
		e.deny(i, r)
	case !terraform && r.Decl != nil && strings.HasPrefix(r.Decl.Type, "google_") || r.Data:
		// its parts say it
	case strings.HasSuffix(name, "_iam_member") || strings.HasSuffix(name, "_iam_binding"):
		members, _ := r.Source.Get("members")
		if one, ok := r.Source.Get("member"); ok {
			members = one
		}
		role, _ := r.Source.Get("role")
		condition, _ := r.Source.Get("condition")
		e.give(i, e.on(i, r, name[:strings.LastIndex(name, "_iam_")]), role, members, condition)
	case strings.HasSuffix(name, "_iam_policy"):
		e.policy(i, e.on(i, r, strings.TrimSuffix(name, "_iam_policy")))
	case !terraform:
		policy, ok := r.Known().Get("iamPolicy")
		if !ok {
			return
		}
		for _, b := range BindingsOf(e.scopes(i, 0)[0], policy) {
			if b.At.Path == "" {
				b.At = r.Head()
			}
			b.Label = r.Label()
			e.access.Bindings = append(e.access.Bindings, b)
		}
	}
}

// bucket adds what Google gives on each new bucket to those who hold a basic role on its project:
// https://cloud.google.com/storage/docs/access-control/iam#convenience-values.
func (e *Estate) bucket(i int32, r *plinth.Resource) {
	project := strings.TrimPrefix(e.projectOf(i), "projects/")
	for _, one := range [...]struct {
		role    string
		members []string
	}{
		{"roles/storage.legacyObjectOwner", []string{"projectEditor:" + project, "projectOwner:" + project}},
		{"roles/storage.legacyObjectReader", []string{"projectViewer:" + project}},
	} {
		e.access.Bindings = append(e.access.Bindings, Binding{
			On: string(r.ID), Role: iam.Texts{Known: []string{one.role}}, Members: iam.Texts{Known: one.members}, Condition: convenience, At: r.Head(), Label: "Google",
		})
	}
}

// list reads the access control list that new objects of a bucket get, unless access is uniform:
// https://cloud.google.com/storage/docs/access-control/lists.
func (e *Estate) list(i int32, r *plinth.Resource) {
	on := e.on(i, r, "google_storage_bucket")
	bucket := e.Of(on)
	if bucket == nil {
		return
	}
	if uniform, _ := bucket.Known().At("iamConfiguration", "uniformBucketLevelAccess", "enabled"); uniform.Bool() {
		return
	}
	entries, _ := r.Source.Get("role_entity")
	texts := e.texts(i, entries).Known
	if entity, ok := r.Source.Get("entity"); ok {
		texts = []string{"READER:" + e.render(i, entity, 0)}
	}
	for _, text := range texts {
		_, entity, _ := strings.Cut(text, ":")
		if kind, mail, ok := strings.Cut(entity, "-"); ok {
			if entity = kind + ":" + mail; strings.HasSuffix(mail, ".gserviceaccount.com") {
				entity = "serviceAccount:" + mail
			}
		}
		if strings.ContainsAny(entity, "{}") || strings.HasPrefix(entity, "project:") {
			continue
		}
		b := Binding{On: on, Role: iam.Texts{Known: []string{"roles/storage.legacyObjectReader"}}, Members: iam.Texts{Known: []string{entity}}, At: r.Head(), Label: r.Label()}
		if !slices.ContainsFunc(e.access.Bindings, func(o Binding) bool { return o.At == b.At && slices.Equal(o.Members.Known, b.Members.Known) }) {
			e.access.Bindings = append(e.access.Bindings, b)
		}
	}
}

// give adds a binding whose role and members are known in part at least.
func (e *Estate) give(i int32, on string, role, members, condition plinth.Value) {
	r := e.g.Resources()[i]
	b := Binding{On: on, Role: e.texts(i, role), Members: e.texts(i, members), At: r.Head(), Label: r.Label()}
	if o := role.Origin(); o != nil && o.At.Path != "" && !o.Default {
		b.At = o.At
	}
	if list := condition.List(); len(list) == 1 {
		condition = list[0]
	}
	text, _ := condition.At("expression")
	switch {
	case text.IsUnknown():
		if head, tail := text.Ends(); head != "" || tail != "" {
			b.Condition = head + "…" + tail
		} else {
			b.Condition = "a condition that is not known"
		}
	case text.Str() != "":
		b.Condition = strings.Join(strings.Fields(text.Str()), " ")
	}
	if len(b.Members.Known) > 0 && on != "" {
		e.access.Bindings = append(e.access.Bindings, b)
	}
}

// policy reads a whole policy: its text, or the data source that writes it.
func (e *Estate) policy(i int32, on string) {
	v, _ := e.g.Resources()[i].Source.Get("policy_data")
	if doc, ok := v.Document(); ok {
		list, _ := doc.Get("bindings")
		for _, b := range list.List() {
			role, _ := b.Get("role")
			members, _ := b.Get("members")
			condition, _ := b.Get("condition")
			e.give(i, on, role, members, condition)
		}
		return
	}
	for _, k := range e.g.Of(i, v) {
		d := e.g.Resources()[k]
		if d.Type != dataPolicy {
			continue
		}
		list, _ := d.Source.Get("binding")
		for _, b := range list.List() {
			role, _ := b.Get("role")
			members, _ := b.Get("members")
			condition, _ := b.Get("condition")
			e.give(k, on, role, members, condition)
		}
	}
}

// on is the scope that a policy of Terraform's is about.
func (e *Estate) on(i int32, r *plinth.Resource, base string) string {
	project, _ := r.Source.Get("project")
	switch base {
	case "google_project":
		return e.project(i, project)
	case "google_folder":
		v, _ := r.Source.Get("folder")
		return e.node(i, v, "folders/")
	case "google_organization":
		v, _ := r.Source.Get("org_id")
		return e.node(i, v, "organizations/")
	}
	for _, a := range targets {
		v, ok := r.Source.Get(a)
		if !ok || v.IsNull() || a == "project" {
			continue
		}
		for _, k := range e.g.Of(i, v) {
			of := e.g.Resources()[k]
			if ours(of) && (of.Decl == nil || of.Decl.Type == base || related(of.Decl.Type, base)) && !strings.HasPrefix(of.Type, "terraform:") {
				return string(of.ID)
			}
		}
		text := e.render(i, v, 0)
		if k, ok := e.called(r, base, text); ok {
			return string(e.g.Resources()[k].ID)
		}
		return base + "/" + text + "@" + world(r)
	}
	return ""
}

// related tells whether a policy type is written for another spelling of a type: google_storage_bucket_iam_member of
// google_storage_bucket, google_cloud_run_service of google_cloud_run_v2_service.
func related(typ, base string) bool {
	return strings.ReplaceAll(typ, "_v2", "") == strings.ReplaceAll(base, "_v2", "") || strings.HasPrefix(typ, base) || strings.HasPrefix(base, typ)
}

// called finds the resource of a type by the name that a policy gives as a text.
func (e *Estate) called(r *plinth.Resource, base, text string) (int32, bool) {
	if text == "" || strings.Contains(text, "{") && !strings.HasPrefix(text, "serviceAccounts/") {
		return 0, false
	}
	last := text[strings.LastIndexByte(text, '/')+1:]
	for k, of := range e.g.Resources() {
		if of.Decl == nil || of.Decl.Type != base || of.External || of.Data || strings.HasPrefix(of.Type, "terraform:") || world(of) != world(r) && base != "google_storage_bucket" {
			continue
		}
		if base == "google_service_account" {
			if e.email(int32(k), 0) == last {
				return int32(k), true
			}
			continue
		}
		for _, a := range [...]string{"name", "secret_id", "dataset_id", "repository_id", "id"} {
			if v, ok := of.Source.Get(a); ok && v.Kind() == plinth.String && v.Str() == last {
				return int32(k), true
			}
		}
	}
	return 0, false
}

// deny reads a deny policy: https://cloud.google.com/iam/docs/deny-overview.
func (e *Estate) deny(i int32, r *plinth.Resource) {
	parent := prop(r, "parent", "parent")
	on := e.node(i, parent, "")
	for _, k := range e.g.Of(i, parent) {
		if of := e.g.Resources()[k]; of.Type == typeProject {
			on = e.projectOf(k)
		}
	}
	if text, err := url.PathUnescape(on); err == nil {
		on = strings.TrimPrefix(text, "cloudresourcemanager.googleapis.com/")
	}
	rules := prop(r, "rules", "rules")
	for _, one := range rules.List() {
		d, ok := one.Get("deny_rule")
		if !ok {
			d, _ = one.Get("denyRule")
		}
		if list := d.List(); len(list) == 1 {
			d = list[0]
		}
		read := func(argument, property string) iam.Texts {
			if v, ok := d.Get(argument); ok {
				return e.texts(i, v)
			}
			v, _ := d.Get(property)
			return e.texts(i, v)
		}
		n := Denial{
			On: on, Principals: read("denied_principals", "deniedPrincipals"), ExceptPrincipals: read("exception_principals", "exceptionPrincipals"),
			Permissions: read("denied_permissions", "deniedPermissions"), ExceptPermissions: read("exception_permissions", "exceptionPermissions"), At: r.Head(),
		}
		condition, ok := d.Get("denial_condition")
		if list := condition.List(); ok && len(list) == 1 {
			condition = list[0]
		}
		text, _ := condition.At("expression")
		if n.Condition = strings.Join(strings.Fields(text.Str()), " "); text.IsUnknown() {
			n.Condition = "a condition that is not known"
		}
		if !slices.ContainsFunc(e.access.Denials, func(o Denial) bool {
			return o.At == n.At && o.On == n.On && slices.Equal(o.Permissions.Known, n.Permissions.Known)
		}) {
			e.access.Denials = append(e.access.Denials, n)
		}
	}
}
