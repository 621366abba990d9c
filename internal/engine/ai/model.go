package ai

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxDirectory = 8 << 20   // bytes of the directory of an archive that is too large to be loaded: a model of ten thousand tensors has one
	maxEntries   = 200_000   // entries that such a directory says it has
	maxPickled   = 256 << 20 // bytes of all pickles of such an archive, unpacked
	firstBytes   = 256       // that tell the format of a file
)

// binary notes a model file, by its first bytes, and looks into pickles. It tells whether the file is one.
func (l *look) binary() bool {
	format := l.format(l.data[:min(len(l.data), firstBytes)])
	if format == "" || format == "pickle" && !l.pickle(bytes.NewReader(l.data), l.data[0] != 0x80, l.path, nil) {
		return false
	}
	if format == "keras-h5" {
		l.lambdas()
	}
	l.model(format)
	return true
}

// pickled tells by the name whether a file may be a pickle: in an archive of PyTorch it is data.pkl.
func pickled(base string) bool {
	switch path.Ext(base) {
	case ".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".p", ".model", ".dat":
		return true
	}
	return false
}

// format names the format of a model file by its beginning, "" for others. A pickle may be something else.
func (l *look) format(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("GGUF")):
		return "gguf"
	case bytes.HasPrefix(head, []byte("\x89HDF\r\n")) && (strings.HasSuffix(l.base, ".h5") || strings.HasSuffix(l.base, ".hdf5") || strings.HasSuffix(l.base, ".keras")):
		return "keras-h5"
	case strings.HasSuffix(l.base, ".safetensors") && len(head) > 9 && head[8] == '{':
		return "safetensors"
	case strings.HasSuffix(l.base, ".onnx") && len(head) > 0 && head[0] == 0x08:
		return "onnx"
	case pickled(l.base) && mayBePickle(head):
		return "pickle"
	}
	return ""
}

func (l *look) model(format string) {
	l.resource("ai/ModelFile", path.Base(l.path), plinth.Location{Path: l.path}, plinth.Field{Key: "format", Value: plinth.StringOf(format)})
}

// pickle walks through a pickle, reports what it calls, and tells whether it is one; of lines, any text may begin like one. problem, where it is not nil, is told that the walk
// ended before the pickle did.
func (l *look) pickle(r io.Reader, lines bool, at string, problem func(plinth.Problem)) bool {
	names, one, why := imports(r)
	bad := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !runs(n) })
	if !one && len(bad) == 0 && why != limited && (lines || len(names) == 0) {
		return false
	}
	if names = bad; len(names) > 0 {
		slices.Sort(names)
		l.report("pickle-code", plinth.Location{Path: at}, "pickle", "it calls "+strings.Join(names[:min(len(names), 5)], ", "))
	}
	switch {
	case problem == nil:
	case why == limited:
		problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: at}, Text: "the pickle has more operations than are looked at; the rest of them is unknown"})
	case why == broken:
		problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: at}, Text: "the pickle is followed by what is none, or is broken; the rest was not looked at"})
	}
	return true
}

// Large looks at a file that is too large to be loaded, and tells whether it is a model file: of an archive the directory and the
// pickles are read, of a pickle its operations, of others the first bytes.
func (e *Engine) Large(name string, r io.ReaderAt, size int64, problem func(plinth.Problem)) bool {
	head := make([]byte, firstBytes)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: name}, Text: "the file cannot be read"})
		return true
	}
	l := &look{engine: e, path: name, base: strings.ToLower(path.Base(name))}
	switch format := l.format(head[:n]); {
	case format == "pickle":
		if !l.pickle(io.NewSectionReader(r, 0, size), head[0] != 0x80, name, problem) {
			return false
		}
		l.model(format)
	case format != "":
		l.model(format)
	case !pickled(l.base) || !bytes.HasPrefix(head, []byte("PK\x03\x04")) || !l.archive(r, size, problem):
		return false
	}
	e.keep(l)
	return true
}

// archive looks into the pickles of an archive as PyTorch writes them, and tells whether it has one, or cannot be looked into.
func (l *look) archive(r io.ReaderAt, size int64, problem func(plinth.Problem)) bool {
	b := &bounded{r: r, left: maxDirectory}
	var z *zip.Reader
	err := errTooMany
	if entries(r, size) <= maxEntries {
		z, err = zip.NewReader(b, size)
	}
	switch {
	case err != nil && (b.left < 0 || errors.Is(err, errTooMany)):
		problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: l.path}, Text: fmt.Sprintf("the archive's directory has more than %d entries or %d MiB; its pickles were not looked at", maxEntries, maxDirectory>>20)})
		return true
	case err != nil:
		problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: l.path}, Text: "the archive is broken: " + err.Error()})
		return true
	}
	b.left = math.MaxInt64
	some, left := false, int64(maxPickled)
	for _, f := range z.File {
		if !pickled(strings.ToLower(path.Base(f.Name))) {
			continue
		}
		inner := l.path + "!" + strings.TrimPrefix(path.Clean("/"+f.Name), "/")
		in, err := f.Open()
		if err != nil || f.Flags&1 != 0 {
			problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: inner}, Text: "the member is encrypted, or cannot be read"})
			some = true
			continue
		}
		if l.pickle(&metered{in, &left}, path.Ext(inner) != ".pkl", inner, problem) {
			if !some {
				l.model("pickle")
			}
			some = true
		}
		in.Close()
		if left < 0 {
			problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: l.path}, Text: fmt.Sprintf("the archive has more than %d MiB of pickles; the rest of them was not looked at", maxPickled>>20)})
			return true
		}
	}
	return some
}

var errTooMany = errors.New("more than is read")

// bounded gives so many bytes of a file.
type bounded struct {
	r    io.ReaderAt
	left int64
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errTooMany
	}
	return b.r.ReadAt(p, off)
}

// metered gives so many bytes of several readers.
type metered struct {
	r    io.Reader
	left *int64
}

func (m *metered) Read(p []byte) (int, error) {
	if *m.left < 0 {
		return 0, errTooMany
	}
	n, err := m.r.Read(p)
	*m.left -= int64(n)
	return n, err
}

// entries is how many members the end of an archive says there are: a reader that believes it makes room for them. 0 where there is no
// end. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.14 to 4.3.16.
func entries(r io.ReaderAt, size int64) uint64 {
	const length, locator, wide = 22, 20, 56
	tail := make([]byte, min(size, length+locator+1<<16))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) || len(tail) < length {
		return 0
	}
	at := bytes.LastIndex(tail[:len(tail)-length+4], []byte("PK\x05\x06"))
	if at < 0 {
		return 0
	}
	n := uint64(binary.LittleEndian.Uint16(tail[at+10:]))
	if at < locator || !bytes.HasPrefix(tail[at-locator:], []byte("PK\x06\x07")) {
		return n
	}
	var end [wide]byte
	if _, err := r.ReadAt(end[:], int64(min(binary.LittleEndian.Uint64(tail[at-locator+8:]), uint64(size)))); err != nil || string(end[:4]) != "PK\x06\x06" {
		return n
	}
	return max(n, binary.LittleEndian.Uint64(end[32:]))
}
