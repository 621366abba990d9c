package report

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// OCSF, the Open Cybersecurity Schema Framework: https://schema.ocsf.io/1.8.0/. The numbers are those of its category Findings.
const (
	ocsfVersion    = "1.8.0"
	ocsfFindings   = 2    // the category
	ocsfCompliance = 2003 // an evaluation of a resource against what a standard or a policy asks for
	ocsfPosture    = 2007 // a weakness of software: of code, of a pipeline, a secret in a file
	ocsfCreate     = 1    // the activity: the finding was made
	ocsfActivity   = 6    // the category Application Activity
	ocsfScan       = 6007 // the end of a scan
	ocsfCompleted  = 2    // the activity: the scan was completed
	ocsfFile       = 1    // a regular file
	ocsfRule       = 1    // the kind of an analytic
)

var (
	ocsfClasses    = map[int]string{ocsfCompliance: "Compliance Finding", ocsfPosture: "Application Security Posture Finding"}
	ocsfSeverities = [...]string{"Informational", "Low", "Medium", "High", "Critical"} // numbers from 1
)

// ocsfHead is what every event begins with.
type ocsfHead struct {
	Metadata     ocsfMetadata `json:"metadata"`
	Time         int64        `json:"time"` // milliseconds since 1970
	CategoryID   int          `json:"category_uid"`
	Category     string       `json:"category_name"`
	ClassID      int          `json:"class_uid"`
	Class        string       `json:"class_name"`
	ActivityID   int          `json:"activity_id"`
	Activity     string       `json:"activity_name"`
	TypeID       int          `json:"type_uid"`
	Type         string       `json:"type_name"`
	SeverityID   int          `json:"severity_id"`
	Severity     string       `json:"severity"`
	StatusID     int          `json:"status_id"`
	Status       string       `json:"status"`
	StatusDetail string       `json:"status_detail,omitempty"`
}

type ocsfEvent struct {
	ocsfHead
	Message     string              `json:"message"`
	Info        ocsfInfo            `json:"finding_info"`
	Resources   []ocsfResource      `json:"resources"`
	Compliance  *ocsfCheck          `json:"compliance,omitempty"`
	Weaknesses  []ocsfVulnerability `json:"vulnerabilities,omitempty"`
	Remediation *ocsfRemediation    `json:"remediation,omitempty"`
	Evidences   []ocsfEvidence      `json:"evidences,omitempty"`
}

type ocsfMetadata struct {
	Version string      `json:"version"`
	Product ocsfProduct `json:"product"`
}

type ocsfProduct struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitempty"`
}

type ocsfInfo struct {
	UID      string       `json:"uid"`
	Title    string       `json:"title"`
	Desc     string       `json:"desc,omitempty"`
	Types    []string     `json:"types"`
	Analytic ocsfAnalytic `json:"analytic"`
	Attacks  []ocsfAttack `json:"attacks,omitempty"`
}

type ocsfAnalytic struct {
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
	UID    string `json:"uid"`
	Name   string `json:"name"`
}

type ocsfAttack struct {
	Technique    *ocsfUID `json:"technique,omitempty"`
	SubTechnique *ocsfUID `json:"sub_technique,omitempty"`
}

type ocsfUID struct {
	UID string `json:"uid"`
}

// ocsfResource is the resource that a finding hangs on, or the file where there is none. Its data says where it is written.
type ocsfResource struct {
	UID  string    `json:"uid,omitempty"`
	Name string    `json:"name"`
	Type string    `json:"type"`
	Data ocsfPlace `json:"data"`
}

type ocsfPlace struct {
	Path    string `json:"path,omitempty"`
	Line    int32  `json:"line,omitempty"`
	EndLine int32  `json:"end_line,omitempty"`
	Commit  string `json:"commit,omitempty"`
	Note    string `json:"note,omitempty"`
}

type ocsfCheck struct {
	Control       string   `json:"control"`
	Standards     []string `json:"standards,omitempty"`
	Requirements  []string `json:"requirements,omitempty"`
	StatusID      int      `json:"status_id"`
	Status        string   `json:"status"`
	StatusDetails []string `json:"status_details,omitempty"`
}

