package tree

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maxTagged  = 16   // tags that name each other
	maxFolders = 4096 // folders in each other
	maxZone    = 14   // hours that a time zone is away from the others
)

// learn reads the commits, tags and trees. message is called for each commit and tag, from at most jobs goroutines.
func (s *store) learn(ctx context.Context, jobs int, message func(made)) error {
	var g errgroup.Group
	g.SetLimit(max(1, jobs))
	g.Go(func() error { // trees are read from the one that they are a difference to, in a row
		s.each(ctx, 1, func(k uint8) bool { return k == kindTree }, s.tree)
		return nil
	})
	g.Go(func() error {
		s.each(ctx, max(1, jobs-1), func(k uint8) bool { return k == kindCommit || k == kindTag }, func(o made) {
			if o.kind == kindCommit {
				s.commits[s.slot[o.place]] = s.commit(o.data)
			} else {
				s.tags[s.slot[o.place]] = s.tagged(o.data)
			}
			message(o)
		})
		return nil
	})
	_ = g.Wait() // it has no errors: what was not read is not whole
	if len(s.entries) > maxEntries {
		return errUnusual
	}
	return ctx.Err()
}

// line cuts the value of a line of the head of a commit or tag.
func line(data []byte, key string) (value, rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(data, []byte(key)); !ok {
		return nil, data, false
	}
	return bytes.Cut(rest, []byte("\n"))
}

// commit reads a commit: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects.
func (s *store) commit(data []byte) (c commit) {
	v, rest, ok := line(data, "tree ")
	if !ok {
		return c
	}
	c.tree = s.named(v)
	for {
		if v, rest, ok = line(rest, "parent "); !ok {
			break
		}
		c.parents = append(c.parents, s.named(v))
	}
	author, rest, ok := line(rest, "author ")
	if !ok {
		return c
	}
	v, rest, ok = line(rest, "committer ")
	who, when, found := bytes.Cut(v, []byte("> "))
	digits, _, _ := bytes.Cut(when, []byte(" "))
	date, err := strconv.ParseInt(string(digits), 10, 64)
	if !ok || !found || err != nil || date < 0 || date > 1<<40 || bytes.IndexByte(who, '>') >= 0 || bytes.IndexByte(when, '>') >= 0 {
		return c
	}
	head, _, _ := bytes.Cut(rest, []byte("\n\n"))
	if !bytes.HasPrefix(head, []byte("encoding ")) && !bytes.Contains(head, []byte("\nencoding ")) {
		c.author = string(author)
	}
	c.date, c.whole = date, c.tree >= 0 && s.kind[c.tree] == kindTree
	return c
}

// tagged is what a tag names.
func (s *store) tagged(data []byte) int32 {
	v, _, ok := line(data, "object ")
	if !ok {
		return noObject
	}
	return s.named(v)
}

// tree reads a tree. Most of its entries are those of the tree that it is a difference to, which are taken over as they were read.
func (s *store) tree(o made) {
	f := &s.trees[s.slot[o.place]]
	if len(s.entries) > maxEntries {
		return
	}
	f.from = int32(len(s.entries))
	defer func() { f.to = int32(len(s.entries)) }()
	var base []byte
	var old []treeEntry
	if o.base != nil && o.base.place >= 0 {
		if b := s.trees[s.slot[o.base.place]]; b.whole {
			base, old = o.base.data, s.entries[b.from:b.to]
		}
	}
	for data := o.data; len(data) > 0; {
		n := bytes.IndexByte(data, 0) + 1
		if n == 0 || len(data) < n+idBytes {
			return
		}
		entry := data[:n+idBytes]
		data = data[n+idBytes:]
		if !bytes.HasPrefix(base, entry) {
			base, old = from(base, old, entry[:n])
		}
		if bytes.HasPrefix(base, entry) {
			s.entries = append(s.entries, old[0])
			base, old = base[len(entry):], old[1:]
			continue
		}
		e, ok := s.entry(entry[:n], entry[n:])
		if !ok {
			return
		}
		s.entries = append(s.entries, e)
	}
	f.whole = true
}

// from leaves out the entries of a tree that stand before a name: they are gone, or others now.
func from(tree []byte, entries []treeEntry, name []byte) ([]byte, []treeEntry) {
	for len(entries) > 0 {
		n := bytes.IndexByte(tree, 0) + 1
		if bytes.Compare(afterMode(tree[:n]), afterMode(name)) >= 0 {
			break
		}
		tree, entries = tree[n+idBytes:], entries[1:]
	}
	return tree, entries
}

func afterMode(b []byte) []byte { return b[bytes.IndexByte(b, ' ')+1:] }

// entry reads an entry: "MODE NAME\0" and an id.
func (s *store) entry(name, id []byte) (treeEntry, bool) {
	k, ok := s.known[string(name)]
	if !ok {
		mode, rest, ok := strings.Cut(string(name[:len(name)-1]), " ")
		if !ok || rest == "" {
			return treeEntry{}, false
		}
		k = int32(len(s.names))
		s.names = append(s.names, treeName{canonical(mode), rest})
		s.known[string(name)] = k
	}
	child := s.number(id)
	kind := uint8(kindBlob)
	switch s.names[k].mode {
	case modeSubmodule:
		return treeEntry{submodule, k}, true
	case modeFolder:
		kind = kindTree
	}
	return treeEntry{child, k}, child < 0 || s.kind[child] == kind
}

