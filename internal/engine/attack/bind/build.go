package bind

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const maxMatrix = 256 // combinations of one matrix, the limit of GitHub itself

// build is one step of a pipeline that makes an image from a folder.
type build struct {
	image    image
	context  string // folder of the target, "." for all of it
	at       plinth.Location
	pipeline string
}

func (b *build) step() plinth.Step {
	return plinth.Step{Note: "built from " + b.context + " by " + b.pipeline, At: b.at}
}

// findBuilds returns the builds of all pipelines and compose files, in the order of the resources.
func (w *scene) findBuilds() []build {
	var out []build
	for _, r := range w.Resources() {
		switch r.Type {
		case "github/Workflow":
			out = append(out, workflowBuilds(r)...)
		case "gitlab/Pipeline", "azure/Pipeline", "bitbucket/Pipeline", "circleci/Pipeline", "jenkins/Pipeline":
			out = append(out, scriptBuilds(r)...)
		}
	}
	return out
}

// workflowBuilds reads a GitHub workflow: steps that use docker/build-push-action, and docker build in scripts, once for each
// combination of the job's matrix.
func workflowBuilds(r *plinth.Resource) []build {
	var out []build
	jobs, _ := r.Props.Get("jobs")
	for _, j := range jobs.Fields() {
		steps, _ := j.Value.Get("steps")
		dir := textAt(j.Value, "defaults", "run", "working-directory")
		for _, vars := range combinations(j.Value) {
			for _, scope := range []plinth.Value{r.Props, j.Value} {
				env, _ := scope.Get("env")
				for _, f := range env.Fields() {
					vars["env."+f.Key] = substitute(f.Value.Str(), vars)
				}
			}
			for _, s := range steps.List() {
				out = append(out, stepBuilds(r, s, dir, vars)...)
			}
		}
	}
	return out
}

func stepBuilds(r *plinth.Resource, s plinth.Value, dir string, vars map[string]string) []build {
	uses := textAt(s, "uses")
	action, _, _ := strings.Cut(uses, "@")
	if action == "docker/build-push-action" || action == "redhat-actions/buildah-build" {
		with, _ := s.Get("with")
		folder, ok := within(".", substitute(textAt(with, "context"), vars))
		if !ok {
			return nil
		}
		var out []build
		for _, tag := range strings.FieldsFunc(textAt(with, "tags"), func(c rune) bool { return c == '\n' || c == ',' }) {
			out = append(out, build{image: buildImage(substitute(tag, vars)), context: folder, at: r.Place(with), pipeline: r.Decl.Address})
		}
		return out
	}
	run, ok := s.Get("run")
	if !ok {
		return nil
	}
	if own := textAt(s, "working-directory"); own != "" {
		dir = own
	}
	env, _ := s.Get("env")
	vars = maps.Clone(vars)
	for _, f := range env.Fields() {
		vars["env."+f.Key] = substitute(f.Value.Str(), vars)
	}
	return commandBuilds(r, run, substitute(dir, vars), vars)
}

var expression = lazy.New(`\$\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}`)

// unknown stands for a part of a text that is made when the pipeline runs.
const unknown = "\x00"

// substitute replaces the expressions that vars know; the others become unknown.
func substitute(s string, vars map[string]string) string {
	s = expression.ReplaceAllStringFunc(s, func(m string) string {
		if v, ok := vars[expression.FindStringSubmatch(m)[1]]; ok {
			return v
		}
		return unknown
	})
	if strings.Contains(s, "${{") {
		return unknown
	}
	return s
}

// combinations returns the variables of each job that a matrix makes: those of include beside those of the lists.
func combinations(job plinth.Value) []map[string]string {
	matrix, _ := job.At("strategy", "matrix")
	out := []map[string]string{{}}
	lists := false
	for _, f := range matrix.Fields() {
		if f.Key == "include" || f.Key == "exclude" || f.Value.Kind() != plinth.List {
			continue
		}
		lists = true
		var next []map[string]string
		for _, base := range out {
			for _, v := range f.Value.List() {
				if len(next) == maxMatrix {
					break
				}
				one := maps.Clone(base)
				assign(one, "matrix."+f.Key, v)
				next = append(next, one)
			}
		}
		out = next
	}
	include, _ := matrix.Get("include")
	if include.Len() == 0 {
		return out
	}
	if !lists {
		out = nil
	}
	for _, v := range include.List() {
		one := map[string]string{}
		for _, f := range v.Fields() {
			assign(one, "matrix."+f.Key, f.Value)
		}
		extended := false
		for _, base := range out { // an entry that contradicts no list extends its combinations
			if !slices.ContainsFunc(slices.Collect(maps.Keys(one)), func(k string) bool { b, ok := base[k]; return ok && b != one[k] }) && shares(base, one) {
				maps.Copy(base, one)
				extended = true
			}
		}
		if !extended && len(out) < maxMatrix {
			out = append(out, one)
		}
	}
	return out
}

