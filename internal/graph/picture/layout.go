package picture

import (
	"cmp"
	"slices"
)

// Sizes of a picture in pixels. Text is measured by its number of characters: a picture knows no fonts.
const (
	charWidth  = 6.8 // of a letter, on the wide side
	boldWidth  = 7.7
	lineHeight = 15.0
	padding    = 9.0
	gapX       = 26.0
	gapY       = 32.0
	margin     = 20.0
	sweeps     = 24 // over all layers, for order and for places
)

// item is something that has a place in a layer: a node, what stands beside an arrow, or a bend of a long arrow.
type item struct {
	left, right float64 // how far it goes from where lines enter and leave it
	height      float64
	layer       int
	x, y        float64 // of where lines enter
	top, bottom float64 // of the layer: between them lines run straight, so that none runs over a text
	up, down    []int   // items in the layers above and below that it is joined with
	order       int
}

// layout places boxes in layers from top to bottom. What stands beside an arrow is an item of a layer of its own between the
// layers of the boxes, so that nothing ever covers anything: K. Sugiyama, S. Tagawa and M. Toda: Methods for visual understanding
// of hierarchical system structures (1981).
type layout struct {
	items  []item
	layers [][]int
	routes [][]int // items of each arrow, from its box to the other
	back   []bool  // the arrow points upwards
	label  []int   // item of what stands beside each arrow
}

// size is how large something is.
type size struct{ width, height float64 }

func newLayout(boxes, labels []size, arrows [][2]int) *layout {
	l := &layout{back: make([]bool, len(arrows)), label: make([]int, len(arrows))}
	rank := l.rank(len(boxes), arrows)
	for i, b := range boxes {
		l.items = append(l.items, item{left: b.width / 2, right: b.width / 2, height: b.height, layer: 2 * rank[i]})
	}
	for i, a := range arrows {
		l.route(i, a, rank, labels[i])
	}
	for i := range l.items {
		for len(l.layers) <= l.items[i].layer {
			l.layers = append(l.layers, nil)
		}
		l.layers[l.items[i].layer] = append(l.layers[l.items[i].layer], i)
	}
	l.arrange()
	l.place()
	return l
}

// rank gives each box a layer below all boxes that point to it, after arrows that close a circle have been turned round.
func (l *layout) rank(boxes int, arrows [][2]int) []int {
	out := make([][]int, boxes)
	for i, a := range arrows {
		out[a[0]] = append(out[a[0]], i)
	}
	const open, done = 1, 2
	state := make([]int, boxes)
	var order []int
	var visit func(v int)
	visit = func(v int) {
		state[v] = open
		for _, i := range out[v] {
			switch w := arrows[i][1]; state[w] {
			case open:
				l.back[i] = true
			case 0:
				visit(w)
			}
		}
		state[v] = done
		order = append(order, v)
	}
	for v := range boxes {
		if state[v] == 0 {
			visit(v)
		}
	}
	slices.Reverse(order)
	rank := make([]int, boxes)
	for _, v := range order {
		for _, i := range out[v] {
			if w := arrows[i][1]; !l.back[i] {
				rank[w] = max(rank[w], rank[v]+1)
			}
		}
	}
	return rank
}

// route puts the items of an arrow into the layers that it passes, its label into the middle one.
func (l *layout) route(i int, a [2]int, rank []int, label size) {
	from, to := a[0], a[1]
	if l.back[i] {
		from, to = to, from
	}
	first, last := 2*rank[from], 2*rank[to]
	middle := first + 1 + (last-first-2)/4*2 // a layer between two layers of boxes
	route := []int{from}
	for layer := first + 1; layer < last; layer++ {
		it := item{left: 2, right: 2, layer: layer}
		if layer == middle {
			it.right, it.height = label.width, label.height // the line passes it on the left
			l.label[i] = len(l.items)
		}
		route = append(route, len(l.items))
		l.items = append(l.items, it)
	}
	route = append(route, to)
	for k := 1; k < len(route); k++ {
		l.items[route[k-1]].down = append(l.items[route[k-1]].down, route[k])
		l.items[route[k]].up = append(l.items[route[k]].up, route[k-1])
	}
	l.routes = append(l.routes, route)
}

