package cli

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

const (
	cacheVariable = "PLINTH_CACHE"
	cacheOff      = "off"

	// worthKeeping is the time from which a scan is kept: less is not felt, and such targets are many.
	worthKeeping = 250 * time.Millisecond

	buildHead = 64 << 10 // bytes of a program in which the linker puts its id

	// roomy lets the first collection of memory wait for 96 MiB: a run that remembers takes less than the one that it remembers.
	roomy = 2400 // per cent
)

// keeper keeps what a scan found out about the files of a target from one run to the next. The nil keeper keeps nothing.
type keeper struct {
	*cache.Store
	begin time.Time
	err   io.Writer
	saved chan error
}

// newKeeper opens what earlier runs left of a target. Nil: it is no folder, or nothing is to be kept.
func newKeeper(s Streams, f *scanFlags, t *tree.Tree, c *plinth.Config, run *scan.Run) *keeper {
	dir := cacheDir(s.Env, f.cache)
	if dir == "" || t.Kind != "dir" || t.Dir() == "" || t.History() != nil || len(run.Readers) == 0 {
		return nil
	}
	key, ok := cacheKey(t.Dir(), c, run)
	if !ok {
		return nil
	}
	k := &keeper{begin: time.Now(), err: s.Err}
	if f.quiet || f.cache == "" && lookup(s.Env, cacheVariable) == "" { // where nobody has asked for it, none is missed
		k.err = io.Discard
	}
	k.Store = cache.Open(dir, key, k.begin)
	if k.Known() && lookup(s.Env, "GOGC") == "" {
		debug.SetGCPercent(roomy)
	}
	run.Cache, run.Learned = k.Store, k.save
	return k
}

// save keeps what the run has found out, beside what else it does, where it took so long that it is worth it.
func (k *keeper) save() {
	if time.Since(k.begin) < worthKeeping && !k.Known() {
		return
	}
	k.saved = make(chan error, 1)
	go func() { k.saved <- k.Save() }()
}

// wait waits until that is done. A cache that cannot be written changes nothing else.
func (k *keeper) wait() {
	if k == nil || k.saved == nil {
		return
	}
	if err := <-k.saved; err != nil {
		fmt.Fprintf(k.err, "plinth: %v (--cache off or %s=off does without)\n", err, cacheVariable)
	}
}

// cacheDir is the folder of the cache, "" for none: what the flag names, else what PLINTH_CACHE does, else the system's place for it.
// A target's plinth.yaml has no say in it: it must not choose where files are written.
func cacheDir(env []string, flag string) string {
	dir := flag
	if dir == "" {
		dir = lookup(env, cacheVariable)
	}
	switch dir {
	case cacheOff:
		return ""
	case "":
		return userCache(env)
	}
	return dir
}

func userCache(env []string) string {
	name, below := "HOME", ".cache"
	switch {
	case runtime.GOOS == "windows":
		name, below = "LocalAppData", ""
	case runtime.GOOS == "darwin":
		below = filepath.Join("Library", "Caches")
	case lookup(env, "XDG_CACHE_HOME") != "":
		name, below = "XDG_CACHE_HOME", ""
	}
	home := lookup(env, name)
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, below, "plinth", "scans")
}

// cacheKey tells runs apart that may not know of each other: by build, target, settings, and rules of the user's own. Readers and
// engines follow from these.
func cacheKey(dir string, c *plinth.Config, run *scan.Run) (cache.Sum, bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return cache.Sum{}, false
	}
	build, ok := buildID()
	if !ok {
		return cache.Sum{}, false
	}
	counts := *c // all that changes what is found in files, or what readers make of them
	counts.Jobs, counts.FailOn, counts.FailOnNothing, counts.FailOnUnknown, counts.Least, counts.Strict, counts.AllowPartial = 0, 0, false, false, 0, false, false
	counts.Baselines, counts.Suppress = nil, nil
	settings, err := json.Marshal(counts)
	if err != nil {
		return cache.Sum{}, false
	}
	words := []string{build, dir, string(settings)}
	for _, r := range run.Readers {
		words = append(words, r.Name())
	}
	for _, e := range run.Engines {
		words = append(words, e.Name())
	}
	for _, d := range c.RuleDirs {
		if filepath.Ext(d) == ".toml" {
			return cache.Sum{}, false // it may name further files
		}
		more, err := contents(d)
		if err != nil {
			return cache.Sum{}, false
		}
		words = append(append(words, d), more...)
	}
	return cache.SumOfAll(words...), true
}

// contents are the names and contents of the files of a folder, or of one file.
func contents(root string) (out []string, err error) {
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		sum := cache.SumOf(data)
		out = append(out, p, string(sum[:]))
		return err
	})
	return out, err
}

// buildID names the build of the running program: by the id that the linker puts into its beginning, which depends on all of its
// source, or, where there is none, by the file itself.
func buildID() (string, bool) {
	name, err := os.Executable()
	if err != nil {
		return "", false
	}
	f, err := os.Open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, buildHead))
	if err != nil {
		return "", false
	}
	if id := idIn(head); id != "" {
		return id, true
	}
	info, err := f.Stat()
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%s %d %d", name, info.Size(), info.ModTime().UnixNano()), true
}

// idIn finds the id in the beginning of a program: in quotes, or in ELF as a note (length, kind 4, "Go", text).
func idIn(head []byte) string {
	if _, rest, ok := bytes.Cut(head, []byte("\xff Go build ID: \"")); ok {
		id, _, _ := bytes.Cut(rest, []byte("\""))
		return string(id)
	}
	for _, order := range [...]interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}{binary.LittleEndian, binary.BigEndian} {
		kind := order.AppendUint32(nil, 4)
		i := bytes.Index(head, append(kind, "Go\x00\x00"...))
		if i < 4 {
			continue
		}
		if n, rest := int(order.Uint32(head[i-4:])), head[i+8:]; n <= len(rest) {
			return string(rest[:n])
		}
	}
	return ""
}