// ocsfVulnerability is about one weakness: the schema wants exactly one of an advisory, a CVE and a CWE.
type ocsfVulnerability struct {
	Title    string     `json:"title"`
	Severity string     `json:"severity"`
	CWE      ocsfUID    `json:"cwe"`
	Code     []ocsfCode `json:"affected_code"`
}

type ocsfCode struct {
	File      ocsfFileObject `json:"file"`
	StartLine int32          `json:"start_line,omitempty"`
	EndLine   int32          `json:"end_line,omitempty"`
}

type ocsfFileObject struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	TypeID int    `json:"type_id"`
}

type ocsfRemediation struct {
	Desc       string   `json:"desc"`
	References []string `json:"references,omitempty"`
}

type ocsfEvidence struct {
	File ocsfFileObject `json:"file"`
	Data ocsfPlace      `json:"data"`
}

// ocsfRun is the event of the run itself. What could not be looked at makes it a failure and stands in unmapped.
type ocsfRun struct {
	ocsfHead
	Scan       ocsfKind  `json:"scan"`
	Detections int       `json:"num_detections"`
	Files      int       `json:"num_files"`
	Skipped    int       `json:"num_skipped_items"`
	Unmapped   *ocsfRest `json:"unmapped,omitempty"`
}

type ocsfKind struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfRest struct {
	Problems []ocsfProblem `json:"problems"`
}

type ocsfProblem struct {
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"`
	Line int32  `json:"line,omitempty"`
	Text string `json:"text"`
}

// run is the event that ends the report.
func (r *Report) run() ocsfRun {
	const class = "Scan Activity"
	out := ocsfRun{
		ocsfHead: ocsfHead{
			Metadata: ocsfMetadata{ocsfVersion, ocsfProduct{"Plinth", "Plinth", r.Version}}, Time: r.Time.UnixMilli(),
			CategoryID: ocsfActivity, Category: "Application Activity", ClassID: ocsfScan, Class: class, ActivityID: ocsfCompleted, Activity: "Completed",
			TypeID: ocsfScan*100 + ocsfCompleted, Type: class + ": Completed", SeverityID: 1, Severity: ocsfSeverities[0], StatusID: 1, Status: "Success",
		},
		Scan: ocsfKind{"plinth scan", 1, "Manual"}, Detections: len(r.Findings),
	}
	for _, t := range r.Targets {
		out.Files += t.Read
	}
	rest := &ocsfRest{}
	for _, p := range r.Problems {
		place := r.place(p.Target, p.At)
		rest.Problems = append(rest.Problems, ocsfProblem{string(p.Kind), place.Path, place.Line, Clean(p.Text)})
	}
	if len(rest.Problems) > 0 {
		out.Unmapped = rest
	}
	if out.Skipped = r.Summary().Incomplete; out.Skipped > 0 {
		out.StatusID, out.Status, out.StatusDetail = 2, "Failure", fmt.Sprintf("%d places could not be looked at", out.Skipped)
	}
	return out
}

// writeOCSF prints an event per finding, one a line, and one of the run itself. A rule about the configuration of a resource, and every rule that a standard's
// control asks for, gives a Compliance Finding, which knows passes and unknown verdicts; any other an Application Security Posture
// Finding, which is always a weakness, so that those verdicts are left out there.
func writeOCSF(w io.Writer, r *Report, _ Options) error {
	b := bufio.NewWriter(w)
	e := compact(b)
	for i := range r.Findings {
		f := &r.Findings[i]
		class := ocsfPosture
		if f.Rule.Engine == "misconfig" || len(f.Controls()) > 0 {
			class = ocsfCompliance
		}
		if class == ocsfPosture && f.Verdict != plinth.Fail {
			continue
		}
		if err := e.Encode(r.ocsf(f, class)); err != nil {
			return err
		}
	}
	if err := e.Encode(r.run()); err != nil {
		return err
	}
	return b.Flush()
}