// arrange orders the items of each layer by the middle of their neighbours, again and again, and keeps the order with fewest crossings.
func (l *layout) arrange() {
	l.number()
	best, least := l.copyLayers(), l.crossings()
	for s := range sweeps {
		for k := range l.layers {
			layer := l.layers[k]
			if s%2 == 1 {
				layer = l.layers[len(l.layers)-1-k]
			}
			weight := map[int]float64{}
			for _, i := range layer {
				near := l.items[i].up
				if s%2 == 1 {
					near = l.items[i].down
				}
				weight[i] = float64(l.items[i].order)
				if len(near) > 0 {
					sum := 0
					for _, n := range near {
						sum += l.items[n].order
					}
					weight[i] = float64(sum) / float64(len(near))
				}
			}
			slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })
			for at, i := range layer {
				l.items[i].order = at
			}
		}
		if n := l.crossings(); n < least {
			best, least = l.copyLayers(), n
		}
	}
	l.layers = best
	l.number()
}

func (l *layout) number() {
	for _, layer := range l.layers {
		for at, i := range layer {
			l.items[i].order = at
		}
	}
}

func (l *layout) copyLayers() [][]int {
	out := make([][]int, len(l.layers))
	for i, layer := range l.layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

// crossings counts the pairs of lines between neighbouring layers that cross.
func (l *layout) crossings() int {
	n := 0
	for _, layer := range l.layers {
		var lines [][2]int
		for _, i := range layer {
			for _, d := range l.items[i].down {
				lines = append(lines, [2]int{l.items[i].order, l.items[d].order})
			}
		}
		for i, a := range lines {
			for _, b := range lines[i+1:] {
				if (a[0]-b[0])*(a[1]-b[1]) < 0 {
					n++
				}
			}
		}
	}
	return n
}

// place gives the items their coordinates: each wants to stand in the middle of its neighbours, as far as the others of its layer
// leave room.
func (l *layout) place() {
	y := margin
	for _, layer := range l.layers {
		high, x := 0.0, 0.0
		for _, i := range layer {
			it := &l.items[i]
			it.x, it.y = x+it.left, y
			x += it.left + it.right + gapX
			high = max(high, it.height)
		}
		for _, i := range layer {
			l.items[i].y += (high - l.items[i].height) / 2
			l.items[i].top, l.items[i].bottom = y, y+high
		}
		y += high + gapY
	}
	for s := range sweeps {
		for k := range l.layers {
			layer := l.layers[k]
			if s%2 == 1 {
				layer = l.layers[len(l.layers)-1-k]
			}
			l.settle(layer, s%2 == 1)
		}
	}
	left := 0.0
	for i := range l.items {
		left = min(left, l.items[i].x-l.items[i].left)
	}
	for i := range l.items {
		l.items[i].x += margin - left
	}
}

// settle moves the items of a layer towards the middle of their neighbours, and apart where they would touch: once from the left
// and once from the right, and what is between the two.
func (l *layout) settle(layer []int, fromBelow bool) {
	wish := make([]float64, len(layer))
	for at, i := range layer {
		near := l.items[i].up
		if fromBelow {
			near = l.items[i].down
		}
		wish[at] = l.items[i].x
		if len(near) > 0 {
			sum := 0.0
			for _, n := range near {
				sum += l.items[n].x
			}
			wish[at] = sum / float64(len(near))
		}
	}
	left, right := slices.Clone(wish), slices.Clone(wish)
	apart := func(a, b int) float64 { return l.items[layer[a]].right + l.items[layer[b]].left + gapX }
	for at := 1; at < len(layer); at++ {
		left[at] = max(left[at], left[at-1]+apart(at-1, at))
	}
	for at := len(layer) - 2; at >= 0; at-- {
		right[at] = min(right[at], right[at+1]-apart(at, at+1))
	}
	for at, i := range layer {
		l.items[i].x = (left[at] + right[at]) / 2
	}
}

// extent returns how large the picture is.
func (l *layout) extent() (width, height float64) {
	for _, it := range l.items {
		width, height = max(width, it.x+it.right), max(height, it.y+it.height)
	}
	return width + margin, height + margin
}
