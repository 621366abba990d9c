package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"time"
)

// packed is a file of an archive.
type packed struct {
	name string
	data []byte
	mode int64
}

func tarred(b *bytes.Buffer, files []packed, when time.Time) error {
	z, err := gzip.NewWriterLevel(b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := plainTar(z, files, when); err != nil {
		return err
	}
	return z.Close()
}

func plainTar(to interface{ Write([]byte) (int, error) }, files []packed, when time.Time) error {
	w := tar.NewWriter(to)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: when, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}

func zipped(b *bytes.Buffer, files []packed, when time.Time) error {
	w := zip.NewWriter(b)
	for _, f := range files {
		in, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: when})
		if err != nil {
			return err
		}
		if _, err := in.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}

// component is one of CycloneDX 1.6.
type component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
}

// components writes the modules that a binary says it is made of as CycloneDX.
func components(b *bytes.Buffer, path, version string, when time.Time) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	list := []component{{"library", "std", info.GoVersion, "pkg:golang/std@" + info.GoVersion}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, component{"library", m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version})
	}
	e := json.NewEncoder(b)
	e.SetIndent("", " ")
	return e.Encode(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": map[string]any{
			"timestamp": when.Format(time.RFC3339),
			"component": component{"application", info.Main.Path, "v" + version, "pkg:golang/" + info.Main.Path + "@v" + version},
		},
		"components": list,
	})
}
