package module

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// bundle is the content of a package: plain files under clean paths. Links inside it are resolved to what they lead to.
type bundle struct {
	files   map[string][]byte
	links   map[string]string // to clean paths; "" for those that lead out
	entries int               // that were offered
	size    int64             // bytes of files
}

func newBundle() *bundle {
	return &bundle{files: map[string][]byte{}, links: map[string]string{}}
}

// isConfig tells whether a file is one that Terraform reads; no such file is left out.
func isConfig(name string) bool {
	for _, ext := range [...]string{".tf", ".tf.json", ".tofu", ".tofu.json"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// clean makes a path inside the package of an entry's name. "." is the package itself.
func clean(name string) (string, error) {
	slashed := strings.ReplaceAll(name, `\`, "/")
	if strings.HasPrefix(slashed, "/") || len(slashed) > 1 && slashed[1] == ':' || slices.Contains(strings.Split(slashed, "/"), "..") {
		return "", fmt.Errorf("the entry %.100q leads out of the package", name)
	}
	out := path.Clean(slashed)
	if len(out) > maxPath || strings.Count(out, "/") > maxDepth || strings.ContainsRune(out, 0) || !utf8.ValidString(out) {
		return "", fmt.Errorf("the entry %.100q has a name that is not read", name)
	}
	return out, nil
}

// entry counts an entry and cleans its name.
func (b *bundle) entry(name string) (string, error) {
	if b.entries++; b.entries > maxEntries {
		return "", fmt.Errorf("the package has more than %d entries", maxEntries)
	}
	return clean(name)
}

// add reads one file. Large files that are no configuration are left out: no rule looks into them.
func (b *bundle) add(name string, r io.Reader) error {
	name, err := b.entry(name)
	if err != nil || name == "." {
		return err
	}
	limit := int64(maxOther)
	if isConfig(name) {
		limit = maxConfig
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	b.remove(name)
	if int64(len(data)) > limit {
		if isConfig(name) {
			return fmt.Errorf("%s has more than %d MiB", name, limit>>20)
		}
		return nil
	}
	return b.put(name, data)
}

// remove makes room for an entry of the same name: the last one counts, as it does where archives are unpacked to disk.
func (b *bundle) remove(name string) {
	b.size -= int64(len(b.files[name]))
	delete(b.files, name)
	delete(b.links, name)
}

func (b *bundle) put(name string, data []byte) error {
	b.size += int64(len(data)) - int64(len(b.files[name]))
	b.files[name] = data
	if b.size > maxPackage {
		return fmt.Errorf("the package has more than %d MiB", maxPackage>>20)
	}
	if len(b.files) > maxEntries {
		return fmt.Errorf("the package has more than %d entries", maxEntries)
	}
	return nil
}

// link notes a symbolic link. Its target is relative to its own folder.
func (b *bundle) link(name, target string) error {
	name, err := b.entry(name)
	if err != nil || name == "." {
		return err
	}
	return b.alias(name, path.Dir(name), target)
}

// hardLink notes a second name of an entry.
func (b *bundle) hardLink(name, target string) error {
	name, err := b.entry(name)
	if err != nil || name == "." {
		return err
	}
	return b.alias(name, ".", target)
}

func (b *bundle) alias(name, from, target string) error {
	target = strings.ReplaceAll(target, `\`, "/")
	to := path.Join(from, target)
	if path.IsAbs(target) || to == ".." || strings.HasPrefix(to, "../") || len(to) > 1 && to[1] == ':' {
		to = ""
	}
	b.remove(name)
	b.links[name] = to
	return nil
}

var errLinkOut = errors.New("leads out of the package, or nowhere")

// finish puts files in the place of links and checks that no file is a folder as well. Links that lead out are left out; a
// configuration file that is one is an error.
func (b *bundle) finish() error {
	names := make([]string, 0, len(b.files))
	for n := range b.files {
		names = append(names, n)
	}
	sort.Strings(names)
	links := make([]string, 0, len(b.links))
	for n := range b.links {
		links = append(links, n)
	}
	sort.Strings(links)
	for _, n := range links {
		err := b.resolve(n, names)
		if errors.Is(err, errLinkOut) && !isConfig(n) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the link %s: %w", n, err)
		}
	}
	for n := range b.files {
		for dir := path.Dir(n); dir != "."; dir = path.Dir(dir) {
			if _, ok := b.files[dir]; ok {
				return fmt.Errorf("the entry %s is both a file and a folder", dir)
			}
		}
	}
	return nil
}

// resolve copies what the link leads to: a file, or all files of a folder. names are the files of the package, sorted.
func (b *bundle) resolve(link string, names []string) error {
	to, ok := b.follow(link)
	if !ok || strings.HasPrefix(link, to+"/") {
		return errLinkOut
	}
	if data, ok := b.files[to]; ok {
		return b.put(link, data)
	}
	found := false
	first, _ := slices.BinarySearch(names, to+"/")
	for _, n := range names[first:] {
		rest, inside := strings.CutPrefix(n, to+"/")
		if !inside {
			break
		}
		found = true
		if err := b.put(link+"/"+rest, b.files[n]); err != nil {
			return err
		}
	}
	if !found {
		return errLinkOut
	}
	return nil
}

// follow walks a path through the links on its way.
func (b *bundle) follow(p string) (string, bool) {
	for range maxLinks {
		next, linked := "", false
		parts := strings.Split(p, "/")
		for i := range parts {
			at := strings.Join(parts[:i+1], "/")
			to, ok := b.links[at]
			if !ok {
				continue
			}
			if to == "" {
				return "", false
			}
			next, linked = path.Join(append([]string{to}, parts[i+1:]...)...), true
			break
		}
		if !linked {
			return p, p != "."
		}
		p = next
	}
	return "", false
}
