package module

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// format tells what kind of archive a path or an archive argument names, "" for none.
func format(name string) string {
	name = strings.ToLower(name)
	for _, f := range [...][2]string{
		{".zip", "zip"},
		{".tar.gz", "tar.gz"},
		{".tgz", "tar.gz"},
		{".tar.bz2", "tar.bz2"},
		{".tbz2", "tar.bz2"},
		{".tar", "tar"},
		{".tar.xz", "tar.xz"},
		{".txz", "tar.xz"},
	} {
		if strings.HasSuffix(name, f[0]) {
			return f[1]
		}
	}
	return ""
}

// unpack reads an archive. Nothing is written to disk, and every name in it is taken for hostile.
func unpack(ctx context.Context, format string, r io.ReaderAt, size int64) (*bundle, error) {
	b := newBundle()
	whole := io.NewSectionReader(r, 0, size)
	var err error
	switch format {
	case "zip":
		err = unzip(ctx, b, r, size)
	case "tar.gz":
		var z *gzip.Reader
		if z, err = gzip.NewReader(whole); err == nil {
			err = untar(ctx, b, z)
		}
	case "tar.bz2":
		err = untar(ctx, b, bzip2.NewReader(whole))
	case "tar":
		err = untar(ctx, b, whole)
	default:
		return nil, fmt.Errorf("archives of the kind %s are not supported", format)
	}
	if err != nil {
		return nil, err
	}
	return b, b.finish()
}

func unzip(ctx context.Context, b *bundle, r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("read zip archive: %w", err)
	}
	unpacked := &budget{left: maxUnpacked}
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.HasSuffix(f.Name, "/") || f.Mode().IsDir() {
			if _, err := b.entry(f.Name); err != nil {
				return err
			}
			continue
		}
		if err := zipEntry(b, f, unpacked); err != nil {
			return err
		}
	}
	return nil
}

func zipEntry(b *bundle, f *zip.File, unpacked *budget) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("read zip archive: %s: %w", f.Name, err)
	}
	defer r.Close()
	from := unpacked.reader(r)
	switch {
	case f.Mode()&fs.ModeSymlink != 0:
		target, err := io.ReadAll(io.LimitReader(from, maxPath))
		if err != nil {
			return fmt.Errorf("read zip archive: %s: %w", f.Name, err)
		}
		return b.link(f.Name, string(target))
	case f.Mode().IsRegular():
		return b.add(f.Name, from)
	}
	_, err = b.entry(f.Name)
	return err
}

func untar(ctx context.Context, b *bundle, r io.Reader) error {
	t := tar.NewReader((&budget{left: maxUnpacked}).reader(r))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return fmt.Errorf("read tar archive: %w", err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			err = b.add(h.Name, t)
		case tar.TypeSymlink:
			err = b.link(h.Name, h.Linkname)
		case tar.TypeLink:
			err = b.hardLink(h.Name, h.Linkname)
		case tar.TypeXGlobalHeader:
			err = nil
		default:
			_, err = b.entry(h.Name)
		}
		if err != nil {
			return err
		}
	}
}

// budget bounds what several readers give together.
type budget struct{ left int64 }

var errUnpacked = fmt.Errorf("the archive unpacks to more than %d MiB", maxUnpacked>>20)

func (b *budget) reader(r io.Reader) io.Reader { return budgetReader{b, r} }

type budgetReader struct {
	budget *budget
	from   io.Reader
}

func (r budgetReader) Read(p []byte) (int, error) {
	if r.budget.left <= 0 {
		return 0, errUnpacked
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.budget.left)])
	r.budget.left -= int64(n)
	return n, err
}
