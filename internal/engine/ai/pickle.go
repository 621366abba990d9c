package ai

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
)

// Limits of the walk through a pickle; a model of a gigabyte has its numbers outside of the pickle, or in bytes that are passed over.
const (
	maxOps      = 4_000_000
	maxRead     = 64 << 20 // bytes of operations and names that are read; what can be passed over costs nothing
	maxMemo     = 100_000  // strings that are remembered
	maxStrings  = 64       // strings before a name that are remembered
	maxName     = 512      // bytes of a name of Python
	maxPickles  = 16       // one behind the other: PyTorch wrote five before it wrote archives
	maxBuffered = 32 << 10
)

// mayBePickle tells a pickle of protocol 2 and later by its beginning; one of an earlier protocol has a line.
func mayBePickle(head []byte) bool {
	switch {
	case len(head) < 4:
		return false
	case head[0] == 0x80:
		return head[1] >= 2 && head[1] <= 5
	}
	return (head[0] == 'c' || head[0] == '(') && bytes.IndexByte(head, '\n') > 0
}

// end says why a walk through a pickle ended.
type end uint8

const (
	whole   end = iota // at its last operation
	broken             // at an unknown operation, or since the text ended
	limited            // at a limit
)

// imports walks the operations of the pickles that stand at the beginning of r, one behind the other, and returns the names that they
// import, module and name joined by a dot, each once, whether one pickle came to its end, and why the walk ended; what came before counts.
// Where r is an io.Seeker, bytes are passed over and not read. https://docs.python.org/3/library/pickletools.html.
func imports(r io.Reader) (names []string, one bool, why end) {
	w := &pickle{stream: stream{r: r, left: maxRead}, memo: map[int]string{}, seen: map[string]bool{}}
	w.seek, _ = r.(io.Seeker)
	w.buf = bufio.NewReaderSize(r, maxBuffered)
	pickles := 0
	for range maxOps {
		op, ok := w.take(1)
		switch {
		case ok && op[0] == '.':
			pickles++
			if next, err := w.buf.Peek(2); err != nil || next[0] != 0x80 || next[1] < 2 || next[1] > 5 {
				return w.names, true, whole
			} else if pickles == maxPickles {
				return w.names, true, limited
			}
			clear(w.memo)
			w.stored, w.strings, w.last = 0, nil, ""
		case !ok || !w.step(op[0]):
			if w.left < 0 {
				return w.names, pickles > 0, limited
			}
			return w.names, pickles > 0, broken
		}
	}
	return w.names, pickles > 0, limited
}

// stream gives the bytes of a pickle. Nothing is kept of them.
type stream struct {
	r    io.Reader
	seek io.Seeker // nil: everything is read
	buf  *bufio.Reader
	left int64 // bytes that may be read; negative once a limit was met
	few  [8]byte
}

// take returns the next n bytes, 8 at most; they hold until the next call.
func (s *stream) take(n int) ([]byte, bool) {
	if s.left -= int64(n); s.left < 0 {
		return nil, false
	}
	_, err := io.ReadFull(s.buf, s.few[:n])
	return s.few[:n], err == nil
}

// begin returns the beginning of the next n bytes as a string, and passes over all of them.
func (s *stream) begin(n uint64) (string, bool) {
	head := make([]byte, min(n, maxName))
	if s.left -= int64(len(head)); s.left < 0 {
		return "", false
	}
	if _, err := io.ReadFull(s.buf, head); err != nil {
		return "", false
	}
	return string(head), s.pass(n - uint64(len(head)))
}

// pass passes over n bytes.
func (s *stream) pass(n uint64) bool {
	if have := uint64(s.buf.Buffered()); n <= have {
		_, err := s.buf.Discard(int(n))
		return err == nil
	} else if s.seek != nil && n <= math.MaxInt64 {
		if _, err := s.seek.Seek(int64(n-have), io.SeekCurrent); err != nil {
			return false
		}
		s.buf.Reset(s.r)
		return true
	}
	if n > uint64(s.left) {
		s.left = -1
		return false
	}
	s.left -= int64(n)
	_, err := s.buf.Discard(int(n))
	return err == nil
}

// line returns what stands before the next end of a line: its beginning, where that is long.
func (s *stream) line() (string, bool) {
	var text []byte
	for {
		part, err := s.buf.ReadSlice('\n')
		if s.left -= int64(len(part)); s.left < 0 {
			return "", false
		}
		if room := maxName + 2 - len(text); room > 0 {
			text = append(text, part[:min(len(part), room)]...)
		}
		if err == nil {
			return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), true
		}
		if err != bufio.ErrBufferFull {
			return "", false
		}
	}
}

