package report

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
)

// purl is a package URL, ECMA-427: https://github.com/package-url/purl-spec.
type purl struct {
	kind, namespace, name, version string
	qualifiers                     [][2]string // of those without a value nothing is written
}

func (p purl) String() string {
	var b strings.Builder
	b.WriteString("pkg:" + p.kind + "/")
	if p.namespace != "" {
		b.WriteString(escapePath(p.namespace) + "/")
	}
	b.WriteString(escapePURL(p.name))
	if p.version != "" {
		b.WriteString("@" + escapePURL(p.version))
	}
	qualifiers := slices.DeleteFunc(slices.Clone(p.qualifiers), func(q [2]string) bool { return q[1] == "" })
	slices.SortFunc(qualifiers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for i, q := range qualifiers {
		b.WriteString([]string{"?", "&"}[min(i, 1)] + q[0] + "=" + escapePURL(q[1]))
	}
	return b.String()
}

// escapePURL leaves letters, digits and ".-_~:" as they are, as the specification wants.
func escapePURL(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_~:", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString(string([]byte{'%', digits[c>>4], digits[c&15]}))
		}
	}
	return b.String()
}

func escapePath(s string) string {
	parts := strings.Split(s, "/")
	for i := range parts {
		parts[i] = escapePURL(parts[i])
	}
	return strings.Join(parts, "/")
}

var (
	imageForm       = lazy.New(`^((?:[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+|localhost|[a-zA-Z0-9-]+)(?::\d+)?/)?([a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`)
	actionForm      = lazy.New(`^([\w.-]+)/([\w.-]+)((?:/[\w.-]+)*)@([\w./+-]+)$`)
	moduleForm      = lazy.New(`^(?:([\w-]+(?:\.[\w-]+)+(?::\d+)?)/)?([\w-]+)/([\w-]+)/([\w-]+)(?://(.+))?$`)
	gitForm         = lazy.New(`^(?:git::)?(?:(https|http|ssh|git)://)?(?:[\w.-]+@)?([\w.-]+\.[a-z]+(?::\d+)?)[:/]([\w.~/-]+?)(?:\.git)?(?://([^?]*))?(?:\?(.*))?$`)
	exactForm       = lazy.New(`^=?\s*v?(\d+\.\d+\.\d+(?:[-+][\w.+-]+)?)$`)
	placeholderForm = lazy.New(`^[A-Z]+(?:_[A-Z]+)+$`) // something writes the tag there later
	nameForm        = lazy.New(`^\w[\w.+-]*$`)
)

// image reads the reference of a container image as Docker does: one without a registry is of Docker Hub, one without a tag and a digest
// means latest. One with a digest is of purl's type oci, which asks for it; another of type docker.
func image(name string) (cdxComponent, bool) {
	m := imageForm.FindStringSubmatch(name)
	if m == nil || m[1] == "" && (m[2] == "scratch" || m[2] == "auto" && m[3] == "") { // scratch is nothing; auto is put in by Istio
		return cdxComponent{}, false
	}
	host, repository, tag, digest := strings.TrimSuffix(m[1], "/"), m[2], m[3], m[4]
	if placeholderForm.MatchString(tag) {
		return cdxComponent{}, false
	}
	named := host
	host = strings.ToLower(host)
	switch {
	case host == "index.docker.io" || host == "registry-1.docker.io" || host == "registry.hub.docker.com":
		host = "docker.io"
	case host != "" && host != "localhost" && !strings.ContainsAny(host, ".:"): // no registry, but the first folder
		if named != host { // folders are in lower case
			return cdxComponent{}, false
		}
		host, repository = "", host+"/"+repository
	}
	if host == "docker.io" {
		host = ""
	}
	if host == "" {
		repository = strings.TrimPrefix(repository, "library/")
	}
	c := cdxComponent{Type: "container", Name: path.Join(host, repository), Version: tag}
	p := purl{kind: "docker", namespace: path.Dir(repository), name: path.Base(repository), version: tag}
	if digest != "" {
		where := path.Join(host, repository)
		if host == "" && p.namespace == "." {
			where = "docker.io/library/" + repository
		} else if host == "" {
			where = "docker.io/" + repository
		}
		c.Version = digest
		c.PURL = purl{kind: "oci", name: p.name, version: digest, qualifiers: [][2]string{{"repository_url", where}, {"tag", tag}}}.String()
		return c, true
	}
	if tag == "" {
		c.Version, p.version = "latest", "latest"
	}
	if p.namespace == "." {
		p.namespace = ""
	}
	p.qualifiers = [][2]string{{"repository_url", host}}
	c.PURL = p.String()
	return c, true
}

