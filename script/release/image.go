package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// blob is a descriptor of OCI.
type blob struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    map[string]string `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// layout is an OCI image layout in the making.
type layout struct {
	files []packed
	seen  map[string]bool
}

func (l *layout) add(mediaType string, data []byte) blob {
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	if !l.seen[sum] {
		l.seen[sum] = true
		l.files = append(l.files, packed{"blobs/sha256/" + sum, data, 0o644})
	}
	return blob{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(data)}
}

func (l *layout) json(mediaType string, v any) (blob, error) {
	data, err := json.Marshal(v)
	return l.add(mediaType, data), err
}

// image writes the image of all Linux binaries as an OCI layout in one tar: nothing but the binary, run by nobody's user.
func (r *release) image() error {
	l := &layout{seen: map[string]bool{}}
	var list []blob
	for _, one := range r.images {
		m, err := r.manifest(l, one)
		if err != nil {
			return err
		}
		m.Platform = map[string]string{"os": "linux", "architecture": one.arch}
		list = append(list, m)
	}
	index, err := l.json(indexType, map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": list})
	if err != nil {
		return err
	}
	index.Annotations = map[string]string{"org.opencontainers.image.ref.name": r.version}
	top, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []blob{index}})
	if err != nil {
		return err
	}
	l.files = append(l.files, packed{"index.json", top, 0o644}, packed{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644})
	return r.write("plinth_"+r.version+"_image.tar", func(b *bytes.Buffer) error { return plainTar(b, l.files, r.when) })
}

// manifest adds the image of one architecture.
func (r *release) manifest(l *layout, one linux) (blob, error) {
	var plain, small bytes.Buffer
	files := []packed{{"plinth", one.binary, 0o755}}
	if err := plainTar(&plain, files, r.when); err != nil {
		return blob{}, err
	}
	if err := tarred(&small, files, r.when); err != nil {
		return blob{}, err
	}
	layer := l.add(layerType, small.Bytes())
	config, err := l.json(configType, map[string]any{
		"created": r.when.Format(time.RFC3339), "architecture": one.arch, "os": "linux",
		"config": map[string]any{
			"User": "65532:65532", "Entrypoint": []string{"/plinth"}, "Cmd": []string{"help"}, "WorkingDir": "/src",
			"Labels": map[string]string{"org.opencontainers.image.version": r.version, "org.opencontainers.image.licenses": "Apache-2.0"},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(plain.Bytes()))}},
		"history": []map[string]string{{"created": r.when.Format(time.RFC3339), "created_by": "plinth release"}},
	})
	if err != nil {
		return blob{}, err
	}
	return l.json(manifestType, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []blob{layer}})
}
