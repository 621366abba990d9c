package tree

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
)

// Origins finds where objects came from: the first commit that has each, in one pass over the history. Objects that no commit
// has are there as well, with a note. wanted tells of each object whether it is a message.
func (h *History) Origins(ctx context.Context, wanted map[string]bool) (map[string]Origin, error) {
	out := map[string]Origin{}
	if len(wanted) == 0 {
		return out, nil
	}
	switch {
	case h.store != nil:
		if err := h.store.origins(wanted, out, func(id string) (Origin, error) { return h.author(ctx, id) }); err != nil {
			return out, err
		}
	case !h.staged:
		if err := h.traced(ctx, wanted, out); err != nil {
			return out, err
		}
	}
	if index, err := h.files(ctx); err == nil {
		for id, path := range staged(index) {
			if has(wanted, id) {
				if o := out[id]; o.Commit == "" {
					o.Path, o.Note = path, "staged, in no commit yet"
					out[id] = o
				}
			}
		}
	}
	for id, message := range wanted {
		if o := out[id]; o.Commit == "" && o.Path == "" {
			o.Path, o.Note = ".git/objects/"+id, "in no commit that a branch or tag reaches"
			if message {
				o.Path, o.Note = MessagePath, "the message of a tag, or of a commit that no branch or tag reaches: "+id
			}
			out[id] = o
		}
	}
	return out, nil
}

// traced asks git where objects came from.
func (h *History) traced(ctx context.Context, wanted map[string]bool, out map[string]Origin) error {
	if err := h.log(ctx, wanted, out); err != nil {
		return err
	}
	for _, end := range h.ends() {
		tree, err := h.output(ctx, "ls-tree", "-r", "-z", "--full-tree", end)
		if err != nil {
			continue // no commit yet, or the end is none
		}
		for line := range strings.SplitSeq(string(tree), "\x00") {
			if f := strings.Fields(line); len(f) >= 3 && has(wanted, f[2]) {
				o := out[f[2]]
				o.InHead = true
				out[f[2]] = o
			}
		}
	}
	return nil
}

// author asks git who wrote a commit.
func (h *History) author(ctx context.Context, id string) (Origin, error) {
	out, err := h.output(ctx, "log", "-1", "--no-patch", "--format=format:%an <%ae>%x02%aI", id, "--")
	who, date, _ := strings.Cut(string(out), markField)
	return Origin{Author: who, Date: date}, err
}

// ends are the commits whose files are there now: HEAD, or what a push makes of its refs.
func (h *History) ends() []string {
	if !h.received {
		return []string{"HEAD"}
	}
	return slices.DeleteFunc(strings.Fields(h.rng), func(r string) bool { return !objectID.MatchString(r) })
}

func has(m map[string]bool, key string) bool {
	_, ok := m[key]
	return ok
}

// Marks of the lines of log, which no name of a person and no path can have where they are looked for.
const (
	markCommit = "\x01"
	markField  = "\x02"
)

// log reads the changes of all commits, merges against each parent. It comes newest first: what it says last counts.
func (h *History) log(ctx context.Context, wanted map[string]bool, out map[string]Origin) error {
	args := []string{"log", "--raw", "-z", "-m", "--no-abbrev", "--no-renames", "--no-ext-diff", "--format=format:%x01%H%x02%an <%ae>%x02%aI%x02"}
	if h.rng != "" {
		args = append(args, strings.Fields(h.rng)...)
	} else {
		args = append(args, "--all")
		if _, err := h.output(ctx, "rev-parse", "--verify", "-q", "HEAD"); err == nil {
			args = append(args, "HEAD")
		} else {
			return nil // no commit yet
		}
	}
	c := h.command(ctx, append(args, "--")...)
	var errs bytes.Buffer
	c.Stderr = &limited{w: &errs}
	pipe, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	p := logReader{wanted: wanted, out: out}
	r := bufio.NewReaderSize(pipe, pipeBuffer)
	for {
		token, err := r.ReadString('\x00')
		p.token(strings.TrimSuffix(token, "\x00"))
		if err != nil {
			break
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return told(c.Wait(), &errs)
}

// logReader takes the answer of log apart: the head of a commit, then for each change its line and its path.
type logReader struct {
	wanted map[string]bool
	out    map[string]Origin
	now    Origin
	blob   string // of the change whose path comes next
}

func (p *logReader) token(t string) {
	if p.blob != "" {
		if has(p.wanted, p.blob) {
			o := p.now
			o.Path = t
			p.out[p.blob] = o
		}
		p.blob = ""
		return
	}
	t = strings.TrimLeft(t, "\n")
	if head, ok := strings.CutPrefix(t, markCommit); ok {
		f := strings.SplitN(head, markField, 4)
		if len(f) != 4 {
			return
		}
		p.now = Origin{Commit: f[0], Author: f[1], Date: f[2]}
		if has(p.wanted, f[0]) {
			o := p.now
			o.Path = MessagePath
			p.out[f[0]] = o
		}
		t = strings.TrimLeft(f[3], "\n")
	}
	if strings.HasPrefix(t, ":") { // :MODE MODE BLOB BLOB STATUS
		for range 3 {
			_, t, _ = strings.Cut(t, " ")
		}
		p.blob, _, _ = strings.Cut(t, " ")
	}
}
