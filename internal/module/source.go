package module

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// defaultRegistry is the host of registry addresses that name none.
const defaultRegistry = "registry.terraform.io"

// kind is how a module is fetched.
type kind uint8

const (
	fromRegistry kind = iota
	fromGit
	fromHTTP
)

// address is a source address as Terraform's documentation has it:
// https://developer.hashicorp.com/terraform/language/modules/sources
type address struct {
	kind     kind
	host     string   // of a registry, lower case, with its port
	module   string   // NAMESPACE/NAME/PROVIDER in a registry
	url      *url.URL // of a repository or an archive, without Terraform's own query arguments
	ref      string   // branch, tag or commit; "" for the repository's default
	archive  string   // what the archive argument says: zip, tar.gz …; "" where it is absent
	checksum string   // SHA-256 in hex that the address asks for
	dir      string   // folder inside the package, "." for its top
}

// key names the package: the address without the folder in it.
func (a address) key() string {
	where := a.host + "/" + a.module
	if a.url != nil {
		where = a.url.String()
	}
	return fmt.Sprintf("%d %s %q %q %q", a.kind, where, a.ref, a.archive, a.checksum)
}

var errLocal = errors.New("the source is a folder, no remote module")

// parse reads a source address.
func parse(source string) (address, error) {
	if len(source) > maxSource {
		return address{}, fmt.Errorf("the source has more than %d bytes", maxSource)
	}
	if strings.ContainsFunc(source, unicode.IsControl) || !utf8.ValidString(source) {
		return address{}, errors.New("the source has control characters or is no text")
	}
	source = strings.TrimSpace(source)
	slashed := strings.ReplaceAll(source, `\`, "/")
	for _, p := range [...]string{"./", "../", "/", "~"} {
		if source == "" || source == "." || source == ".." || strings.HasPrefix(slashed, p) {
			return address{}, errLocal
		}
	}
	rest, dir := splitDir(source)
	a, err := parsePackage(rest)
	if err != nil {
		return address{}, err
	}
	a.dir, err = cleanDir(dir)
	return a, err
}

// splitDir takes the folder inside the package from an address: host/path//folder?query gives host/path?query and folder.
func splitDir(source string) (rest, dir string) {
	end := len(source)
	if i := strings.Index(source, "?"); i >= 0 {
		end = i
	}
	start := 0
	if i := strings.Index(source[:end], "://"); i >= 0 {
		start = i + len("://")
	}
	i := strings.Index(source[start:end], "//")
	if i < 0 {
		return source, ""
	}
	i += start
	return source[:i] + source[end:], source[i+len("//") : end]
}

func cleanDir(dir string) (string, error) {
	for _, e := range strings.Split(dir, "/") {
		if e == ".." {
			return "", fmt.Errorf("the folder %q leads out of the package", dir)
		}
	}
	return path.Clean(strings.TrimPrefix(path.Clean("/"+dir), "/")), nil
}

func parsePackage(s string) (address, error) {
	way, rest, forced := strings.Cut(s, "::")
	if forced && !strings.ContainsAny(way, "/?:@") {
		switch way {
		case "git":
			return parseGit(rest)
		case "http", "https":
			return parseURL(rest)
		case "s3", "gcs", "hg":
			return address{}, fmt.Errorf("sources of the kind %s:: are not supported", way)
		}
		return address{}, fmt.Errorf("sources of the kind %q are not known", way+"::")
	}
	if strings.Contains(s, "://") {
		return parseURL(s)
	}
	if a, ok := parseRegistry(s); ok {
		return a, nil
	}
	host, _, _ := strings.Cut(s, "/")
	switch host = strings.ToLower(host); {
	case host == "github.com" || host == "bitbucket.org":
		return parseHub(s)
	case strings.HasSuffix(host, ".amazonaws.com") || host == "www.googleapis.com":
		return address{}, errors.New("sources in S3 and Google Cloud Storage are not supported")
	}
	if isRemotePath(s) {
		return parseGit(s)
	}
	return address{}, errors.New("the source is no address that Terraform knows: a registry module is NAMESPACE/NAME/PROVIDER, a repository starts with git::, an archive with https://")
}

// parseRegistry reads NAMESPACE/NAME/PROVIDER or HOST/NAMESPACE/NAME/PROVIDER.
func parseRegistry(s string) (address, bool) {
	parts := strings.Split(s, "/")
	host := defaultRegistry
	if len(parts) == 4 {
		host, parts = strings.ToLower(parts[0]), parts[1:]
		if !isHost(host) || host == "github.com" || host == "bitbucket.org" {
			return address{}, false
		}
	}
	if len(parts) != 3 || !isRegistryName(parts[0]) || !isRegistryName(parts[1]) || !isProvider(parts[2]) {
		return address{}, false
	}
	return address{kind: fromRegistry, host: host, module: strings.Join(parts, "/")}, true
}

// isHost tells whether s is a name with a dot in it, with or without a port.
func isHost(s string) bool {
	name, port, ported := strings.Cut(s, ":")
	if ported && (port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return false
	}
	if len(name) > 253 || !strings.Contains(name, ".") {
		return false
	}
	for _, label := range strings.Split(name, ".") {
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, r := range label {
			if r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return false
			}
		}
	}
	return true
}

func isRegistryName(s string) bool {
	if s == "" || len(s) > 64 || strings.Trim(s, "-_") != s {
		return false
	}
	for _, c := range []byte(s) {
		if c != '-' && c != '_' && !isAlphanumeric(c) {
			return false
		}
	}
	return true
}

func isProvider(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// parseHub reads the short form of a repository at GitHub or Bitbucket: github.com/ORG/REPO?ref=….
func parseHub(s string) (address, error) {
	s, query, _ := strings.Cut(s, "?")
	parts := strings.Split(strings.TrimSuffix(s, "/"), "/")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return address{}, fmt.Errorf("a repository at %s is named %s/ORG/REPO, a folder in it follows after //", parts[0], parts[0])
	}
	return parseGit("https://" + strings.TrimSuffix(s, ".git") + ".git?" + query)
}

// isRemotePath tells whether s has the form USER@HOST:PATH that ssh programs take.
func isRemotePath(s string) bool {
	user, rest, ok := strings.Cut(s, "@")
	host, p, named := strings.Cut(rest, ":")
	return ok && named && user != "" && p != "" && !strings.ContainsAny(user, "/:?") && isHostName(host)
}

func isHostName(host string) bool {
	return host != "" && !strings.HasPrefix(host, "-") && !strings.ContainsAny(host, "/?#@ ")
}

// parseGit reads what follows git::, or USER@HOST:PATH.
func parseGit(s string) (address, error) {
	if !strings.Contains(s, "://") && isRemotePath(s) {
		at, p, _ := strings.Cut(s, ":")
		s = "ssh://" + at + "/" + strings.TrimPrefix(p, "/")
	}
	u, err := location(s)
	if err != nil {
		return address{}, err
	}
	switch u.Scheme {
	case "https", "http", "ssh", "file":
	default:
		return address{}, fmt.Errorf("git over %q is not supported: https and ssh are", u.Scheme)
	}
	q := u.Query()
	a := address{kind: fromGit, url: u, ref: q.Get("ref")}
	if strings.HasPrefix(a.ref, "-") || strings.ContainsAny(a.ref, " ~^:?*[\\") || strings.Contains(a.ref, "..") {
		return address{}, fmt.Errorf("%q is no name of a branch, tag or commit", a.ref)
	}
	drop(u, q, "ref", "depth", "sshkey")
	return a, nil
}

func parseURL(s string) (address, error) {
	u, err := location(s)
	if err != nil {
		return address{}, err
	}
	switch u.Scheme {
	case "https", "http":
	case "ssh", "git":
		return address{}, fmt.Errorf("a repository's address starts with git::, as in git::%s://", u.Scheme)
	default:
		return address{}, fmt.Errorf("sources with %s:// are not supported", u.Scheme)
	}
	q := u.Query()
	a := address{kind: fromHTTP, url: u, archive: q.Get("archive")}
	if sum := q.Get("checksum"); sum != "" {
		algorithm, hex, named := strings.Cut(sum, ":")
		if !named {
			algorithm, hex = "sha256", sum
		}
		if algorithm != "sha256" || len(hex) != 64 || strings.Trim(strings.ToLower(hex), "0123456789abcdef") != "" {
			return address{}, errors.New("only checksums of the kind sha256:HEX are supported")
		}
		a.checksum = strings.ToLower(hex)
	}
	drop(u, q, "archive", "checksum", "filename")
	return a, nil
}

// location parses a URL that names a host, and none that leads to what only a machine itself should reach.
func location(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		var broken *url.Error
		if errors.As(err, &broken) {
			err = broken.Err // without the address, which may hold a password
		}
		return nil, fmt.Errorf("the source is no address: %w", err)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme == "file" && u.Host == "" {
		return u, nil
	}
	if u.Opaque != "" || !isHostName(u.Hostname()) || strings.HasPrefix(strings.TrimPrefix(u.Path, "/"), "-") {
		return nil, errors.New("the source is no address of a host and a path on it")
	}
	if literal(u) {
		return nil, errLinkLocal
	}
	u.Fragment = ""
	return u, nil
}

var errLinkLocal = errors.New("link-local addresses are not asked for modules")

// unreachable tells whether nobody serves modules under an address: machines answer there with their own credentials.
func unreachable(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()
}

// literal tells whether an address names such a host by its number.
func literal(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && unreachable(ip)
}

func drop(u *url.URL, q url.Values, names ...string) {
	for _, n := range names {
		if q.Has(n) {
			q.Del(n)
			u.RawQuery = q.Encode()
		}
	}
	u.ForceQuery = false
}

// bare is a URL without user and password, as it may be shown.
func bare(u *url.URL) string {
	b := *u
	b.User, b.RawQuery = nil, ""
	return b.String()
}

// label is the name of a package for people, in the shape of a clean path: host/path@version. The version is the last element's
// end, so that no package's name lies inside another's.
func label(where, version string) string {
	plain := func(r rune) rune {
		if unicode.IsControl(r) || r == '@' || r == '\\' || r == unicode.ReplacementChar {
			return '_'
		}
		return r
	}
	name := strings.TrimPrefix(path.Clean("/"+strings.Map(plain, where)), "/")
	if name == "" {
		name = "module"
	}
	return name + "@" + strings.ReplaceAll(strings.Map(plain, version), "/", "-")
}

// label names the package at a repository or archive.
func (a address) label(version string) string {
	return label(strings.ToLower(a.url.Host)+"/"+strings.TrimSuffix(strings.Trim(a.url.Path, "/"), ".git"), version)
}
