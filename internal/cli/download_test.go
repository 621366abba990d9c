package cli

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestDownload runs the command lines of testdata/download/*.txtar. The registry that they reach has the modules of
// testdata/download/registry/modules.txtar: NAMESPACE/NAME/PROVIDER/VERSION/FILE.
func TestDownload(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/download/registry/modules.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/download/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			server := httptest.NewTLSServer(nil)
			defer server.Close()
			server.Config.Handler = registry(archive, strings.TrimPrefix(server.URL, "https://"))
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			t.Setenv("HOME", t.TempDir())
			t.Setenv("LocalAppData", t.TempDir())
			runCase(t, file, server)
		})
	}
}

// registry serves the modules of an archive: their versions, and each as a zip archive.
func registry(archive *txtar.Archive, host string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/terraform.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"modules.v1": "/v1/"}`) })
	mux.HandleFunc("GET /v1/{namespace}/{name}/{provider}/versions", func(w http.ResponseWriter, r *http.Request) {
		type version struct {
			Version string `json:"version"`
		}
		var all []version
		prefix := r.PathValue("namespace") + "/" + r.PathValue("name") + "/" + r.PathValue("provider") + "/"
		for _, f := range archive.Files {
			rest, ok := strings.CutPrefix(f.Name, prefix)
			v, _, _ := strings.Cut(rest, "/")
			if ok && !slices.Contains(all, version{v}) {
				all = append(all, version{v})
			}
		}
		if all == nil {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"modules": []any{map[string]any{"versions": all}}})
	})
	mux.HandleFunc("GET /v1/{namespace}/{name}/{provider}/{version}/download", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Terraform-Get", "/archive.zip//*?module="+strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/"), "download"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /archive.zip", func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, f := range archive.Files {
			rest, ok := strings.CutPrefix(f.Name, r.URL.Query().Get("module"))
			if !ok {
				continue
			}
			if entry, err := z.Create("top-0a1b2c/" + rest); err == nil {
				_, _ = entry.Write(bytes.ReplaceAll(f.Data, []byte("REGISTRY"), []byte(host)))
			}
		}
		_ = z.Close()
		_, _ = w.Write(b.Bytes())
	})
	return mux
}
