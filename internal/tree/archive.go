package tree

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxNested   = 3         // archives inside archives that are opened
	maxMembers  = 50_000    // members of one archive, those of inner ones included
	maxUnpacked = 256 << 20 // bytes that one archive may become: more is a bomb, or a backup
	maxMember   = 16 << 20  // bytes of one member
)

const pickle = 0x80 // begins the pickle of a model, which is no text, and is looked at

// Separator stands between the path of an archive and that of a member.
const Separator = "!"

// opaque are the endings of members that hold no text.
var opaque = map[string]bool{
	".class": true, ".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".ico": true, ".webp": true, ".woff": true, ".woff2": true, ".ttf": true, ".otf": true, ".eot": true,
	".so": true, ".dll": true, ".dylib": true, ".exe": true, ".o": true, ".a": true, ".pyc": true, ".mp3": true, ".mp4": true, ".pdf": true, ".wasm": true, ".dex": true,
}

// unpacker counts what one archive costs, with all that is in it.
type unpacker struct {
	visit   func(string, []byte)
	problem func(plinth.Problem)
	members int
	bytes   int64
}

var errBudget = errors.New("over the limits")

// Unpack calls visit for each member of an archive (zip and its kin, tar, gzip, bzip2) that may be text, and tells whether data
// is one. A member's path is that of the archive, the Separator, and its own. What is over the limits is a problem; what is not
// read (other formats, encrypted members, broken archives) is listed as unsupported.
func Unpack(name string, data []byte, visit func(path string, data []byte), problem func(plinth.Problem)) bool {
	format := archiveOf(data)
	if format == "" {
		return false
	}
	u := &unpacker{visit: visit, problem: problem}
	if err := u.open(name, format, data, 1); errors.Is(err, errBudget) {
		problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: name}, Text: fmt.Sprintf("the archive has more than %d members or %d MiB; the rest was not read", maxMembers, maxUnpacked>>20)})
	}
	return true
}

// archiveOf names the format of an archive by its first bytes, "" for none.
func archiveOf(data []byte) string {
	for _, m := range [...]struct{ magic, format string }{
		{"PK\x03\x04", "zip"}, {"\x1f\x8b\x08", "gzip"}, {"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"7z\xbc\xaf\x27\x1c", "7z"}, {"Rar!\x1a\x07", "rar"},
	} {
		if bytes.HasPrefix(data, []byte(m.magic)) {
			return m.format
		}
	}
	if len(data) > 262 && string(data[257:262]) == "ustar" {
		return "tar"
	}
	return ""
}

func (u *unpacker) unsupported(name, why string) {
	u.problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: name}, Text: why})
}

// open goes through an archive. The error is errBudget alone.
func (u *unpacker) open(name, format string, data []byte, depth int) error {
	if depth > maxNested {
		u.unsupported(name, fmt.Sprintf("archives are opened %d deep", maxNested))
		return nil
	}
	switch format {
	case "zip":
		return u.zip(name, data, depth)
	case "tar":
		return u.tar(name, bytes.NewReader(data), depth)
	case "gzip":
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			u.unsupported(name, "the archive is broken: "+err.Error())
			return nil
		}
		return u.stream(name, r, depth)
	case "bzip2":
		return u.stream(name, bzip2.NewReader(bytes.NewReader(data)), depth)
	}
	u.unsupported(name, "archives of the format "+format+" are not opened")
	return nil
}

func (u *unpacker) zip(name string, data []byte, depth int) error {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		u.unsupported(name, "the archive is broken: "+err.Error())
		return nil
	}
	for _, f := range r.File {
		inner := name + Separator + member(f.Name)
		switch {
		case f.FileInfo().IsDir() || opaque[strings.ToLower(path.Ext(f.Name))]:
			continue
		case f.Flags&1 != 0:
			u.unsupported(inner, "the member is encrypted")
			continue
		}
		m, err := f.Open()
		if err != nil {
			u.unsupported(inner, "the member cannot be read: "+err.Error())
			continue
		}
		err = u.member(inner, m, depth)
		m.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) tar(name string, r io.Reader, depth int) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			u.unsupported(name, "the archive is broken: "+err.Error())
			return nil
		}
		if h.Typeflag != tar.TypeReg || opaque[strings.ToLower(path.Ext(h.Name))] {
			continue
		}
		if err := u.member(name+Separator+member(h.Name), t, depth); err != nil {
			return err
		}
	}
}

// stream reads a compressed file: a tar, or one member of the same name without its ending.
func (u *unpacker) stream(name string, r io.Reader, depth int) error {
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		u.unsupported(name, "the archive is broken: "+err.Error())
		return nil
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	if archiveOf(head[:n]) == "tar" {
		return u.tar(name, whole, depth)
	}
	return u.member(name+Separator+strings.TrimSuffix(path.Base(name), path.Ext(name)), whole, depth)
}

// member reads one member and goes into it, if it is an archive itself.
func (u *unpacker) member(name string, r io.Reader, depth int) error {
	if u.members++; u.members > maxMembers {
		return errBudget
	}
	data, err := io.ReadAll(io.LimitReader(r, min(maxMember+1, maxUnpacked-u.bytes+1)))
	u.bytes += int64(len(data))
	switch {
	case u.bytes > maxUnpacked:
		return errBudget
	case len(data) > maxMember && data[0] != pickle && archiveOf(data) == "" && bytes.IndexByte(data[:sniffed], 0) >= 0: // as a file of the kind
		return nil
	case len(data) > maxMember:
		u.problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: name}, Text: fmt.Sprintf("the member has more than %d MiB and was not read", maxMember>>20)})
		return nil
	case err != nil:
		u.unsupported(name, "the member cannot be read: "+err.Error())
		return nil
	}
	if format := archiveOf(data); format != "" {
		return u.open(name, format, data, depth+1)
	}
	u.visit(name, data)
	return nil
}

// member cleans the path that an archive gives a member.
func member(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}
