package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/plinthsec/plinth"
)

// The JUnit form that Jenkins, GitLab, Azure DevOps and CircleCI read: https://github.com/jenkinsci/xunit-plugin, jenkins-junit.xsd.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string      `xml:"name,attr"`
	Class   string      `xml:"classname,attr"`
	Failure *junitFault `xml:"failure,omitempty"`
	Error   *junitFault `xml:"error,omitempty"`
	Skipped *junitSkip  `xml:"skipped,omitempty"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkip struct {
	Message string `xml:"message,attr"`
}

// writeJUnit prints a suite for each file, a case for each finding: failed, or skipped where it is unknown or suppressed. Advice is no
// failed test and is left out, but where everything is asked for. What could not be looked at is a suite of errors.
func writeJUnit(w io.Writer, r *Report, opt Options) error {
	out := junitSuites{Name: "plinth"}
	index := map[string]int{}
	suite := func(name string) *junitSuite {
		i, ok := index[name]
		if !ok {
			i = len(out.Suites)
			index[name] = i
			out.Suites = append(out.Suites, junitSuite{Name: name})
		}
		return &out.Suites[i]
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Rule.Severity == plinth.Info && !opt.Wide {
			continue
		}
		s := suite(Clean(r.fromRoot(f.Target, f.At.Path)))
		c := junitCase{Name: fmt.Sprintf("[%s] %s: %s", strings.ToUpper(f.Rule.Severity.String()), f.Rule.ID, f.Rule.Title), Class: Clean(address(f))}
		switch {
		case f.Suppressed != nil:
			c.Skipped = &junitSkip{Clean(strings.TrimSpace("suppressed by " + f.Suppressed.By + ": " + f.Suppressed.Why))}
			s.Skipped++
		case f.Verdict == plinth.Undecided:
			c.Skipped = &junitSkip{Clean("unknown because of " + strings.Join(f.Because, ", "))}
			s.Skipped++
		case f.Verdict == plinth.Fail:
			c.Failure = &junitFault{Message: Clean(f.Message), Type: f.Rule.Severity.String(), Text: strings.TrimSuffix(Clean(r.fromRoot(f.Target, spot(f.At))+" "+f.Message)+"\nfix: "+f.Rule.Fix, "\nfix: ")}
			s.Failures++
			out.Failures++
		}
		s.Cases = append(s.Cases, c)
		s.Tests++
		out.Tests++
	}
	for _, p := range r.Problems {
		if !p.Kind.Incomplete() {
			continue
		}
		s := suite("could not be looked at")
		where := Clean(r.fromRoot(p.Target, p.At.Path))
		s.Cases = append(s.Cases, junitCase{Name: string(p.Kind), Class: where, Error: &junitFault{Message: Clean(p.Text), Type: string(p.Kind), Text: Clean(r.fromRoot(p.Target, spot(p.At)))}})
		s.Tests++
		s.Errors++
		out.Tests++
		out.Errors++
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// address is what a finding is about, in the user's words.
func address(f *Finding) string {
	if f.Decl != nil {
		return f.Decl.Address
	}
	return f.At.Path
}
