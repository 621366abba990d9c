package ai_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/ai"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

const (
	big  = 48 << 20 // more than is loaded
	evil = "cos\nsystem\n(S'id'\ntR."
)

// holes writes a file of parts; a number is so many zeros, which need no room.
func holes(t *testing.T, name string, parts ...any) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := int64(0)
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			_, err = f.WriteAt([]byte(p), at)
			at += int64(len(p))
		case int:
			at += int64(p)
			err = f.Truncate(at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func packed(t *testing.T, name, pickle string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	zeros := make([]byte, 1<<20)
	tensor, err := z.CreateHeader(&zip.FileHeader{Name: "m/data/0", Method: zip.Store})
	for range big >> 20 {
		if err == nil {
			_, err = tensor.Write(zeros)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := z.Create("m/data.pkl")
	if err == nil {
		_, err = w.Write([]byte(pickle))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLarge looks at files that are too large to be loaded.
func TestLarge(t *testing.T) {
	size := string(binary.LittleEndian.AppendUint64(nil, big))
	for _, c := range []struct {
		name  string
		write func(t *testing.T, name string)
		want  string
	}{
		{"behind.pkl", func(t *testing.T, name string) { holes(t, name, "\x80\x04\x8e"+size, big, "0"+evil) }, "pickle; calls os.system"},
		{"good.pkl", func(t *testing.T, name string) { holes(t, name, "\x80\x04\x8e"+size, big, ".") }, "pickle"},
		{"before.joblib", func(t *testing.T, name string) { holes(t, name, "\x80\x02"+strings.TrimSuffix(evil, "."), big) }, "pickle; calls os.system; unsupported"},
		{"old.pth", func(t *testing.T, name string) {
			holes(t, name, "\x80\x02\x8a\x01\x01.\x80\x02M\xe9\x03.\x80\x02"+evil, big)
		}, "pickle; calls os.system"},
		{"long.pkl", func(t *testing.T, name string) { holes(t, name, "\x80\x02"+strings.Repeat("N0", big/2)+evil) }, "pickle; limit"},
		{"evil.pt", func(t *testing.T, name string) { packed(t, name, "\x80\x02"+evil) }, "pickle; calls os.system"},
		{"good.pt", func(t *testing.T, name string) { packed(t, name, "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.") }, "pickle"},
		{"broken.pt", func(t *testing.T, name string) { holes(t, name, "PK\x03\x04", big) }, "unsupported"},
		{"many.pt", func(t *testing.T, name string) {
			holes(t, name, "PK\x03\x04", big, "PK\x06\x06"+strings.Repeat("\x00", 20)+strings.Repeat("\xff", 32)+"PK\x06\x07\x00\x00\x00\x00"+
				string(binary.LittleEndian.AppendUint64(nil, big+4))+"\x01\x00\x00\x00PK\x05\x06\x00\x00\x00\x00"+strings.Repeat("\xff", 12)+"\x00\x00")
		}, "limit"},
		{"m.gguf", func(t *testing.T, name string) { holes(t, name, "GGUF", big) }, "gguf"},
		{"m.safetensors", func(t *testing.T, name string) { holes(t, name, "\x10\x00\x00\x00\x00\x00\x00\x00{}", big) }, "safetensors"},
		{"movie.bin", func(t *testing.T, name string) { holes(t, name, "\x01\x02", big) }, ""},
		{"tool.zip", func(t *testing.T, name string) { packed(t, name, "") }, "limit"},
		{"log.txt", func(t *testing.T, name string) { holes(t, name, strings.Repeat("a line\n", big/6)) }, "limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.write(t, filepath.Join(dir, c.name))
			list, err := ai.Audits()
			if err != nil {
				t.Fatal(err)
			}
			target, err := tree.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			res, err := (&scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Engines: []scan.Engine{ai.New(list)}}).Scan(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("%d MiB were taken", used>>20)
			}
			var got []string
			for _, r := range res.Resources {
				format, _ := r.Props.Get("format")
				got = append(got, format.Str())
			}
			for _, f := range res.Findings {
				got = append(got, strings.TrimPrefix(f.Message, "it "))
			}
			for _, p := range res.Problems {
				got = append(got, string(p.Kind))
			}
			if s := strings.Join(slices.Compact(got), "; "); s != c.want {
				t.Errorf("%q, want %q: %v", s, c.want, res.Problems)
			}
		})
	}
}

func FuzzLarge(f *testing.F) {
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	if m, err := w.Create("m/data.pkl"); err != nil {
		f.Fatal(err)
	} else if _, err := m.Write([]byte("\x80\x02" + evil)); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(z.Bytes())
	f.Add([]byte("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f0" + evil))
	list, err := ai.Audits()
	if err != nil {
		f.Fatal(err)
	}
	e := ai.New(list)
	f.Fuzz(func(t *testing.T, data []byte) {
		e.Large("m.pt", bytes.NewReader(data), int64(len(data)), func(plinth.Problem) {})
	})
}
