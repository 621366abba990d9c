package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	quietFor  = 700 * time.Millisecond // a run shorter than this shows no progress
	showEvery = 100 * time.Millisecond
)

// progress is the one line on standard error that tells how far a long run is. It shows on terminals only.
type progress struct {
	w     io.Writer
	mu    sync.Mutex
	begin time.Time
	last  time.Time
	shown bool
}

func newProgress(s Streams, quiet bool) *progress {
	p := &progress{begin: time.Now()}
	if !quiet && terminal(s.Err) {
		p.w = s.Err
	}
	return p
}

func (p *progress) show(stage string, done, total int) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.begin) < quietFor || now.Sub(p.last) < showEvery && done < total {
		return
	}
	p.last, p.shown = now, true
	fmt.Fprintf(p.w, "\r\x1b[K%s %d/%d", stage, done, total)
}

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