// action reads what uses names of another repository: an action, or a reusable workflow in it.
func action(uses string) (cdxComponent, bool) {
	m := actionForm.FindStringSubmatch(uses)
	if m == nil || strings.HasPrefix(uses, ".") {
		return cdxComponent{}, false
	}
	p := purl{kind: "githubactions", namespace: strings.ToLower(m[1]), name: strings.ToLower(m[2]), version: m[4]}
	return cdxComponent{Type: "application", Group: m[1], Name: m[2], Version: m[4], PURL: p.String(), part: strings.TrimPrefix(m[3], "/")}, true
}

// module reads the source of a Terraform module in a registry, or in a Git repository.
func module(source, constraint string) (cdxComponent, bool) {
	m := moduleForm.FindStringSubmatch(source)
	if m == nil || slices.Contains([]string{"github.com", "bitbucket.org", "gitlab.com"}, m[1]) {
		return repository(source, "")
	}
	c := cdxComponent{Type: "library", Group: m[2], Name: path.Join(m[3], m[4]), part: Clean(m[5])}
	p := purl{kind: "terraform", namespace: m[2] + "/" + m[3], name: m[4]}
	if m[1] != "registry.terraform.io" {
		p.qualifiers = [][2]string{{"repository_url", m[1]}}
	}
	p.version = c.pin(constraint)
	c.PURL = p.String()
	return c, true
}

// pin notes a version, or the constraint that leaves it open, and returns the version.
func (c *cdxComponent) pin(constraint string) string {
	if m := exactForm.FindStringSubmatch(strings.TrimSpace(constraint)); m != nil {
		c.Version = m[1]
	} else if constraint != "" {
		c.Properties = []cdxProperty{{constraintProperty, Clean(constraint)}}
	}
	return c.Version
}

// repository reads the address of a Git repository, with a folder after // and a ref, as Terraform, Kustomize and pre-commit write it. Another
// ref is that of ?ref=.
func repository(address, ref string) (cdxComponent, bool) {
	m := gitForm.FindStringSubmatch(address)
	if m == nil || strings.HasPrefix(m[3], "/") {
		return cdxComponent{}, false
	}
	scheme, host, where, sub := m[1], m[2], strings.TrimSuffix(m[3], "/"), m[4]
	for _, q := range strings.Split(m[5], "&") {
		if v, ok := strings.CutPrefix(q, "ref="); ok && ref == "" {
			ref = v
		}
	}
	if !strings.Contains(where, "/") || strings.ContainsAny(ref, "${}<>") {
		return cdxComponent{}, false
	}
	for _, folder := range [...]string{"refs/", "tags/", "heads/"} { // of Git's names
		ref = strings.TrimPrefix(ref, folder)
	}
	c := cdxComponent{Type: "library", Group: path.Dir(where), Name: path.Base(where), Version: Clean(ref), part: Clean(sub)}
	p := purl{namespace: path.Dir(where), name: path.Base(where), version: Clean(ref)}
	switch kind := map[string]string{"github.com": "github", "bitbucket.org": "bitbucket"}[host]; {
	case kind != "" && strings.Count(where, "/") == 1:
		p.kind, p.namespace, p.name = kind, strings.ToLower(p.namespace), strings.ToLower(p.name)
	case kind != "":
		return cdxComponent{}, false // a file or a page of the service
	default:
		if scheme == "" {
			scheme = "https"
		}
		p.kind, p.namespace = "generic", ""
		p.qualifiers = [][2]string{{"vcs_url", "git+" + scheme + "://" + host + "/" + where}}
		if ref != "" {
			p.qualifiers[0][1] += "@" + Clean(ref)
		}
	}
	c.PURL = p.String()
	return c, true
}

// chart names a Helm chart of a repository. One that is a folder of the target is none.
func chart(name, from, version string) (cdxComponent, bool) {
	if address, ok := strings.CutPrefix(name, "oci://"); ok {
		from, name = "oci://"+path.Dir(address), path.Base(address)
	}
	if strings.HasPrefix(from, "file://") || !nameForm.MatchString(name) {
		return cdxComponent{}, false
	}
	c := cdxComponent{Type: "application", Name: name}
	p := purl{kind: "helm", name: name}
	if from, ok := webAddress(from); ok {
		p.qualifiers = [][2]string{{"repository_url", strings.TrimSuffix(from, "/")}}
	}
	p.version = c.pin(version)
	c.PURL = p.String()
	return c, true
}

// download names a file of the web.
func download(address string) (cdxComponent, bool) {
	address, ok := webAddress(address)
	if !ok {
		return cdxComponent{}, false
	}
	name := path.Base(address)
	return cdxComponent{Type: "file", Name: name, PURL: purl{kind: "generic", name: name, qualifiers: [][2]string{{"download_url", address}}}.String()}, true
}

// webAddress is an address without what may be a credential in it: the user and the query.
func webAddress(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(address, "${}<> ") {
		return "", false
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String(), true
}
