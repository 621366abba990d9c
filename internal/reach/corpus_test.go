package reach_test

import (
	"encoding/json"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
)

const corpusRight = 61 // cases of netpol-npguard, of 61

// TestCorpus holds the answers against connection lists that other people wrote: a case is right when no pair, port or address
// differs.
func TestCorpus(t *testing.T) {
	root := os.Getenv("PLINTH_CORPORA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	root = filepath.Join(root, "graph", "netpol-npguard")
	data, err := os.ReadFile(filepath.Join(root, "cases.json"))
	if err != nil {
		t.Skip("the corpora are not here; PLINTH_CORPORA names their folder")
	}
	var cases []struct {
		ID, Input   string
		Connections []struct {
			From, To string
			Allow    []string
		}
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	right := 0
	for _, c := range cases {
		want, got := connections{}, connections{}
		for _, x := range c.Connections {
			want.add(t, x.From, x.To, x.Allow)
		}
		for x := range reach.New(readFolder(t, filepath.Join(root, c.Input))).Connections(false) {
			got.add(t, x.From, x.To, x.Allow.Strings())
		}
		if diff := want.diff(got); diff == "" {
			right++
		} else {
			t.Logf("%s: %s", c.ID, diff)
		}
	}
	if right != corpusRight {
		t.Errorf("%d cases are right, not %d of %d", right, corpusRight, len(cases))
	}
}

func readFolder(t *testing.T, dir string) []*plinth.Resource {
	s, p := &sink{}, &plinth.Project{FS: os.DirFS(dir)}
	err := fs.WalkDir(p.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(p.FS, name)
		if kubernetes.New().Wants(name, data) {
			p.Files = append(p.Files, plinth.File{Path: name, Data: data})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := kubernetes.New().Read(t.Context(), p, s); err != nil {
		t.Fatal(err)
	}
	return s.resources
}

// connections holds for each pair the addresses (0 where both ends are inside) with each port, as ports by address range.
type connections map[[2]string][]held

type held struct {
	addresses reach.Spans
	ports     reach.Ports
}

func (c connections) add(t *testing.T, from, to string, allow []string) {
	t.Helper()
	h := held{addresses: reach.Spans{{}}}
	for i, end := range []*string{&from, &to} {
		if list, outside := strings.CutPrefix(*end, "external:"); outside {
			h.addresses = nil
			for _, part := range strings.Split(list, ",") {
				lo, hi, _ := strings.Cut(part, "-")
				h.addresses = h.addresses.Union(reach.Spans{{Lo: number(lo), Hi: number(hi)}})
			}
			*end = []string{"in", "out"}[i]
		}
	}
	for _, a := range allow {
		if a == "all" {
			h.ports = reach.AllPorts()
			continue
		}
		protocol, span, _ := strings.Cut(a, " ")
		lo, hi, both := strings.Cut(span, "-")
		if !both {
			hi = lo
		}
		first, err1 := strconv.ParseUint(lo, 10, 16)
		last, err2 := strconv.ParseUint(hi, 10, 16)
		if err1 != nil || err2 != nil {
			t.Fatalf("%q is no port", a)
		}
		p := map[string]reach.Protocol{"TCP": reach.TCP, "UDP": reach.UDP, "SCTP": reach.SCTP}[protocol]
		h.ports = h.ports.Union(reach.PortsOf(p, uint32(first), uint32(last)))
	}
	c[[2]string{from, to}] = append(c[[2]string{from, to}], h)
}

func number(ip string) uint32 {
	b := netip.MustParseAddr(ip).As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// diff names a pair for which the two differ. Both are functions of the address that change only at borders of ranges.
func (c connections) diff(o connections) string {
	at := func(list []held, ip uint32) string {
		var ports reach.Ports
		for _, h := range list {
			if h.addresses.Contains(ip) {
				ports = ports.Union(h.ports)
			}
		}
		return ports.String()
	}
	for _, side := range []connections{c, o} {
		for pair := range side {
			var borders []uint32
			for _, h := range slices.Concat(c[pair], o[pair]) {
				for _, s := range h.addresses {
					borders = append(borders, s.Lo, s.Hi+1)
				}
			}
			for _, ip := range borders {
				if want, got := at(c[pair], ip), at(o[pair], ip); want != got {
					return pair[0] + " → " + pair[1] + ": want " + want + ", got " + got
				}
			}
		}
	}
	return ""
}
