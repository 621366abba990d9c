// Package outside reads what other tools found: SARIF results as weaknesses of the code, and CycloneDX vulnerabilities, with their
// VEX analyses, as weaknesses of images.
package outside

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxResults = 200_000 // of one file; more is no report that somebody reads
	maxSteps   = 200     // of one code flow
)

// Target tells what a report's places are compared with.
type Target interface {
	// Has tells whether the target has a file of this path.
	Has(path string) bool
}

// Read reads one report. Findings of an image have a Resource of plinth.TypeImage that is named like the image; all others stand
// in files. The error says what the file is not; problems are parts that were left out.
func Read(name string, data []byte, t Target) ([]plinth.Finding, []plinth.Problem, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var probe struct {
		Runs      json.RawMessage `json:"runs"`
		BOMFormat string          `json:"bomFormat"`
	}
	if err := json.Unmarshal(data, &probe); err != nil {
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
			return nil, nil, fmt.Errorf("%s: XML is not read; write CycloneDX as JSON", name)
		}
		return nil, nil, fmt.Errorf("%s: no JSON: %w", name, err)
	}
	switch {
	case probe.BOMFormat == "CycloneDX":
		return readCycloneDX(name, data)
	case probe.Runs != nil:
		return readSARIF(name, data, t)
	}
	return nil, nil, fmt.Errorf("%s: neither SARIF (no runs) nor CycloneDX (no bomFormat)", name)
}

// Apply silences the findings of reports that a VEX analysis of another report rules out: the same vulnerability of the same
// package or of everything.
func Apply(list []plinth.Finding) {
	ruled := map[string]*plinth.Suppression{}
	for i := range list {
		if f := &list[i]; f.Suppressed != nil && f.Suppressed.By == "vex" {
			ruled[f.Rule.ID+" "+f.Path] = f.Suppressed
		}
	}
	for i := range list {
		f := &list[i]
		if s := ruled[f.Rule.ID+" "+f.Path]; s != nil && f.Suppressed == nil {
			f.Suppressed = s
		}
	}
}

// cweOf reads a weakness number out of the ways in which tools write it: CWE-78, external/cwe/cwe-078, "CWE-78: OS command …", 78.
func cweOf(s string) string {
	low := strings.ToLower(s)
	i := strings.LastIndex(low, "cwe-")
	if i < 0 {
		return ""
	}
	digits := low[i+4:]
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n <= 0 {
		return ""
	}
	return "CWE-" + strconv.Itoa(n)
}

// weaknesses returns the numbers in a list of texts, sorted, each once.
func weaknesses(texts []string) []string {
	var out []string
	for _, t := range texts {
		if c := cweOf(t); c != "" {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// number is an index in a report that need not be there.
func number(of *int, under int) (int, bool) {
	if of == nil || *of < 0 || *of >= under {
		return 0, false
	}
	return *of, true
}