// Modes of entries, as Git makes them of all that are written: https://git-scm.com/docs/gitdatamodel.
const (
	modeFile       = 0o100644
	modeExecutable = 0o100755
	modeLink       = 0o120000
	modeFolder     = 0o040000
	modeSubmodule  = 0o160000
)

func canonical(mode string) uint32 {
	n, err := strconv.ParseUint(mode, 8, 32)
	switch m := uint32(n); {
	case err != nil:
		return modeSubmodule
	case m&modeSubmodule == modeLink, m&modeSubmodule == modeFolder:
		return m & modeSubmodule
	case m&modeSubmodule != modeFile&modeSubmodule:
		return modeSubmodule
	case m&0o100 != 0:
		return modeExecutable
	}
	return modeFile
}

// reach walks from the refs, as git rev-list --objects --all does: commits by date, then the trees of the newest first. It notes a path for
// each object in them, and is errUnusual where something is missing or is not what it should be.
func (s *store) reach() error {
	s.met, s.path = make([]bool, s.len()), make([]string, s.len())
	var next queue
	add := func(n int32) {
		if !s.met[n] {
			s.met[n] = true
			heap.Push(&next, queued{n, s.commits[s.slot[n]].date, next.pushed})
			next.pushed++
		}
	}
	ends := make([][idBytes]byte, 0, len(s.refs)+1)
	for _, name := range s.refs {
		ends = append(ends, s.gitFolder.ids[name])
	}
	if s.head != [idBytes]byte{} {
		ends = append(ends, s.head)
	}
	for _, id := range ends {
		n := s.number(id[:])
		for hops := 0; n >= 0 && s.kind[n] == kindTag && hops < maxTagged; hops++ {
			s.met[n] = true
			n = s.tags[s.slot[n]]
		}
		if n < 0 || s.kind[n] != kindCommit {
			return errUnusual
		}
		add(n)
	}
	for next.Len() > 0 {
		n := heap.Pop(&next).(queued).commit
		c := &s.commits[s.slot[n]]
		if !c.whole {
			return errUnusual
		}
		s.order = append(s.order, n)
		for _, p := range c.parents {
			if p < 0 || s.kind[p] != kindCommit {
				return errUnusual
			}
			add(p)
		}
	}
	for _, n := range s.order {
		if t := s.commits[s.slot[n]].tree; !s.met[t] {
			if err := s.descend(t, "", 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// descend notes what is in a tree and was not met yet.
func (s *store) descend(tree int32, path string, depth int) error {
	s.met[tree] = true
	f := &s.trees[s.slot[tree]]
	switch {
	case depth > maxFolders:
		return errUnusual
	case !f.whole:
		return fmt.Errorf("%w: tree %s is no list of what is there", errDamaged, s.id(tree))
	}
	for _, e := range s.entries[f.from:f.to] {
		switch {
		case e.child == submodule:
		case e.child < 0:
			return errUnusual
		case s.met[e.child]:
		case s.kind[e.child] == kindBlob:
			s.met[e.child], s.path[e.child] = true, path+s.names[e.name].name
		default:
			if err := s.descend(e.child, path+s.names[e.name].name+"/", depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// queue has the newest commit first; of equal ones the one that came first.
type queue struct {
	list   []queued
	pushed int
}

type queued struct {
	commit int32
	date   int64
	turn   int
}

func (q *queue) Len() int { return len(q.list) }
func (q *queue) Less(i, j int) bool {
	if a, b := &q.list[i], &q.list[j]; a.date != b.date {
		return a.date > b.date
	}
	return q.list[i].turn < q.list[j].turn
}
func (q *queue) Swap(i, j int) { q.list[i], q.list[j] = q.list[j], q.list[i] }
func (q *queue) Push(x any)    { q.list = append(q.list, x.(queued)) }
func (q *queue) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	return last
}

// origins does what log and the tree of HEAD tell Origins: it adds the first commit that has each of the wanted objects, as git log sees
// it, merges against each parent. ask reads of a commit what its own bytes do not tell plainly.
func (s *store) origins(wanted map[string]bool, out map[string]Origin, ask func(id string) (Origin, error)) error {
	t := tracing{store: s, wanted: make([]bool, s.len()), holds: make([]int8, len(s.trees)), first: map[int32]sight{}}
	for id := range wanted {
		if n := s.named([]byte(id)); n >= 0 {
			t.wanted[n] = true
		}
	}
	for _, n := range s.order {
		c := &s.commits[s.slot[n]]
		if t.wanted[n] {
			t.first[n] = sight{commit: n, path: MessagePath}
		}
		if t.now = n; len(c.parents) == 0 {
			t.compare(noObject, c.tree, "")
		}
		for _, p := range c.parents {
			t.compare(s.commits[s.slot[p]].tree, c.tree, "")
		}
	}
	for n, at := range t.first {
		o, ok := s.commits[s.slot[at.commit]].origin()
		if !ok {
			var err error
			if o, err = ask(s.id(at.commit)); err != nil {
				return err
			}
		}
		o.Commit, o.Path = s.id(at.commit), at.path
		out[s.id(n)] = o
	}
	if head := s.number(s.head[:]); head >= 0 {
		for head >= 0 && s.kind[head] == kindTag {
			head = s.tags[s.slot[head]]
		}
		t.within(s.commits[s.slot[head]].tree, func(blob int32) {
			o := out[s.id(blob)]
			o.InHead = true
			out[s.id(blob)] = o
		})
	}
	return nil
}

// tracing finds in which commits the wanted objects came.
type tracing struct {
	*store
	wanted []bool // by number
	holds  []int8 // of trees, whether something wanted is in them: 1 yes, -1 no, 0 not known yet
	now    int32
	first  map[int32]sight // by number
}

type sight struct {
	commit int32
	path   string
}

// holdsWanted tells whether something wanted is in a tree.
func (t *tracing) holdsWanted(tree int32) bool {
	k := t.slot[tree]
	if t.holds[k] == 0 {
		t.holds[k] = -1
		for _, e := range t.entries[t.trees[k].from:t.trees[k].to] {
			if e.child >= 0 && (t.wanted[e.child] || t.kind[e.child] == kindTree && t.holdsWanted(e.child)) {
				t.holds[k] = 1
				break
			}
		}
	}
	return t.holds[k] > 0
}

// compare notes the wanted objects that a tree has where another one, noObject for none, has something else.
func (t *tracing) compare(before, tree int32, path string) {
	if before == tree || !t.holdsWanted(tree) {
		return
	}
	var old []treeEntry
	if before >= 0 {
		f := &t.trees[t.slot[before]]
		old = t.entries[f.from:f.to]
	}
	f := &t.trees[t.slot[tree]]
	at := 0
	for _, e := range t.entries[f.from:f.to] {
		folder := e.child >= 0 && t.kind[e.child] == kindTree
		if e.child < 0 || !folder && !t.wanted[e.child] || folder && !t.holdsWanted(e.child) {
			continue
		}
		var was treeEntry
		if was, at = t.entryOf(old, e.name, at); was.child == e.child && (was.name == e.name || t.names[was.name].mode == t.names[e.name].mode) {
			continue
		}
		name := path + t.names[e.name].name
		if !folder {
			t.first[e.child] = sight{t.now, name}
			continue
		}
		if was.child >= 0 && t.kind[was.child] != kindTree {
			was.child = noObject
		}
		t.compare(was.child, e.child, name+"/")
	}
}

// entryOf returns the entry of the same name, which mostly stands at the place at or a little behind, and the place behind it.
func (t *tracing) entryOf(list []treeEntry, name int32, at int) (treeEntry, int) {
	wanted := t.names[name].name
	for i := range list {
		k := (at + i) % len(list)
		if e := list[k]; e.name == name || t.names[e.name].name == wanted {
			return e, k + 1
		}
	}
	return treeEntry{noObject, name}, at
}

// within calls found for the wanted objects in a tree.
func (t *tracing) within(tree int32, found func(int32)) {
	if !t.holdsWanted(tree) {
		return
	}
	f := &t.trees[t.slot[tree]]
	for _, e := range t.entries[f.from:f.to] {
		switch {
		case e.child < 0:
		case t.kind[e.child] == kindTree:
			t.within(e.child, found)
		case t.wanted[e.child]:
			found(e.child)
		}
	}
}

// origin reads who wrote a commit, and when. It tells whether that is written as it mostly is.
func (c *commit) origin() (Origin, bool) {
	name, rest, ok := strings.Cut(c.author, " <")
	mail, when, found := strings.Cut(rest, "> ")
	seconds, zone, apart := strings.Cut(when, " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if !ok || !found || !apart || err != nil || at < 0 || at > 1<<40 || len(zone) != 5 || zone[0] != '+' && zone[0] != '-' {
		return Origin{}, false
	}
	hours, err := strconv.Atoi(zone[1:3])
	minutes, err2 := strconv.Atoi(zone[3:])
	if err != nil || err2 != nil || hours > maxZone || minutes > 59 || strings.ContainsAny(c.author[:len(name)+2+len(mail)], "\x00\x01\x02") {
		return Origin{}, false
	}
	if strings.TrimSpace(name) != name || strings.TrimSpace(mail) != mail || strings.ContainsAny(name, "<>") || strings.ContainsAny(mail, "<>") {
		return Origin{}, false
	}
	offset := hours*3600 + minutes*60
	if zone[0] == '-' {
		offset = -offset
	}
	date := time.Unix(at, 0).In(time.FixedZone("", offset)).Format("2006-01-02T15:04:05-07:00")
	return Origin{Author: fmt.Sprintf("%s <%s>", name, mail), Date: date}, true
}
