// Command release builds what a release consists of: an archive for every platform, a list of components (CycloneDX) for each, a
// container image as an OCI layout, and the SHA-256 of them all. It builds the commit at HEAD, not the work tree; the same commit
// and the same Go give the same bytes.
//
//	go run ./script/release VERSION FOLDER [OS/ARCH …]
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// versionForm: Go stamps no v2 on a module whose path does not say so.
var versionForm = regexp.MustCompile(`^v[01]\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)

func run(ctx context.Context, args []string) error {
	if len(args) < 2 || !versionForm.MatchString(args[0]) {
		return errors.New("usage: release v1.2.3 FOLDER [OS/ARCH …]")
	}
	wanted := args[2:]
	if len(wanted) == 0 {
		wanted = platforms
	}
	r := &release{version: strings.TrimPrefix(args[0], "v"), out: args[1]}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "plinth-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := r.checkout(ctx, filepath.Join(work, "src"), args[0]); err != nil {
		return err
	}
	for _, p := range wanted {
		if !slices.Contains(platforms, p) {
			return fmt.Errorf("no release for %s (%s)", p, strings.Join(platforms, ", "))
		}
		if err := r.platform(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if len(r.images) > 0 {
		if err := r.image(); err != nil {
			return fmt.Errorf("image: %w", err)
		}
	}
	return r.sums()
}

// release is one run.
type release struct {
	version, out, src string
	when              time.Time // of the commit: the date of everything that is written
	made              []string
	images            []linux
}

// linux is a binary for the image.
type linux struct {
	arch   string
	binary []byte
}

// checkout clones HEAD into a clean folder and gives it the version's tag, from which Go stamps the binary.
func (r *release) checkout(ctx context.Context, dir, tag string) error {
	root, err := command(ctx, ".", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if _, err := command(ctx, ".", nil, "git", "clone", "--quiet", "--no-hardlinks", strings.TrimSpace(root), dir); err != nil {
		return err
	}
	if _, err := command(ctx, dir, nil, "git", "-c", "tag.gpgSign=false", "tag", "--force", tag); err != nil {
		return err
	}
	text, err := command(ctx, dir, nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	r.src, r.when = dir, time.Unix(seconds, 0).UTC()
	return err
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, talk.String())
	}
	return out.String(), nil
}

// platform builds and packs one platform.
func (r *release) platform(ctx context.Context, p string) error {
	goos, arch, _ := strings.Cut(p, "/")
	binary := "plinth"
	if goos == "windows" {
		binary += ".exe"
	}
	path := filepath.Join(r.src, "..", goos+"_"+arch, binary)
	env := []string{"CGO_ENABLED=0", "GOOS=" + goos, "GOARCH=" + arch, "GOFLAGS=", "GOWORK=off"}
	if _, err := command(ctx, r.src, env, "go", "build", "-trimpath", "-tags=rego", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", path, "./cmd/plinth"); err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	files := []packed{{binary, data, 0o755}}
	for _, name := range []string{"LICENSE", "NOTICE", "docs/third-party.md"} {
		text, err := os.ReadFile(filepath.Join(r.src, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		files = append(files, packed{filepath.Base(name), text, 0o644})
	}
	base := "plinth_" + r.version + "_" + goos + "_" + arch
	if goos == "windows" {
		err = r.write(base+".zip", func(b *bytes.Buffer) error { return zipped(b, files, r.when) })
	} else {
		err = r.write(base+".tar.gz", func(b *bytes.Buffer) error { return tarred(b, files, r.when) })
	}
	if err != nil {
		return err
	}
	if goos == "linux" {
		r.images = append(r.images, linux{arch, data})
	}
	return r.write(base+".cdx.json", func(b *bytes.Buffer) error { return components(b, path, r.version, r.when) })
}

// write writes one file of the release.
func (r *release) write(name string, fill func(*bytes.Buffer) error) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return err
	}
	r.made = append(r.made, name)
	return os.WriteFile(filepath.Join(r.out, name), b.Bytes(), 0o644)
}

// sums writes SHA256SUMS, in the form of sha256sum.
func (r *release) sums() error {
	slices.Sort(r.made)
	var b bytes.Buffer
	for _, name := range r.made {
		data, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), name)
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), b.Bytes(), 0o644)
}
