package tree

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/plinthsec/plinth"
)

// own reads a history without git, but for the index and what it cannot make. Where that is errUnusual it returns what it has shown already.
func (h *History) own(ctx context.Context, jobs int, lost func(plinth.ProblemKind, string, ...any), show func(entry, []byte, *Kin)) (n int, known map[string]bool, err error) {
	s, err := openStore(h.folder)
	if err != nil {
		return 0, nil, err
	}
	defer s.close()
	done := make([]bool, s.len())
	var count atomic.Int64
	each := func(o made) {
		done[o.place] = true
		if e := s.describe(o.place, int64(len(o.data))); !e.tooLarge(lost) {
			count.Add(1)
			show(e, o.data, o.kin)
		}
	}
	if err = s.learn(ctx, jobs, each); err == nil {
		err = s.reach()
	}
	var index []string
	if err == nil {
		if index, err = h.files(ctx); err != nil {
			err = errUnusual
		}
	}
	if err != nil {
		known = map[string]bool{}
		for k, ok := range done {
			if ok {
				known[s.id(int32(k))] = true
			}
		}
		return int(count.Load()), known, err
	}
	for id, path := range staged(index) {
		if k := s.named([]byte(id)); k >= 0 && s.path[k] == "" {
			s.path[k] = path
		}
	}
	h.borders(ctx, lost)
	s.each(ctx, jobs, func(k uint8) bool { return k == kindBlob }, each)
	h.store = s
	more, err := h.left(ctx, jobs, s, done, lost, show)
	return int(count.Load()) + more, nil, err
}

// left asks git for the objects that were not made.
func (h *History) left(ctx context.Context, jobs int, s *store, done []bool, lost func(plinth.ProblemKind, string, ...any), show func(entry, []byte, *Kin)) (int, error) {
	var rest []string
	for k := range done {
		if !done[k] && s.kind[k] != kindTree {
			rest = append(rest, s.id(int32(k)))
		}
	}
	if len(rest) == 0 || ctx.Err() != nil {
		return 0, ctx.Err()
	}
	list, err := h.described(ctx, rest, func(id string) string { return s.path[s.named([]byte(id))] }, lost)
	if err != nil {
		return 0, err
	}
	list = slices.DeleteFunc(list, func(e entry) bool { return e.tooLarge(lost) })
	return h.asked(ctx, jobs, list, lost, show)
}
