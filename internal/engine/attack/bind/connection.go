package bind

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	azurePipeline    = "azure/Pipeline"
	azureConnection  = "terraform:azuredevops_serviceendpoint_azurerm"
	managedIdentity  = "Microsoft.ManagedIdentity/userAssignedIdentities"
	identityTrust    = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
	applicationTrust = "terraform:azuread_application_federated_identity_credential"

	maxNames     = 32   // what one input may name, by variables and parameters with several values
	maxTries     = 1000 // places that are filled for one input: variables may name each other
	maxTemplates = 100  // templates of one pipeline, the limit of the service
)

// connectionInputs are the inputs of tasks that name a connection to Azure, in lower case:
// https://learn.microsoft.com/azure/devops/pipelines/tasks/reference, and the tasks of the marketplace for Terraform.
var connectionInputs = map[string]bool{
	"azuresubscription": true, "azuresubscriptionendpoint": true, "azureresourcemanagerconnection": true, "connectedservicename": true, "connectedservicenamearm": true,
	"backendservicearm": true, "environmentservicename": true, "environmentservicenameazurerm": true, "providerazureconnectedservicename": true,
	"backendazurermconnection": true, "backendazureresourcemanagerconnection": true, "serviceconnection": true, "kubernetesazuresubscription": true,
}

// connections tells which principals of Azure a pipeline of Azure gets by the service connections that its tasks name: those of the
// same target, https://learn.microsoft.com/azure/devops/pipelines/library/connect-to-azure. Whether the connection is authorised for
// the pipeline is a condition, unless the code opens it to all.
func (w *scene) connections() {
	c := connector{scene: w, files: map[string]*plinth.Resource{}, byName: map[string][]int32{}}
	for i, r := range w.Resources() {
		switch r.Type {
		case azurePipeline:
			c.files[r.Decl.At.Path] = r
		case azureConnection:
			if name := textAt(r.Source, "service_endpoint_name"); name != "" && !r.Data && !r.External {
				c.byName[strings.ToLower(name)] = append(c.byName[strings.ToLower(name)], int32(i))
			}
		}
	}
	if len(c.byName) == 0 {
		return
	}
	parts := map[*plinth.Resource]bool{}
	for _, r := range w.Resources() {
		if r.Type == azurePipeline {
			c.templates(r, r.Props, 0, func(callee *plinth.Resource, _ plinth.Value) { parts[callee] = true })
		}
	}
	for _, r := range w.Resources() {
		if r.Type == azurePipeline && !parts[r] {
			c.pipeline, c.settings, c.called, c.told = r, map[string][]string{}, 0, map[string]bool{}
			c.learn(r, map[*plinth.Resource]bool{})
			c.tasks(r, r.Props, c.defaults(r, plinth.Value{}, nil), 0)
		}
	}
}

// connector looks for the connections of one pipeline.
type connector struct {
	*scene
	files    map[string]*plinth.Resource // pipelines by their path
	byName   map[string][]int32          // connections by their name in lower case
	pipeline *plinth.Resource
	settings map[string][]string // variables of the pipeline, in lower case, and what they may be
	called   int
	tries    int             // places that may still be filled
	told     map[string]bool // connections that are told, by name and place
}

// templates calls do for each template of the repository that a part of a file uses.
func (c *connector) templates(r *plinth.Resource, v plinth.Value, depth int, do func(callee *plinth.Resource, given plinth.Value)) {
	if depth > maxNested {
		return
	}
	if callee := c.template(r, v); callee != nil {
		given, _ := v.Get("parameters")
		do(callee, given)
	}
	for _, f := range v.Fields() {
		c.templates(r, f.Value, depth+1, do)
	}
	for _, x := range v.List() {
		c.templates(r, x, depth+1, do)
	}
}