func (r *Report) ocsf(f *Finding, class int) ocsfEvent {
	severity := min(int(f.Rule.Severity), len(ocsfSeverities)-1)
	out := ocsfEvent{
		ocsfHead: ocsfHead{
			Metadata: ocsfMetadata{ocsfVersion, ocsfProduct{"Plinth", "Plinth", r.Version}}, Time: r.Time.UnixMilli(),
			CategoryID: ocsfFindings, Category: "Findings", ClassID: class, Class: ocsfClasses[class], ActivityID: ocsfCreate, Activity: "Create",
			TypeID: class*100 + ocsfCreate, Type: ocsfClasses[class] + ": Create", SeverityID: severity + 1, Severity: ocsfSeverities[severity],
			StatusID: 1, Status: "New",
		},
		Message: Clean(f.Message),
		Info: ocsfInfo{
			UID: f.Key, Title: f.Rule.Title, Desc: f.Rule.Why, Types: []string{f.Rule.Engine}, Attacks: attacks(f.Rule.Attack),
			Analytic: ocsfAnalytic{ocsfRule, "Rule", f.Rule.ID, f.Rule.Title},
		},
	}
	if s := f.Suppressed; s != nil {
		out.StatusID, out.Status, out.StatusDetail = 3, "Suppressed", Clean(strings.TrimSuffix(s.By+": "+s.Why, ": "))
	}
	if f.Rule.Fix != "" {
		out.Remediation = &ocsfRemediation{f.Rule.Fix, f.Rule.Links}
	}
	place := r.place(f.Target, f.At)
	place.Commit = f.Commit
	on := ocsfResource{Name: firstName(place.Path, f.Target), Type: "file", Data: place}
	if f.Resource != nil {
		on = ocsfResource{Clean(string(f.Resource.ID)), Clean(firstName(f.Resource.Label(), string(f.Resource.ID))), f.Resource.Type, place}
	}
	out.Resources = []ocsfResource{on}
	if class == ocsfCompliance {
		out.Compliance, out.Evidences = check(f), r.evidences(f)
		return out
	}
	for _, cwe := range f.Rule.CWE {
		v := ocsfVulnerability{Title: f.Rule.Title, Severity: out.Severity, CWE: ocsfUID{cwe}}
		if f.At.Path != "" {
			v.Code = []ocsfCode{{fileObject(place.Path), place.Line, place.EndLine}}
		}
		out.Weaknesses = append(out.Weaknesses, v)
	}
	if out.Remediation == nil && out.Weaknesses == nil { // a rule of the user's own: the class wants one of the three
		out.Compliance = check(f)
	}
	return out
}

// firstName is the first name that is not empty.
func firstName(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return "."
}

// check says what a rule asked and what came out.
func check(f *Finding) *ocsfCheck {
	out := &ocsfCheck{Control: f.Rule.ID, Requirements: f.Controls()}
	for _, c := range out.Requirements {
		standard, _, _ := strings.Cut(c, ":")
		if !slices.Contains(out.Standards, standard) {
			out.Standards = append(out.Standards, standard)
		}
	}
	switch f.Verdict {
	case plinth.Pass:
		out.StatusID, out.Status = 1, "Pass"
	case plinth.Fail:
		out.StatusID, out.Status = 3, "Fail"
	default:
		out.Status = "Unknown"
		for _, why := range f.Because {
			out.StatusDetails = append(out.StatusDetails, Clean(why))
		}
	}
	return out
}

// evidences are the place of the finding and those of its steps.
func (r *Report) evidences(f *Finding) []ocsfEvidence {
	var out []ocsfEvidence
	add := func(at plinth.Location, note string) {
		if at.Path == "" {
			return
		}
		p := r.place(f.Target, at)
		file := fileObject(p.Path)
		p.Note = Clean(note)
		out = append(out, ocsfEvidence{file, p})
	}
	add(f.At, "")
	for _, s := range f.Evidence {
		add(s.At, s.Note)
	}
	return out
}

func (r *Report) place(target string, at plinth.Location) ocsfPlace {
	if at.Path == "" {
		return ocsfPlace{}
	}
	return ocsfPlace{Path: Clean(r.fromRoot(target, at.Path)), Line: at.Line, EndLine: at.EndLine}
}

func fileObject(name string) ocsfFileObject { return ocsfFileObject{path.Base(name), name, ocsfFile} }

// attacks are ATT&CK's techniques, "T1530", and sub-techniques, "T1552.001".
func attacks(ids []string) []ocsfAttack {
	var out []ocsfAttack
	for _, id := range ids {
		a := ocsfAttack{}
		technique, _, sub := strings.Cut(id, ".")
		a.Technique = &ocsfUID{technique}
		if sub {
			a.SubTechnique = &ocsfUID{id}
		}
		out = append(out, a)
	}
	return out
}