func shares(a, b map[string]string) bool {
	for k := range b {
		if _, ok := a[k]; ok {
			return true
		}
	}
	return false
}

func assign(vars map[string]string, name string, v plinth.Value) {
	if v.Kind() == plinth.Map {
		for _, f := range v.Fields() {
			assign(vars, name+"."+f.Key, f.Value)
		}
		return
	}
	vars[name] = textAt(v)
}

// buildImage is the reference of an image that a build pushes; a tag that is made at build time is "".
func buildImage(s string) image {
	out := parseImage(s)
	if strings.Contains(out.repository, unknown) {
		return image{}
	}
	if strings.Contains(out.tag, unknown) {
		out.tag = ""
	}
	return out
}

// within is a folder given relative to dir, both inside the target.
func within(dir, folder string) (string, bool) {
	if folder == "" {
		folder = "."
	}
	if strings.Contains(dir+folder, unknown) || strings.Contains(folder, "://") || strings.HasPrefix(folder, "/") {
		return "", false
	}
	p := path.Join(dir, folder)
	return p, p != ".." && !strings.HasPrefix(p, "../")
}

// scriptBuilds looks for docker build in every script of a pipeline.
func scriptBuilds(r *plinth.Resource) []build {
	var out []build
	var walk func(v plinth.Value, depth int)
	walk = func(v plinth.Value, depth int) {
		if depth > 32 {
			return
		}
		if v.Kind() == plinth.String && strings.Contains(v.Str(), "build") {
			out = append(out, commandBuilds(r, v, ".", nil)...)
		}
		for _, e := range v.List() {
			walk(e, depth+1)
		}
		for _, f := range v.Fields() {
			walk(f.Value, depth+1)
		}
	}
	walk(r.Props, 0)
	return out
}

var shellVariable = lazy.New(`\$\{?([A-Za-z_]\w*)\}?|\$\([^)]*\)`)

// commandBuilds reads docker build, docker buildx build, podman build and buildah bud in a script. Variables of the environment
// that the pipeline sets itself are known, others are not.
func commandBuilds(r *plinth.Resource, script plinth.Value, dir string, vars map[string]string) []build {
	text := strings.ReplaceAll(script.Str(), "\\\n", " ")
	var out []build
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == ';' || c == '&' || c == '|' }) {
		line = shellVariable.ReplaceAllStringFunc(substitute(line, vars), func(m string) string {
			if sub := shellVariable.FindStringSubmatch(m); sub[1] != "" {
				if v, ok := vars["env."+sub[1]]; ok {
					return v
				}
			}
			return unknown
		})
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == "cd" {
			if next, ok := within(dir, unquote(words[1])); ok {
				dir = next
			} else {
				dir = unknown
			}
		}
		tags, folder := buildCommand(words)
		at, ok := within(dir, folder)
		if !ok {
			continue
		}
		for _, tag := range tags {
			if i := buildImage(tag); i.repository != "" {
				out = append(out, build{image: i, context: at, at: r.Place(script), pipeline: r.Decl.Address})
			}
		}
	}
	return out
}

// flags of docker build that stand alone; all others take a value.
var alone = map[string]bool{"--push": true, "--load": true, "--no-cache": true, "--pull": true, "--rm": true, "--quiet": true, "-q": true, "--squash": true, "--compress": true, "--debug": true, "-D": true}

// buildCommand returns the tags and the context of a build command; no tags where it is none.
func buildCommand(words []string) (tags []string, folder string) {
	for len(words) > 0 && (words[0] == "sudo" || words[0] == "-" || strings.Contains(words[0], "=")) {
		words = words[1:]
	}
	if len(words) < 3 {
		return nil, ""
	}
	switch {
	case (words[0] == "docker" || words[0] == "podman" || words[0] == "nerdctl") && words[1] == "build":
		words = words[2:]
	case words[0] == "docker" && (words[1] == "buildx" || words[1] == "image") && words[2] == "build":
		words = words[3:]
	case words[0] == "buildah" && (words[1] == "bud" || words[1] == "build"):
		words = words[2:]
	default:
		return nil, ""
	}
	for i := 0; i < len(words); i++ {
		name, value, joined := strings.Cut(words[i], "=")
		switch {
		case !strings.HasPrefix(words[i], "-"):
			folder = unquote(words[i])
			continue
		case alone[name]:
			continue
		case !joined && i+1 < len(words):
			i++
			value = words[i]
		}
		if name == "-t" || name == "--tag" {
			tags = append(tags, unquote(value))
		}
	}
	return tags, folder
}

func unquote(s string) string { return strings.Trim(s, `"'`) }
