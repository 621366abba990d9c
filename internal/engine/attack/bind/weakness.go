package bind

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// yield is what an attacker gains from a weakness in the code of a workload.
type yield uint8

const (
	runsCode     yield = 1 << iota // everything that the process holds
	readsFiles                     // tokens, mounted secrets, the process's environment
	sendsHTTP                      // what the workload's network and the metadata service answer
	asksDatabase                   // the databases that it is connected with
)

// yields tells by CWE what a weakness gives. The numbers are those of https://cwe.mitre.org; what is not here gives an attacker
// nothing on the server.
var yields = map[string]yield{
	"CWE-77": runsCode, "CWE-78": runsCode, "CWE-88": runsCode, "CWE-94": runsCode, "CWE-95": runsCode, "CWE-96": runsCode,
	"CWE-98": runsCode, "CWE-120": runsCode, "CWE-434": runsCode, "CWE-470": runsCode, "CWE-502": runsCode, "CWE-787": runsCode,
	"CWE-913": runsCode, "CWE-917": runsCode, "CWE-1321": runsCode, "CWE-1336": runsCode,
	"CWE-22": readsFiles, "CWE-23": readsFiles, "CWE-35": readsFiles, "CWE-36": readsFiles, "CWE-73": readsFiles,
	"CWE-552": readsFiles, "CWE-611": readsFiles | sendsHTTP, "CWE-827": readsFiles | sendsHTTP,
	"CWE-441": sendsHTTP, "CWE-918": sendsHTTP,
	"CWE-89": asksDatabase, "CWE-564": asksDatabase, "CWE-943": asksDatabase,
}

// flaw is a weakness of the code that some workloads run.
type flaw struct {
	finding    *plinth.Finding
	gives      yield
	evidence   []plinth.Step // the weakness itself, then how its code gets into the workload
	when       plinth.Condition
	dependency bool // a package: nobody knows whether its code is reached
}

// technique names the weakness in a relation.
func (f *flaw) technique() string {
	if strings.HasPrefix(f.finding.Rule.ID, "CVE-") || strings.HasPrefix(f.finding.Rule.ID, "GHSA-") {
		return f.finding.Rule.ID
	}
	return strings.Join(f.finding.Rule.CWE, "+")
}

// weaknesses returns what is wrong in the code of each workload, by its id.
func (w *scene) weaknesses() map[plinth.ID][]flaw {
	out := map[plinth.ID][]flaw{}
	homes, folders := w.homesOf()
	for i := range w.Findings {
		f := &w.Findings[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil {
			continue
		}
		gives := yield(0)
		for _, c := range f.Rule.CWE {
			gives |= yields[c]
		}
		if gives == 0 {
			continue
		}
		for _, x := range w.where(f, homes, folders) {
			if !slices.ContainsFunc(out[x.workload.ID], func(o flaw) bool { return o.finding == f }) {
				out[x.workload.ID] = append(out[x.workload.ID], flaw{
					finding: f, gives: gives, evidence: append([]plinth.Step{weak(f)}, x.steps...), when: x.when, dependency: imaged(f),
				})
			}
		}
	}
	return out
}

// imaged tells that a finding is what another tool says of an image as a whole.
func imaged(f *plinth.Finding) bool { return f.Resource != nil && f.Resource.Type == plinth.TypeImage }

// where returns the workloads that run the code of a finding.
func (w *scene) where(f *plinth.Finding, homes []home, folders []string) []home {
	var out []home
	if imaged(f) {
		of := parseImage(f.Resource.Name)
		for _, c := range w.running {
			if c.image.Kind() != plinth.String {
				continue
			}
			if ok, when := parseImage(c.image.Str()).built(of); ok {
				out = append(out, home{workload: c.workload, when: when, steps: []plinth.Step{step(c.workload, c.workload.Place(c.image), 0, "runs image "+c.image.Str())}})
			}
		}
		return out
	}
	best := innermost(f.At.Path, folders)
	for _, h := range homes {
		if h.folder == best && best != "" {
			out = append(out, h)
		}
	}
	return out
}

// home is a folder whose code a workload runs.
type home struct {
	folder   string
	workload *plinth.Resource
	steps    []plinth.Step // how the code gets there
	when     plinth.Condition
}

// homesOf returns what runs the code of each folder, and all folders that anything is made from: a folder inside another one that is
// made into something of its own is no part of the other.
func (w *scene) homesOf() (homes []home, folders []string) {
	for _, b := range w.builds {
		folders = append(folders, b.context)
	}
	for _, c := range w.running {
		if c.image.Kind() != plinth.String {
			continue
		}
		ref := parseImage(c.image.Str())
		for _, b := range w.builds {
			if ok, when := ref.built(b.image); ok {
				runs := step(c.workload, c.workload.Place(c.image), 0, "runs image "+c.image.Str())
				homes = append(homes, home{b.context, c.workload, []plinth.Step{b.step(), runs}, when})
			}
		}
	}
	for _, r := range w.Resources() {
		if h, ok := w.function(r); ok {
			homes, folders = append(homes, h), append(folders, h.folder)
		}
	}
	return homes, folders
}

// function returns where the code of a function lies.
func (w *scene) function(r *plinth.Resource) (home, bool) {
	folder, by, at := w.estate.Code(r)
	if folder == "" {
		return home{}, false
	}
	return home{folder, r, []plinth.Step{step(by, at, 0, "its code is packed from "+folder)}, nil}, true
}

// innermost returns the longest of the folders that a file lies in, or is; "" where there is none.
func innermost(file string, folders []string) string {
	best := ""
	for _, f := range folders {
		if (f == "." || f == file || strings.HasPrefix(file, f+"/")) && (best == "" || best == "." || len(f) > len(best)) {
			best = f
		}
	}
	return best
}

func weak(f *plinth.Finding) plinth.Step {
	note := f.Message
	if note == "" {
		note = f.Rule.Title
	}
	return plinth.Step{Note: note, At: f.At, Cost: costWeakness}
}
