package function

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/plinthsec/plinth"
)

func fileFuncs() []Func {
	text := func(f func(string) string) func(*call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) {
			s, err := c.text(0)
			return plinth.StringOf(f(s)), err
		}
	}
	fs := []Func{
		{Name: "basename", least: 1, most: 1, run: text(path.Base)},
		{Name: "dirname", least: 1, most: 1, run: text(path.Dir)},
		{Name: "pathexpand", least: 1, most: 1, run: pathExpand},
		later("abspath", 1, 1),
		{Name: "file", least: 1, most: 1, run: file},
		{Name: "fileexists", least: 1, most: 1, run: fileExists},
		{Name: "fileset", least: 2, most: 2, run: fileSet},
		{Name: "filebase64", least: 1, most: 1, run: func(c *call) (plinth.Value, error) {
			b, _, err := c.read(0)
			return plinth.StringOf(base64.StdEncoding.EncodeToString(b)), err
		}},
	}
	for _, d := range digests() {
		name := "file" + d.name
		if d.b64 {
			name = "filebase64" + strings.TrimPrefix(d.name, "base64")
		}
		fs = append(fs, Func{Name: name, least: 1, most: 1, run: func(c *call) (plinth.Value, error) {
			b, _, err := c.read(0)
			return d.of(b), err
		}})
	}
	return fs
}

func (c *call) read(i int) (data []byte, name string, err error) {
	p, err := c.text(i)
	if err != nil {
		return nil, "", err
	}
	if c.files == nil {
		return nil, "", &UnknownError{Why: fmt.Sprintf("%s(%q)", c.name, p)}
	}
	return c.files.ReadFile(p)
}

// file reads a text; a file that is not UTF-8 is an error in Terraform, too.
func file(c *call) (plinth.Value, error) {
	b, name, err := c.read(0)
	if err == nil && !utf8.Valid(b) {
		err = errors.New("file: the content is no UTF-8 text")
	}
	return plinth.StringOf(string(b)).WithOrigin(&plinth.Origin{At: plinth.Location{Path: name}}), err
}

func fileExists(c *call) (plinth.Value, error) {
	p, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	if c.files == nil {
		return plinth.Value{}, &UnknownError{Why: fmt.Sprintf("fileexists(%q)", p)}
	}
	yes, err := c.files.Exists(p)
	return plinth.BoolOf(yes), err
}

func fileSet(c *call) (plinth.Value, error) {
	dir, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	pattern, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	if c.files == nil {
		return plinth.Value{}, &UnknownError{Why: fmt.Sprintf("fileset(%q, %q)", dir, pattern)}
	}
	names, err := c.files.Glob(dir, pattern)
	if err != nil {
		return plinth.Value{}, err
	}
	return plinth.SetOf(stringsOf(names).List()), nil
}

// pathExpand leaves a path as it is unless it begins with the home folder, which is the machine's.
func pathExpand(c *call) (plinth.Value, error) {
	p, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	if strings.HasPrefix(p, "~") {
		return plinth.Value{}, &UnknownError{Why: fmt.Sprintf("pathexpand(%q)", p)}
	}
	return plinth.StringOf(p), nil
}
