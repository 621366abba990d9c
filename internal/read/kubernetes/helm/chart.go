// Package helm renders Helm charts as helm template does, with the values that a chart brings, and knows of each rendered line which
// line of the template it comes from.
//
// It follows the chart format (https://helm.sh/docs/topics/charts/) and the template functions of Helm 3 without what reaches outside
// (lookup finds nothing, names are not resolved) and what is made by chance (keys, passwords: the same text each time). Nothing a
// chart says takes more than the limits: whoever wrote it may be hostile.
package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

// Limits of one chart with all charts in it.
const (
	maxFile    = 2 << 20   // bytes of a file: those of real charts are smaller, but for pictures
	maxFiles   = 5000      // files
	maxBytes   = 64 << 20  // bytes of all files
	maxNesting = 8         // charts in charts
	maxSteps   = 3_000_000 // pieces of templates that are carried out: big umbrella charts take some ten thousand
	maxOutput  = 32 << 20  // bytes rendered
	maxText    = 4 << 20   // bytes of one text that a function returns
	maxTree    = 500_000   // values of one list or map that a function returns
	maxCalls   = 100       // include and tpl inside each other
)

// Chart is a chart with the charts that it brings.
type Chart struct {
	Name   string
	Root   string // folder or archive, as locations name it
	meta   map[string]any
	values map[string]any
	files  map[string][]byte // by path below the chart, without templates and charts
	parts  []file            // templates, sorted
	subs   []*Chart
	needs  []dependency
}

// Parts returns the folders and archives of a chart and of all charts that it brings.
func (c *Chart) Parts() []string {
	out := []string{c.Root}
	for _, sub := range c.subs {
		out = append(out, sub.Parts()...)
	}
	return out
}

type file struct {
	name string // below the chart: templates/web.yaml
	data []byte
}

// dependency is an entry of a chart's dependencies.
type dependency struct {
	Name, Alias, Condition, Repository, Version string
	Tags                                        []string
	ImportValues                                []any `yaml:"import-values"`
}

// loader reads charts out of one file system.
type loader struct {
	fsys    fs.FS
	problem func(plinth.Problem)
	files   int
	bytes   int
}

// Load reads the chart in a folder. What it names and does not hold is told as a problem; the error says why there is no chart.
func Load(fsys fs.FS, root string, problem func(plinth.Problem)) (*Chart, error) {
	l := &loader{fsys: fsys, problem: problem}
	return l.folder(root, 0)
}

// folder reads the chart in a folder: what makes it up, and, where its templates ask for files, all others.
func (l *loader) folder(root string, depth int) (*Chart, error) {
	content := map[string][]byte{}
	if err := l.walk(root, content, true); err != nil {
		return nil, fmt.Errorf("the chart cannot be read: %w", err)
	}
	for name, data := range content {
		if strings.HasPrefix(name, "templates/") && bytes.Contains(data, []byte(".Files")) {
			if err := l.walk(root, content, false); err != nil {
				return nil, fmt.Errorf("the files of the chart cannot be read: %w", err)
			}
			break
		}
	}
	return l.chart(root, content, depth)
}

// walk reads the files at the top of a chart, its templates and its charts, or all others.
func (l *loader) walk(root string, content map[string][]byte, parts bool) error {
	return fs.WalkDir(l.fsys, root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := p
		if root != "." {
			name = strings.TrimPrefix(strings.TrimPrefix(p, root), "/")
		}
		top, _, below := strings.Cut(name, "/")
		part := !below && !d.IsDir() || top == "templates" || top == "charts"
		switch {
		case p == root:
			return nil
		case d.IsDir():
			if part != parts || d.Name() == ".git" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		case part != parts:
			return nil
		}
		data, err := l.read(p, d)
		if data != nil {
			content[name] = data
		}
		return err
	})
}

// read reads a file; nil is one that was left out, with a problem where that may matter. The error is that the chart is too large.
func (l *loader) read(p string, d fs.DirEntry) ([]byte, error) {
	info, err := fs.Stat(l.fsys, p) // of a link what it leads to, as long as that lies in the target
	switch {
	case err != nil && d.Type()&fs.ModeSymlink != 0:
		return nil, nil // it leads out of the target, which whoever lists the files tells
	case err != nil:
		l.problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: p}, Text: "a file of a Helm chart cannot be read"})
		return nil, nil
	case !info.Mode().IsRegular():
		if d.Type()&fs.ModeSymlink != 0 {
			l.problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: p}, Text: "a link to a folder in a Helm chart is not followed"})
		}
		return nil, nil
	case info.Size() > maxFile:
		l.large(p)
		return nil, nil
	}
	data, err := fs.ReadFile(l.fsys, p)
	if err != nil {
		l.problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: p}, Text: "a file of a Helm chart cannot be read"})
		return nil, nil
	}
	return data, l.count(len(data))
}

var errLimit = errors.New("it has more files than a chart is expected to have")

func (l *loader) count(bytes int) error {
	l.files++
	l.bytes += bytes
	if l.files > maxFiles || l.bytes > maxBytes {
		return errLimit
	}
	return nil
}

// large tells of a file that is too large to be a part of a chart, unless it is of no use for rendering anyway.
func (l *loader) large(p string) {
	switch path.Ext(p) {
	case ".yaml", ".yml", ".tpl", ".txt", ".json":
		l.problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: p}, Text: fmt.Sprintf("the file of a Helm chart has more than %d MiB and was left out", maxFile>>20)})
	}
}