// template is the file of the repository that a map names as its template, nil where it names none.
func (c *connector) template(r *plinth.Resource, v plinth.Value) *plinth.Resource {
	named, _ := v.Get("template")
	name := strings.ReplaceAll(strings.TrimSuffix(named.Str(), "@self"), `\`, "/")
	switch {
	case named.Kind() != plinth.String || name == "" || strings.ContainsAny(name, "@$"):
		return nil
	case strings.HasPrefix(name, "/"):
		return c.files[strings.TrimPrefix(path.Clean(name), "/")]
	}
	return c.files[path.Join(path.Dir(r.Decl.At.Path), name)]
}

// learn notes the variables of a file and of its templates.
func (c *connector) learn(r *plinth.Resource, seen map[*plinth.Resource]bool) {
	if seen[r] || len(seen) > maxTemplates {
		return
	}
	seen[r] = true
	c.variables(r.Props, 0)
	c.templates(r, r.Props, 0, func(callee *plinth.Resource, _ plinth.Value) { c.learn(callee, seen) })
}

func (c *connector) variables(v plinth.Value, depth int) {
	if depth > maxNested {
		return
	}
	put := func(name string, v plinth.Value) {
		if name = strings.ToLower(name); v.Kind() == plinth.String && len(c.settings[name]) < maxNames {
			c.settings[name] = append(c.settings[name], v.Str())
		}
	}
	vars, _ := v.Get("variables")
	for _, f := range vars.Fields() {
		put(f.Key, f.Value)
	}
	for _, x := range vars.List() {
		value, _ := x.Get("value")
		put(textAt(x, "name"), value)
	}
	for _, f := range v.Fields() {
		c.variables(f.Value, depth+1)
	}
	for _, x := range v.List() {
		c.variables(x, depth+1)
	}
}

// defaults are what the parameters of a file may be: what it is given, else what they may be chosen from, else their default.
func (c *connector) defaults(r *plinth.Resource, given plinth.Value, of map[string][]string) map[string][]string {
	out := map[string][]string{}
	for _, f := range given.Fields() {
		out[strings.ToLower(f.Key)] = c.names(f.Value.Str(), of)
	}
	declared, _ := r.Props.Get("parameters")
	for _, f := range declared.Fields() { // the short form: a map of defaults
		if name := strings.ToLower(f.Key); out[name] == nil {
			out[name] = c.names(f.Value.Str(), nil)
		}
	}
	for _, x := range declared.List() {
		name := strings.ToLower(textAt(x, "name"))
		if out[name] != nil {
			continue
		}
		values, _ := x.Get("values")
		for _, v := range values.List() {
			out[name] = append(out[name], v.Str())
		}
		if len(values.List()) == 0 {
			out[name] = c.names(textAt(x, "default"), nil)
		}
	}
	return out
}

// setting is a place in a text that a parameter or a variable fills: groups are the parameter, the variable in an expression, the macro.
var setting = lazy.New(`\$\{\{\s*parameters(?:\.|\[')([\w.-]+)(?:'\])?\s*\}\}|\$\{\{\s*variables(?:\.|\[')([\w.-]+)(?:'\])?\s*\}\}|\$\(([\w.-]+)\)`)

// names returns what a text may become; nothing where that is not known from the files.
func (c *connector) names(text string, given map[string][]string) []string {
	c.tries = maxTries
	return c.resolve(text, given, 0)
}

// resolve fills the first place of a text in every way, and what comes of it likewise.
func (c *connector) resolve(text string, given map[string][]string, depth int) []string {
	at := setting.FindStringSubmatchIndex(text)
	if at == nil {
		if strings.Contains(text, "${{") || strings.Contains(text, "$[") || text == "" {
			return nil
		}
		return []string{text}
	}
	if c.tries--; depth > maxCalls || c.tries < 0 {
		return nil
	}
	values := []string(nil)
	for g := 1; g <= 3; g++ {
		if at[2*g] < 0 {
			continue
		}
		name := strings.ToLower(text[at[2*g]:at[2*g+1]])
		if values = c.settings[name]; g == 1 {
			values = given[name]
		}
	}
	var out []string
	for _, v := range values {
		for _, whole := range c.resolve(text[:at[0]]+v+text[at[1]:], given, depth+1) {
			if len(out) < maxNames && !slices.Contains(out, whole) {
				out = append(out, whole)
			}
		}
	}
	return out
}

// tasks looks for tasks that name a connection, in a file and in the templates that it uses.
func (c *connector) tasks(r *plinth.Resource, v plinth.Value, given map[string][]string, depth int) {
	if depth > maxNested {
		return
	}
	if task := textAt(v, "task"); task != "" {
		inputs, _ := v.Get("inputs")
		for _, f := range inputs.Fields() {
			if !connectionInputs[strings.ToLower(f.Key)] {
				continue
			}
			for _, name := range c.names(f.Value.Str(), given) {
				c.connected(task, f.Value, name)
			}
		}
		return
	}
	if callee := c.template(r, v); callee != nil && c.called < maxTemplates {
		c.called++
		parameters, _ := v.Get("parameters")
		c.tasks(callee, callee.Props, c.defaults(callee, parameters, given), depth+1)
	}
	for _, f := range v.Fields() {
		c.tasks(r, f.Value, given, depth+1)
	}
	for _, x := range v.List() {
		c.tasks(r, x, given, depth+1)
	}
}

// connected tells which principals a pipeline gets by a connection.
func (c *connector) connected(task string, asks plinth.Value, name string) {
	for _, i := range c.byName[strings.ToLower(name)] {
		r := c.Resources()[i]
		if c.told[r.Decl.Address] {
			continue
		}
		c.told[r.Decl.Address] = true
		first := step(c.pipeline, c.pipeline.Place(asks), costIdentity, "task "+task+" uses service connection "+name)
		blocks, _ := r.Source.Get("credentials")
		for _, b := range blocks.List() {
			id, _ := b.Get("serviceprincipalid")
			for _, k := range c.Of(i, id) {
				if proof := c.trusts(i, k, b, name); len(proof) > 0 {
					evidence := append([]plinth.Step{first}, proof...)
					for _, to := range c.principals(k) {
						c.to.Relation(plinth.Relation{From: c.pipeline.ID, To: to.ID, Kind: plinth.Assume, When: c.asked(i, name), Evidence: evidence})
					}
				}
			}
		}
	}
}

// principals are whom a client id stands for: an identity, or the service principals of an application.
func (c *connector) principals(i int32) []*plinth.Resource {
	r := c.Resources()[i]
	switch {
	case r.External:
	case r.Type == managedIdentity, strings.HasSuffix(r.Type, ":azuread_service_principal"): // one that is there already, too
		return []*plinth.Resource{r}
	case r.Type == "terraform:azuread_application", r.Type == "terraform:azuread_application_registration":
		var out []*plinth.Resource
		for _, k := range c.Referred(i) {
			if of := c.Resources()[k]; of.Type == "terraform:azuread_service_principal" && !of.External {
				out = append(out, of)
			}
		}
		return out
	}
	return nil
}

// trusts is why the i-th resource, a connection, signs in as the k-th: a secret of it that the connection holds, or a federated
// credential that takes the connection's tokens. Nothing where neither is in the code.
func (c *connector) trusts(i, k int32, credentials plinth.Value, name string) []plinth.Step {
	r, of := c.Resources()[i], c.Resources()[k]
	if textAt(r.Source, "service_endpoint_authentication_scheme") != "WorkloadIdentityFederation" {
		key, ok := credentials.Get("serviceprincipalkey")
		if !ok {
			return nil
		}
		return []plinth.Step{step(r, r.Place(key), costTrust, r.Decl.Address+" signs in as "+of.Decl.Address+" with a secret of it")}
	}
	for n, trust := range c.Resources() {
		if trust.Type != identityTrust && trust.Type != applicationTrust {
			continue
		}
		subject, _ := trust.Source.Get("subject")
		own := slices.Contains(c.Of(int32(n), subject), i) || strings.HasPrefix(subject.Str(), "sc://") && strings.HasSuffix(strings.ToLower(subject.Str()), "/"+strings.ToLower(name))
		if !own || !c.about(int32(n), k) {
			continue
		}
		id, _ := credentials.Get("serviceprincipalid")
		return []plinth.Step{
			step(r, r.Place(id), costTrust, r.Decl.Address+" signs in as "+of.Decl.Address),
			step(trust, trust.Place(subject), costTrust, trust.Decl.Address+" takes its tokens"),
		}
	}
	return nil
}

// about tells whether a federated credential is one of the k-th resource: it refers to it, or to the application of it.
func (c *connector) about(trust, k int32) bool {
	for _, of := range c.Refers(trust) {
		if of == k || strings.HasSuffix(c.Resources()[k].Type, ":azuread_service_principal") && slices.Contains(c.Refers(k), of) {
			return true
		}
	}
	return false
}

// asked is what has to be given for a pipeline to use a connection: that it is authorised, and the checks of the connection,
// https://learn.microsoft.com/azure/devops/pipelines/process/approvals.
func (c *connector) asked(i int32, name string) plinth.Condition {
	var open bool
	var checks []string
	for _, k := range c.Referred(i) {
		r := c.Resources()[k]
		switch {
		case r.Type == "terraform:azuredevops_pipeline_authorization":
			_, one := r.Source.Get("pipeline_id")
			open = open || !one
		case r.Type == "terraform:azuredevops_check_approval":
			checks = append(checks, "somebody approves it ("+r.Decl.Address+")")
		case strings.HasPrefix(r.Type, "terraform:azuredevops_check_"):
			checks = append(checks, r.Decl.Address+" lets it pass")
		}
	}
	var when plinth.Condition
	if !open {
		when = when.And("service connection " + name + " is authorised for the pipeline")
	}
	slices.Sort(checks)
	for _, text := range checks {
		when = when.And(text)
	}
	return when
}
