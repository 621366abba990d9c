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

// folder reads the chart in a folder.
func (l *loader) folder(root string, depth int) (*Chart, error) {
	content := map[string][]byte{}
	err := fs.WalkDir(l.fsys, root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > maxFile {
			return err
		}
		data, err := fs.ReadFile(l.fsys, p)
		if err != nil {
			return err
		}
		content[strings.TrimPrefix(strings.TrimPrefix(p, root), "/")] = data
		return l.count(len(data))
	})
	if err != nil {
		return nil, fmt.Errorf("the chart cannot be read: %w", err)
	}
	return l.chart(root, content, depth)
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
		if h.Typeflag != tar.TypeReg || !ok || h.Size > maxFile {
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
