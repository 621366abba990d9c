package ai

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Limits of the walk through a pickle; a model of a gigabyte has its numbers outside of the pickle.
const (
	maxOps     = 2_000_000
	maxMemo    = 100_000
	maxStrings = 64  // strings before a name that are remembered
	maxName    = 512 // bytes of a name of Python
)

// isPickle tells a pickle of protocol 2 and later by its beginning, and one of an earlier protocol by its end as well.
func isPickle(data []byte) bool {
	if len(data) < 4 || data[len(data)-1] != '.' && bytes.LastIndexByte(data[max(0, len(data)-64):], '.') < 0 {
		return false
	}
	if data[0] == 0x80 {
		return data[1] >= 2 && data[1] <= 5
	}
	return (data[0] == 'c' || data[0] == '(') && bytes.IndexByte(data[:min(len(data), 200)], '\n') > 0 && data[len(data)-1] == '.'
}

// imports walks the operations of a pickle and returns the names that it imports, module and name joined by a dot, each once. ok is
// false where an operation is unknown or the text ends early; what came before counts. https://docs.python.org/3/library/pickletools.html.
func imports(data []byte) (names []string, ok bool) {
	w := &pickle{data: data, memo: map[int]string{}, seen: map[string]bool{}}
	for range maxOps {
		if w.at >= len(data) {
			return w.names, false
		}
		op := data[w.at]
		w.at++
		if op == '.' {
			return w.names, true
		}
		if !w.step(op) {
			return w.names, false
		}
	}
	return w.names, false
}

// pickle is a walk: of the stack it keeps the strings, which is enough for names.
type pickle struct {
	data    []byte
	at      int
	strings []string
	memo    map[int]string
	last    string // what lies on top, where that is a string
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

// take returns the next n bytes.
func (w *pickle) take(n uint64) ([]byte, bool) {
	if n > uint64(len(w.data)-w.at) {
		return nil, false
	}
	b := w.data[w.at : w.at+int(n)]
	w.at += int(n)
	return b, true
}

func (w *pickle) line() (string, bool) {
	i := bytes.IndexByte(w.data[w.at:], '\n')
	if i < 0 {
		return "", false
	}
	s := string(w.data[w.at : w.at+i])
	w.at += i + 1
	return strings.TrimSuffix(s, "\r"), true
}

// sized takes a length of n bytes and what it counts; a string is pushed.
func (w *pickle) sized(n uint64, isString bool) bool {
	b, ok := w.take(n)
	if !ok {
		return false
	}
	var full [8]byte
	copy(full[:], b)
	body, ok := w.take(binary.LittleEndian.Uint64(full[:]))
	if ok && isString {
		w.push(string(body[:min(len(body), maxName)]))
	}
	return ok
}

// fixed is how many bytes follow an operation that neither has a name nor a string.
var fixed = map[byte]uint64{
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
		key = len(w.memo)
	}
	if op == 'h' || op == 'j' || op == 'g' {
		if s := w.memo[key]; s != "" {
			w.push(s)
		}
		return true
	}
	if len(w.memo) >= maxMemo {
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