// archive reads a packed chart.
func (l *loader) archive(name string, data []byte, depth int) (*Chart, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	content := map[string][]byte{}
	t := tar.NewReader(io.LimitReader(z, maxBytes))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		_, inner, ok := strings.Cut(path.Clean(h.Name), "/")
		if h.Typeflag != tar.TypeReg || !ok {
			continue
		}
		if h.Size > maxFile {
			l.large(name + "!" + inner)
			continue
		}
		text, err := io.ReadAll(io.LimitReader(t, maxFile))
		if err != nil {
			return nil, err
		}
		content[inner] = text
		if err := l.count(len(text)); err != nil {
			return nil, err
		}
	}
	return l.chart(name+"!", content, depth)
}

// chart makes a chart of its files.
func (l *loader) chart(root string, content map[string][]byte, depth int) (*Chart, error) {
	c := &Chart{Root: root, files: map[string][]byte{}, values: map[string]any{}}
	if depth > maxNesting {
		return nil, errors.New("charts lie too deep in charts")
	}
	if err := yaml.Unmarshal(content["Chart.yaml"], &c.meta); err != nil || c.meta == nil {
		return nil, errors.New("the file Chart.yaml is no map")
	}
	if c.Name, _ = c.meta["name"].(string); c.Name == "" {
		return nil, errors.New("the file Chart.yaml has no name")
	}
	var deps struct{ Dependencies []dependency }
	for _, name := range [...]string{"requirements.yaml", "Chart.yaml"} {
		if err := yaml.Unmarshal(content[name], &deps); err != nil {
			return nil, fmt.Errorf("dependencies in %s: %w", name, err)
		}
	}
	c.needs = deps.Dependencies
	ignore(content)
	values, err := document(content["values.yaml"])
	if err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	if m, ok := values.(map[string]any); ok {
		c.values = m
	}
	inner := map[string]map[string][]byte{}
	names := make([]string, 0, len(content))
	for name := range content {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch dir, rest, _ := strings.Cut(name, "/"); {
		case dir == "templates":
			c.parts = append(c.parts, file{name, content[name]})
		case dir == "charts" && strings.HasSuffix(rest, ".tgz") && !strings.Contains(rest, "/"):
			sub, err := l.archive(path.Join(root, name), content[name], depth+1)
			l.add(c, sub, rest, err)
		case dir == "charts" && strings.Contains(rest, "/"):
			sub, below, _ := strings.Cut(rest, "/")
			if inner[sub] == nil {
				inner[sub] = map[string][]byte{}
			}
			inner[sub][below] = content[name]
		default:
			c.files[name] = content[name]
		}
	}
	for _, sub := range slices.Sorted(maps.Keys(inner)) {
		if inner[sub]["Chart.yaml"] != nil {
			one, err := l.chart(l.join(root, "charts/"+sub), inner[sub], depth+1)
			l.add(c, one, sub, err)
		}
	}
	l.local(c, depth)
	return c, nil
}

// ignore takes out what the chart's .helmignore names. A list with exceptions (!) is left alone: too much is better than too little.
func ignore(content map[string][]byte) {
	var patterns []string
	for line := range strings.Lines(string(content[".helmignore"])) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "!"):
			return
		case line != "" && line[0] != '#':
			patterns = append(patterns, line)
		}
	}
	for name := range content {
		if name != "Chart.yaml" && name != "values.yaml" && slices.ContainsFunc(patterns, func(p string) bool { return tree.Match(p, name) }) {
			delete(content, name)
		}
	}
}

func (l *loader) join(root, name string) string {
	if strings.HasSuffix(root, "!") {
		return root + name
	}
	if strings.Contains(root, "!") {
		return root + "/" + name
	}
	return path.Join(root, name)
}

func (l *loader) add(c, sub *Chart, name string, err error) {
	if err != nil {
		l.problem(plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: l.join(c.Root, "charts/"+name)}, Text: "the chart cannot be read: " + err.Error()})
		return
	}
	c.subs = append(c.subs, sub)
}

// local reads the dependencies that lie elsewhere in the target, and tells of those that are not there.
func (l *loader) local(c *Chart, depth int) {
	for _, d := range c.needs {
		if slices.ContainsFunc(c.subs, func(s *Chart) bool { return s.Name == d.Name }) {
			continue
		}
		if below, ok := strings.CutPrefix(d.Repository, "file://"); ok && !strings.Contains(c.Root, "!") {
			root := path.Join(c.Root, below)
			if _, err := fs.Stat(l.fsys, path.Join(root, "Chart.yaml")); err == nil && fs.ValidPath(root) {
				sub, err := l.folder(root, depth+1)
				l.add(c, sub, d.Name, err)
				continue
			}
		}
		l.problem(plinth.Problem{
			Kind: plinth.NotDownloaded, At: plinth.Location{Path: l.join(c.Root, "Chart.yaml")},
			Text: "chart " + d.Name + " " + d.Version + " is not in charts/; run helm dependency build before",
		})
	}
}

// document reads YAML as Helm does: all numbers are float64.
func document(data []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	n := 0
	return plain(v, &n)
}

// plain gives values of YAML the types that JSON has.
func plain(v any, n *int) (any, error) {
	if *n++; *n > maxTree {
		return nil, errors.New("it has more values than a chart is expected to have")
	}
	var err error
	switch v := v.(type) {
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case []any:
		for i := range v {
			if v[i], err = plain(v[i], n); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = plain(v[k], n); err != nil {
				return nil, err
			}
		}
	case map[any]any:
		out := map[string]any{}
		for k, e := range v {
			if out[fmt.Sprint(k)], err = plain(e, n); err != nil {
				return nil, err
			}
		}
		return out, nil
	case fmt.Stringer: // a time
		return v.String(), nil
	}
	return v, nil
}
