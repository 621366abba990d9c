package outside

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// The parts of CycloneDX 1.4 to 1.7 that say what a package suffers from: https://cyclonedx.org/docs/1.6/json/.
type bom struct {
	Metadata struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components      []component     `json:"components"`
	Vulnerabilities []vulnerability `json:"vulnerabilities"`
}

type component struct {
	Ref        string      `json:"bom-ref"`
	Type       string      `json:"type"`
	Group      string      `json:"group"`
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	PURL       string      `json:"purl"`
	Components []component `json:"components"`
	Properties []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"properties"`
}

type vulnerability struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	CWEs        []int  `json:"cwes"`
	Ratings     []struct {
		Severity string `json:"severity"`
	} `json:"ratings"`
	Affects []struct {
		Ref string `json:"ref"`
	} `json:"affects"`
	Analysis struct {
		State         string `json:"state"`
		Justification string `json:"justification"`
		Detail        string `json:"detail"`
	} `json:"analysis"`
}

// harmless are the states of an analysis after which nobody need act.
var harmless = map[string]bool{"not_affected": true, "false_positive": true, "resolved": true, "resolved_with_pedigree": true}

func readCycloneDX(name string, data []byte) ([]plinth.Finding, []plinth.Problem, error) {
	var doc bom
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, nil, fmt.Errorf("%s: no CycloneDX: %w", name, err)
	}
	packages := map[string]string{}
	var index func(list []component, depth int)
	index = func(list []component, depth int) {
		for i := range list {
			packages[list[i].Ref] = list[i].label()
			if depth < 32 {
				index(list[i].Components, depth+1)
			}
		}
	}
	index([]component{doc.Metadata.Component}, 0)
	index(doc.Components, 0)
	image := &plinth.Resource{ID: plinth.ID("image:" + doc.Metadata.Component.image()), Type: plinth.TypeImage, Name: doc.Metadata.Component.image(), Decl: &plinth.Declaration{At: plinth.Location{Path: name}}}
	var out []plinth.Finding
	for i := range doc.Vulnerabilities {
		v := &doc.Vulnerabilities[i]
		rule := v.rule()
		var silent *plinth.Suppression
		if harmless[v.Analysis.State] {
			silent = &plinth.Suppression{By: "vex", Why: strings.TrimSpace(v.Analysis.State + " " + v.Analysis.Justification + " " + v.Analysis.Detail), At: plinth.Location{Path: name}}
		}
		for _, a := range v.Affects {
			if len(out) == maxResults {
				return out, []plinth.Problem{{Kind: plinth.Limit, At: plinth.Location{Path: name}, Text: "more than 200,000 vulnerable packages; the others are left out"}}, nil
			}
			ref := a.Ref
			if strings.HasPrefix(ref, "urn:cdx:") { // of another document
				if _, part, ok := strings.Cut(ref, "#"); ok {
					ref, _ = url.PathUnescape(part)
				}
			}
			label := packages[ref]
			if label == "" {
				label = ref
			}
			out = append(out, plinth.Finding{
				Rule: rule, Resource: image, At: plinth.Location{Path: name}, Path: label, Verdict: plinth.Fail, Suppressed: silent,
				Message: label + ": " + v.ID,
			})
		}
	}
	if image.Name == "" && len(out) > 0 {
		return out, []plinth.Problem{{Kind: plinth.Unsupported, At: plinth.Location{Path: name}, Text: "the bill of materials does not say which container image it is of (metadata.component), so its vulnerabilities belong to no workload"}}, nil
	}
	return out, nil, nil
}

func (v *vulnerability) rule() *plinth.Rule {
	r := &plinth.Rule{ID: v.ID, Engine: "vulnerability", Title: v.Description}
	if line, _, more := strings.Cut(r.Title, "\n"); more {
		r.Title = line
	}
	for _, n := range v.CWEs {
		if n > 0 {
			r.CWE = append(r.CWE, "CWE-"+strconv.Itoa(n))
		}
	}
	for _, x := range v.Ratings {
		if s, ok := plinth.ParseSeverity(x.Severity); ok {
			r.Severity = max(r.Severity, s)
		}
	}
	return r
}

// label names a package: its purl, or else name and version.
func (c *component) label() string {
	if c.PURL != "" {
		name, _, _ := strings.Cut(c.PURL, "?")
		return name
	}
	out := c.Name
	if c.Group != "" {
		out = c.Group + "/" + out
	}
	if c.Version != "" {
		out += "@" + c.Version
	}
	return out
}

// image is the reference of the container image that a component is, "" for anything else.
func (c *component) image() string {
	if rest, ok := strings.CutPrefix(c.PURL, "pkg:oci/"); ok {
		base, query, _ := strings.Cut(rest, "?")
		name, version, _ := strings.Cut(base, "@")
		if q, err := url.ParseQuery(query); err == nil {
			if repository := q.Get("repository_url"); repository != "" {
				name = repository
			}
			if tag := q.Get("tag"); tag != "" {
				name += ":" + tag
			}
		}
		if digest, err := url.PathUnescape(version); err == nil && strings.HasPrefix(digest, "sha256:") && !strings.Contains(name, ":") {
			return name + "@" + digest
		}
		return name
	}
	if c.Type != "container" {
		return ""
	}
	if c.Version != "" && !strings.HasPrefix(c.Version, "sha256:") && !strings.Contains(c.Name[strings.LastIndexByte(c.Name, '/')+1:], ":") {
		return c.Name + ":" + c.Version
	}
	return c.Name
}
