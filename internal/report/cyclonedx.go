package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// CycloneDX 1.6, ECMA-424: https://cyclonedx.org/docs/1.6/json/
const (
	cdxSchema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	cdxRoot   = "target" // the reference of what was looked at

	constraintProperty = "plinth:version-constraint" // what the code says of a version that it leaves open
)

type cdxBOM struct {
	Schema          string             `json:"$schema"`
	Format          string             `json:"bomFormat"`
	Spec            string             `json:"specVersion"`
	Serial          string             `json:"serialNumber"`
	Version         int                `json:"version"`
	Metadata        cdxMetadata        `json:"metadata"`
	Components      []cdxComponent     `json:"components"`
	Dependencies    []cdxDependency    `json:"dependencies"`
	Vulnerabilities []cdxVulnerability `json:"vulnerabilities,omitempty"`
	Properties      []cdxProperty      `json:"properties,omitempty"`
}

type cdxMetadata struct {
	Time      string   `json:"timestamp,omitempty"`
	Tools     cdxTools `json:"tools"`
	Component cdxTool  `json:"component"`
}

type cdxTools struct {
	Components []cdxTool `json:"components"`
}

type cdxTool struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref,omitempty"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type cdxComponent struct {
	Type       string        `json:"type"`
	Ref        string        `json:"bom-ref"`
	Group      string        `json:"group,omitempty"`
	Name       string        `json:"name"`
	Version    string        `json:"version,omitempty"`
	PURL       string        `json:"purl,omitempty"`
	Evidence   *cdxEvidence  `json:"evidence,omitempty"`
	Properties []cdxProperty `json:"properties,omitempty"`

	part string // of the package that the place uses
}

type cdxProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type cdxEvidence struct {
	Occurrences []cdxOccurrence `json:"occurrences"`
}

type cdxOccurrence struct {
	Location string `json:"location"`
	Line     int32  `json:"line,omitempty"`
	Part     string `json:"additionalContext,omitempty"` // of the component that is used there
}

type cdxDependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

type cdxVulnerability struct {
	Ref         string      `json:"bom-ref"`
	ID          string      `json:"id"`
	Source      cdxSource   `json:"source"`
	Ratings     []cdxRating `json:"ratings"`
	CWEs        []int       `json:"cwes,omitempty"`
	Description string      `json:"description"`
	Fix         string      `json:"recommendation,omitempty"`
	Affects     []cdxRef    `json:"affects"`
}

type cdxSource struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type cdxRating struct {
	Severity string `json:"severity"`
}

type cdxRef struct {
	Ref string `json:"ref"`
}

// writeCycloneDX prints what the target takes along from elsewhere: container images, modules and providers of Terraform, actions, templates and hooks
// of pipelines, Helm charts, models and libraries of artificial intelligence. What depends on a value that nobody knows has no name and
// is left out. The serial number is a hash of the content, and there is a time in it only where the run was given one, so that
// the same code gives the same bytes. Findings that name an advisory for a component become vulnerabilities.
func writeCycloneDX(w io.Writer, r *Report, _ Options) error {
	b := billOf(r)
	out := cdxBOM{Schema: cdxSchema, Format: "CycloneDX", Spec: "1.6", Version: 1, Components: b.components()}
	out.Metadata.Tools.Components = []cdxTool{{Type: "application", Name: "Plinth", Version: r.Version}}
	out.Metadata.Component = cdxTool{Type: "application", Ref: cdxRoot, Name: r.subject()}
	if r.Dated {
		out.Metadata.Time = r.Time.UTC().Format(time.RFC3339)
	}
	root := cdxDependency{Ref: cdxRoot}
	for _, c := range out.Components {
		root.On = append(root.On, c.Ref)
	}
	out.Dependencies = []cdxDependency{root}
	out.Vulnerabilities = b.vulnerabilities(out.Components)
	if n := r.Summary().Incomplete; n > 0 {
		out.Properties = []cdxProperty{{"plinth:not-looked-at", fmt.Sprint(n)}}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	// a UUID of version 8, whose bits are its maker's own: RFC 9562, section 5.8
	sum := sha256.Sum256(text)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	out.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return encode(w, out)
}

// subject names what was looked at.
func (r *Report) subject() string {
	var names []string
	for _, t := range r.Targets {
		names = append(names, Clean(firstName(t.Title, t.Name)))
	}
	return firstName(strings.Join(names, ", "))
}

var advisoryForm = lazy.New(`\b(?:CVE-\d{4}-\d{4,7}|GHSA(?:-[23456789cfghjmpqrvwx]{4}){3})\b`)

// vulnerabilities are the findings that name an advisory at a place where a component stands.
func (b *bill) vulnerabilities(components []cdxComponent) []cdxVulnerability {
	at := map[cdxOccurrence][]string{}
	for _, c := range components {
		for _, o := range c.Evidence.Occurrences {
			o.Part = ""
			at[o] = append(at[o], c.Ref)
		}
	}
	byID := map[string]*cdxVulnerability{}
	for i := range b.of.Findings {
		f := &b.of.Findings[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil {
			continue
		}
		refs := at[b.occurrence(f.Target, f.At)]
		for _, id := range advisoryForm.FindAllString(f.Message, -1) {
			for _, ref := range refs {
				v := byID[id]
				if v == nil {
					v = vulnerability(id, f.Rule)
					v.Description = Clean(f.Message)
					byID[id] = v
				}
				if !slices.Contains(v.Affects, cdxRef{ref}) {
					v.Affects = append(v.Affects, cdxRef{ref})
				}
			}
		}
	}
	var out []cdxVulnerability
	for _, v := range byID {
		slices.SortFunc(v.Affects, func(a, b cdxRef) int { return strings.Compare(a.Ref, b.Ref) })
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b cdxVulnerability) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func vulnerability(id string, rule *plinth.Rule) *cdxVulnerability {
	out := &cdxVulnerability{Ref: "vulnerability:" + id, ID: id, Ratings: []cdxRating{{rule.Severity.String()}}, Fix: rule.Fix}
	out.Source = cdxSource{"NVD", "https://nvd.nist.gov/vuln/detail/" + id}
	if strings.HasPrefix(id, "GHSA-") {
		out.Source = cdxSource{"GitHub Advisory Database", "https://github.com/advisories/" + id}
	}
	for _, cwe := range rule.CWE {
		var n int
		if _, err := fmt.Sscanf(cwe, "CWE-%d", &n); err == nil {
			out.CWEs = append(out.CWEs, n)
		}
	}
	return out
}
