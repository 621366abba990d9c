package tree

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"
)

// deflated are texts as compress/zlib packs them.
func deflated(t testing.TB, level int, texts ...string) (out [][]byte) {
	t.Helper()
	for _, s := range texts {
		var b bytes.Buffer
		w, err := zlib.NewWriterLevel(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

// FuzzInflate: what compress/zlib reads is read as it reads it, and nothing else.
func FuzzInflate(f *testing.F) {
	long := bytes.Repeat([]byte("lorem ipsum dolor sit amet 0123456789 ABCDEF {}[]() the quick brown fox\n"), 40)
	for i := range long {
		long[i] ^= byte(i / 7 * 13 & 0x1f)
	}
	for _, level := range []int{zlib.NoCompression, zlib.BestSpeed, zlib.BestCompression, zlib.HuffmanOnly} {
		for _, b := range deflated(f, level, "", "a", "abcabcabcabcabc", string(long), string(bytes.Repeat(long, 60))) {
			f.Add(b)
		}
	}
	z := &inflater{}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want []byte
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err == nil {
			want, err = io.ReadAll(io.LimitReader(r, 1<<20+1))
		}
		if len(want) > 1<<20 {
			return
		}
		got := make([]byte, len(want))
		ok := z.zlib(got, data)
		if ok != (err == nil) {
			t.Fatalf("read: %v; compress/zlib: %v", ok, err)
		}
		if ok && !bytes.Equal(got, want) {
			t.Fatal("another text")
		}
		if err == nil {
			if z.zlib(append(got, 0), data) || len(got) > 0 && z.zlib(got[:len(got)-1], data) {
				t.Fatal("a text of another size is taken")
			}
		}
	})
}
