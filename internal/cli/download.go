package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/module"
)

// downloads are the remote modules of a run. What fetches them is made when the first target allows it.
type downloads struct {
	s       Streams
	quiet   bool
	told    bool
	fetcher *module.Fetcher
}

// source returns what a target's readers fetch modules with, nil when its configuration does not allow that.
func (d *downloads) source(c *plinth.Config) plinth.ModuleSource {
	if !c.Download {
		return nil
	}
	if c.Offline {
		if !d.told && !d.quiet {
			fmt.Fprintln(d.s.Err, "plinth: --offline wins over --download: remote modules are not fetched")
		}
		d.told = true
		return nil
	}
	if d.fetcher == nil {
		client := d.s.HTTP
		if client == nil {
			client = module.NewClient()
		}
		d.fetcher = module.New(module.Options{Dir: moduleCache(), Client: client, Env: d.s.Env})
	}
	return d.fetcher
}

// moduleCache is the folder that keeps fetched modules, "" where the system names no place for such things.
func moduleCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "plinth", "modules")
}

// read returns a file of a module by the path that findings have for it.
func (d *downloads) read(path string) ([]byte, error) {
	if d.fetcher == nil {
		return nil, fs.ErrNotExist
	}
	return d.fetcher.ReadFile(path)
}

// Close releases what was fetched.
func (d *downloads) Close() error {
	if d.fetcher == nil {
		return nil
	}
	return d.fetcher.Close()
}