// pickle is a walk: of the stack it keeps the strings, which is enough for names.
type pickle struct {
	stream
	strings []string
	memo    map[int]string // what is a string
	stored  int            // how many times something was remembered
	last    string         // what lies on top, where that is a string
	seen    map[string]bool
	names   []string
}

func (w *pickle) found(module, name string) {
	full := module + "." + name
	if len(full) <= maxName && !w.seen[full] {
		w.seen[full] = true
		w.names = append(w.names, full)
	}
}

func (w *pickle) push(s string) {
	w.last = s
	if w.strings = append(w.strings, s); len(w.strings) > maxStrings {
		w.strings = w.strings[1:]
	}
}

// sized takes a length of n bytes and what it counts; a string is pushed.
func (w *pickle) sized(n int, isString bool) bool {
	b, ok := w.take(n)
	if !ok {
		return false
	}
	var full [8]byte
	copy(full[:], b)
	size := binary.LittleEndian.Uint64(full[:])
	if !isString {
		w.last = ""
		return w.pass(size)
	}
	s, ok := w.begin(size)
	if ok {
		w.push(s)
	}
	return ok
}

// fixed is how many bytes follow an operation that neither has a name nor a string.
var fixed = map[byte]int{
	0x80: 1, 'K': 1, 'M': 2, 'J': 4, 'G': 8, 0x95: 8, 0x82: 1, 0x83: 2, 0x84: 4,
}

// bare are the operations without an argument.
const bare = "(012QRabdeostul]})N\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x97\x98"

// lined are those whose argument is a line.
const lined = "FILPVS"

func (w *pickle) step(op byte) bool {
	if n, ok := fixed[op]; ok {
		w.last = ""
		_, ok = w.take(n)
		return ok
	}
	switch op {
	case 'c', 'i':
		module, ok := w.line()
		name, more := w.line()
		if ok && more {
			w.found(module, name)
		}
		return ok && more
	case 0x93:
		if n := len(w.strings); n >= 2 {
			w.found(w.strings[n-2], w.strings[n-1])
		}
		w.last = ""
		return true
	case 0x8c, 'U':
		return w.sized(1, true)
	case 'X', 'T':
		return w.sized(4, true)
	case 0x8d:
		return w.sized(8, true)
	case 'C', 0x8a:
		return w.sized(1, false)
	case 'B', 0x8b:
		return w.sized(4, false)
	case 0x8e, 0x96:
		return w.sized(8, false)
	case 'q', 'r', 'h', 'j', 'p', 'g', 0x94:
		return w.remember(op)
	}
	if strings.IndexByte(lined, op) >= 0 {
		s, ok := w.line()
		if op == 'V' || op == 'S' {
			w.push(strings.Trim(s, `'"`))
		}
		return ok
	}
	w.last = ""
	return strings.IndexByte(bare, op) >= 0
}

// remember puts what lies on top into the memo, or takes a string out of it.
func (w *pickle) remember(op byte) bool {
	var key int
	switch op {
	case 'q', 'h':
		b, ok := w.take(1)
		if !ok {
			return false
		}
		key = int(b[0])
	case 'r', 'j':
		b, ok := w.take(4)
		if !ok {
			return false
		}
		key = int(binary.LittleEndian.Uint32(b))
	case 'p', 'g':
		s, ok := w.line()
		if !ok || len(s) > 10 {
			return false
		}
		for _, c := range s {
			key = key*10 + int(c-'0')
		}
	default:
		key = w.stored
	}
	if op == 'h' || op == 'j' || op == 'g' {
		if s := w.memo[key]; s != "" {
			w.push(s)
		} else {
			w.last = ""
		}
		return true
	}
	w.stored++
	if w.last == "" {
		delete(w.memo, key)
		return true
	}
	if len(w.memo) >= maxMemo {
		w.left = -1
		return false
	}
	w.memo[key] = w.last
	return true
}

// runs tells whether an imported name lets a pickle run what its writer likes.
func runs(full string) bool {
	module, name := full[:strings.LastIndexByte(full, '.')], full[strings.LastIndexByte(full, '.')+1:]
	top, _, _ := strings.Cut(module, ".")
	switch top {
	case "os", "posix", "nt", "subprocess", "pty", "runpy", "socket", "commands", "code", "bdb", "pdb", "ctypes", "webbrowser", "shutil", "importlib", "pip", "popen2", "pydoc", "timeit", "cProfile", "profile", "trace":
		return true
	case "builtins", "__builtin__":
		switch name {
		case "eval", "exec", "execfile", "compile", "open", "getattr", "__import__", "apply", "input", "breakpoint":
			return true
		}
	case "sys", "operator":
		return name == "modules" || name == "attrgetter" || name == "methodcaller"
	case "asyncio":
		return strings.Contains(full, "subprocess")
	}
	return false
}
