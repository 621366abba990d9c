package module

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show writes an address as one line.
func show(a address) string {
	switch a.kind {
	case fromRegistry:
		return "registry " + a.host + " " + a.module + " " + a.dir
	case fromGit:
		return "git " + a.url.String() + " ref=" + a.ref + " " + a.dir
	}
	return "http " + a.url.String() + " archive=" + a.archive + " sum=" + a.checksum + " " + a.dir
}

func TestParse(t *testing.T) {
	for source, want := range map[string]string{
		"acme/network/aws":                                                      "registry registry.terraform.io acme/network/aws .",
		"acme/network/aws//modules/subnet":                                      "registry registry.terraform.io acme/network/aws modules/subnet",
		"tf.example.com/acme/network/aws":                                       "registry tf.example.com acme/network/aws .",
		"TF.Example.com:8443/acme/net_work/aws//a":                              "registry tf.example.com:8443 acme/net_work/aws a",
		"gitlab.com/acme/network/aws":                                           "registry gitlab.com acme/network/aws .",
		"github.com/acme/network":                                               "git https://github.com/acme/network.git ref= .",
		"github.com/acme/network.git":                                           "git https://github.com/acme/network.git ref= .",
		"github.com/acme/network//modules/a?ref=v1.2.0":                         "git https://github.com/acme/network.git ref=v1.2.0 modules/a",
		"bitbucket.org/acme/network?ref=main":                                   "git https://bitbucket.org/acme/network.git ref=main .",
		"git@github.com:acme/network.git":                                       "git ssh://git@github.com/acme/network.git ref= .",
		"git@github.com:acme/network.git//a?ref=v1":                             "git ssh://git@github.com/acme/network.git ref=v1 a",
		"git::git@example.com:acme/network.git":                                 "git ssh://git@example.com/acme/network.git ref= .",
		"git::ssh://user@example.com/network.git":                               "git ssh://user@example.com/network.git ref= .",
		"git::https://example.com/x.git?ref=v1&depth=1":                         "git https://example.com/x.git ref=v1 .",
		"git::https://example.com/x.git//a/b?depth=1&ref=v1":                    "git https://example.com/x.git ref=v1 a/b",
		"git::http://example.com/x.git":                                         "git http://example.com/x.git ref= .",
		"git::https://dev.azure.com/o/p/_git/r?ref=feature/x&path=/a":           "git https://dev.azure.com/o/p/_git/r?path=%2Fa ref=feature/x .",
		"git::https://example.com/x.git?sshkey=c2VjcmV0":                        "git https://example.com/x.git ref= .",
		"git::file:///srv/x.git":                                                "git file:///srv/x.git ref= .",
		"https://example.com/x.zip":                                             "http https://example.com/x.zip archive= sum= .",
		"https://example.com/x.zip//a/./b":                                      "http https://example.com/x.zip archive= sum= a/b",
		"https://example.com/x?archive=tar.gz&v=2":                              "http https://example.com/x?v=2 archive=tar.gz sum= .",
		"https://example.com/x?u=http://y.example.com//z":                       "http https://example.com/x?u=http://y.example.com//z archive= sum= .",
		"https://example.com/x.zip//*?archive=zip":                              "http https://example.com/x.zip archive=zip sum= *",
		"http::https://example.com/x":                                           "http https://example.com/x archive= sum= .",
		"https://example.com/x.zip?checksum=sha256:" + strings.Repeat("AB", 32): "http https://example.com/x.zip archive= sum=" + strings.Repeat("ab", 32) + " .",
	} {
		a, err := parse(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if diff := cmp.Diff(want, show(a)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"":                                       "is a folder",
		"./a":                                    "is a folder",
		`..\a`:                                   "is a folder",
		"/srv/a":                                 "is a folder",
		"s3::https://s3.amazonaws.com/b/k.zip":   "s3:: are not supported",
		"gcs::https://www.googleapis.com/b/o":    "gcs:: are not supported",
		"hg::http://example.com/x":               "hg:: are not supported",
		"b.s3.amazonaws.com/k.zip":               "S3 and Google",
		"www.googleapis.com/storage/v1/b/k.zip":  "S3 and Google",
		"svn::https://example.com/x":             "not known",
		"oci://example.com/x":                    "oci:// are not supported",
		"file:///srv/x.zip":                      "file:// are not supported",
		"ssh://git@example.com/x.git":            "git::ssh://",
		"git::ext::sh -c touch% /tmp/x":          "no address",
		"git::ext://example.com/x":               `git over "ext"`,
		"git::https://":                          "no address",
		"git::ssh://-oProxyCommand=x/y":          "no address",
		"git::https://example.com/-upload-pack":  "no address",
		"git@-oProxyCommand=x:y":                 "no address that Terraform knows",
		"git::https://example.com/x?ref=--x":     "no name of a branch",
		"git::https://example.com/x?ref=a..b":    "no name of a branch",
		"git::https://example.com/x?ref=a:b":     "no name of a branch",
		"https://169.254.169.254/latest.zip":     "link-local",
		"https://[::ffff:169.254.169.254]/x.zip": "link-local",
		"git::https://[fe80::1]/x.git":           "link-local",
		"https://example.com/x.zip//../a":        "leads out",
		"acme/network/aws//a/../../b":            "leads out",
		"localhost:8080/acme/network/aws":        "no address that Terraform knows",
		"acme/network":                           "no address that Terraform knows",
		"github.com/acme":                        "github.com/ORG/REPO",
		"github.com/acme/network/aws/x":          "github.com/ORG/REPO",
		"a b":                                    "no address that Terraform knows",
		"https://user:hunter2@exa mple.com/x":    "no address",
		"acme/network/aws//\x80":                 "is no text",
		"acme/network/aws\n":                     "control characters",
		"https://example.com/x?checksum=md5:00":  "sha256:HEX",
		strings.Repeat("a", maxSource+1):         "more than 4096 bytes",
	} {
		a, err := parse(source)
		if err == nil {
			t.Errorf("%.80q is taken for %s", source, show(a))
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.80q: %v, want …%s…", source, err, want)
		}
	}
}

func TestLabel(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"acme/network/aws", "1.2.3"}:                "acme/network/aws@1.2.3",
		{"github.com/acme/network", "feature/x"}:     "github.com/acme/network@feature-x",
		{"github.com//../..//a@b\\c", "v1@2\n"}:      "a_b_c@v1_2_",
		{"", "1"}:                                    "module@1",
		{"example.com/\xff", strings.Repeat("a", 3)}: "example.com/_@aaa",
	} {
		if got := label(in[0], in[1]); got != want {
			t.Errorf("label(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestNewest holds choices that Terraform 1.11 has confirmed.
func TestNewest(t *testing.T) {
	all := []string{"0.9.0", "1.0.0", "1.2.0", "v1.2.10", "1.2.9", "1.10.0", "2.0.0-beta.2", "2.0.0-beta.10", "2.0.0", "2.1.0-rc1", "3", "no", "3.1.0+build"}
	for constraint, want := range map[string]string{
		"":                              "3.1.0+build",
		"1.2.0":                         "1.2.0",
		"= 1.2":                         "1.2.0",
		"~> 1.2":                        "1.10.0",
		"~> 1.2.0":                      "v1.2.10",
		"~> 1":                          "3.1.0+build",
		"~> 0.9":                        "0.9.0",
		">= 1.0, < 2":                   "1.10.0",
		">=1.0.0,!=1.10.0,<2":           "v1.2.10",
		"< 1":                           "0.9.0",
		"<= 1.0.0":                      "1.0.0",
		"> 3":                           "3.1.0+build",
		"2.0.0-beta.2":                  "2.0.0-beta.2",
		"~> 2.0.0-beta.1":               "",
		">= 2.0.0-beta.1":               "3.1.0+build",
		"v1.2.0":                        "1.2.0",
		"2.0.0-beta.2, >= 2.0.0-beta.1": "2.0.0-beta.2",
		"> 2.0.0, < 2.1":                "",
		"= 2.0.0-beta.10, > 1":          "",
		"> 4":                           "",
	} {
		c, err := parseConstraints(constraint)
		if err != nil {
			t.Errorf("%q: %v", constraint, err)
			continue
		}
		got, ok := newest(all, c)
		if ok != (want != "") || got.text != want {
			t.Errorf("%q: %q, want %q", constraint, got.text, want)
		}
	}
	for _, broken := range []string{"x", "1.x", "=> 1", "1,", "~>", "1.2.3.4.5.6.7.8.9", "-1", ">= 99999999999999999999"} {
		if _, err := parseConstraints(broken); err == nil {
			t.Errorf("%q is taken for a constraint", broken)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"acme/network/aws//a", "git::https://example.com/x.git//a?ref=v1&depth=1", "git@github.com:a/b.git", "https://x.example.com/a.zip?archive=tgz", "github.com/a/b//c?ref=d"} {
		f.Add(s, "~> 1.2, != 1.3.0-beta")
	}
	f.Fuzz(func(t *testing.T, source, constraint string) {
		if a, err := parse(source); err == nil {
			checkAddress(t, a)
		}
		if c, err := parseConstraints(constraint); err == nil {
			newest([]string{"1.0.0", "1.2.3-a.1", constraint}, c)
		}
	})
}

// checkAddress holds what whoever fetches relies on.
func checkAddress(t *testing.T, a address) {
	if a.dir != "." && !validDir(a.dir) {
		t.Errorf("folder %q leads out", a.dir)
	}
	if a.kind == fromRegistry {
		return
	}
	if strings.HasPrefix(a.ref, "-") || a.url.Scheme != "file" && (a.url.Hostname() == "" || strings.HasPrefix(a.url.Hostname(), "-")) {
		t.Errorf("%s could be an option", show(a))
	}
	if n := a.label("v1"); !validDir(n) || strings.Count(n, "@") != 1 || strings.Contains(n[strings.Index(n, "@"):], "/") {
		t.Errorf("label %q", n)
	}
}
