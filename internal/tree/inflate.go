package tree

import (
	"encoding/binary"
	"hash/adler32"
	"math/bits"
)

// Sizes of DEFLATE: https://www.rfc-editor.org/rfc/rfc1951.
const (
	maxCode   = 15 // bits of a code
	rootBits  = 9  // bits of a code that the first look tells at most; few codes are longer
	literals  = 288
	distances = 32
	endOfPart = 256 // the symbol behind the last one of a block
)

// An entry of a table: bits 0–3 say how many bits the code has, 4–7 how many bits follow that add to the value, 8–10 the kind, 16–31 the value.
// A code that nothing has is 0.
const (
	isLiteral = (iota + 1) << 8
	isLength
	isEnd
	isLonger // the value is where the table of longer codes begins; the bits that follow choose in it
	kinds    = 7 << 8
)

var (
	// lengthOrder is in which order the lengths of the codes for lengths come.
	lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	// literalEntries and distanceEntries are what symbols mean, without the bits of their codes.
	literalEntries, distanceEntries = symbols()
)

func symbols() (lit [literals]uint32, dist [distances]uint32) {
	for i := range endOfPart {
		lit[i] = uint32(i)<<16 | isLiteral
	}
	lit[endOfPart] = isEnd
	from := uint32(3)
	for i := range uint32(28) {
		extra := uint32(0)
		if i >= 8 {
			extra = i/4 - 1
		}
		lit[endOfPart+1+i] = from<<16 | isLength | extra<<4
		from += 1 << extra
	}
	lit[285] = 258<<16 | isLength
	from = 1
	for i := range uint32(30) {
		extra := uint32(0)
		if i >= 4 {
			extra = i/2 - 1
		}
		dist[i] = from<<16 | isLength | extra<<4
		from += 1 << extra
	}
	return lit, dist
}

// inflater uncompresses data whose size is known from memory to memory. The objects of a repository are small, so that most of the
// work elsewhere is tables that are made ready for more: this is three times as fast on them as compress/zlib. It is for one goroutine.
type inflater struct {
	lit, dist, lengths  codes
	fixedLit, fixedDist codes  // of blocks without codes of their own; empty: not made yet
	room                []byte // for what is uncompressed
}

// codes are what the bits that come next mean.
type codes struct {
	root  uint // bits that the first look takes
	table []uint32
}

// zlib uncompresses data of the form of RFC 1950 and tells whether it has exactly the size of dst and the right checksum. What is
// behind it in src does not count.
func (z *inflater) zlib(dst, src []byte) bool {
	if len(src) < 2 || src[0]&15 != 8 || src[0]>>4 > 7 || src[1]&0x20 != 0 || (uint(src[0])<<8|uint(src[1]))%31 != 0 {
		return false
	}
	n, used, ok := z.inflate(dst, src[2:])
	if !ok || n != len(dst) || len(src) < 2+used+4 {
		return false
	}
	return binary.BigEndian.Uint32(src[2+used:]) == adler32.Checksum(dst)
}

// bitReader reads bits from the lowest to the highest. Behind the end come zeros, which at tells.
type bitReader struct {
	src  []byte
	at   int // the next byte; beyond the end it counts zeros
	bits uint64
	n    uint // bits that are there
}

func (r *bitReader) fill() {
	if r.at+8 <= len(r.src) {
		r.bits |= binary.LittleEndian.Uint64(r.src[r.at:]) << r.n
		r.at += int((63 - r.n) >> 3)
		r.n |= 56
		return
	}
	for r.n <= 56 {
		if r.at < len(r.src) {
			r.bits |= uint64(r.src[r.at]) << r.n
		}
		r.at++
		r.n += 8
	}
}

func (r *bitReader) take(n uint) uint32 {
	v := uint32(r.bits & (1<<n - 1))
	r.bits >>= n
	r.n -= n
	return v
}

// end is how many bytes are used up; more than there are where it was read beyond them.
func (r *bitReader) end() int { return r.at - int(r.n>>3) }

// inflate uncompresses data of the form of RFC 1951 into dst and tells how many bytes that gave, how many it took, and whether it came to its end.
func (z *inflater) inflate(dst, src []byte) (at, used int, ok bool) {
	r := bitReader{src: src}
	for last := false; !last; {
		r.fill()
		last = r.take(1) == 1
		switch r.take(2) {
		case 0:
			r.take(r.n & 7)
			r.fill()
			n, not := int(r.take(16)), int(r.take(16))
			from := r.end()
			if n^not != 0xffff || from > len(src) || n > len(src)-from {
				return at, 0, false
			}
			k := copy(dst[at:], src[from:from+n])
			if at += k; k < n {
				return at, 0, false
			}
			r = bitReader{src: src, at: from + n}
			continue
		case 1:
			z.fixed()
			at, ok = block(dst, at, &r, z.fixedLit, z.fixedDist)
		case 2:
			if ok = z.tables(&r); ok {
				at, ok = block(dst, at, &r, z.lit, z.dist)
			}
		default:
			return at, 0, false
		}
		if !ok || r.end() > len(src) {
			return at, 0, false
		}
	}
	return at, r.end(), true
}

// fixed makes the tables of blocks without codes of their own.
func (z *inflater) fixed() {
	if z.fixedLit.table != nil {
		return
	}
	var lengths [literals]uint8
	for i := range lengths {
		switch {
		case i < 144 || i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	z.fixedLit.make(lengths[:], literalEntries[:], false)
	for i := range distances {
		lengths[i] = 5
	}
	z.fixedDist.make(lengths[:distances], distanceEntries[:], false)
}

// tables reads the codes of a block.
func (z *inflater) tables(r *bitReader) bool {
	r.fill()
	nLit, nDist, nCodes := int(r.take(5))+257, int(r.take(5))+1, int(r.take(4))+4
	if nLit > 286 || nDist > 30 {
		return false
	}
	var order [19]uint8
	for i := range nCodes {
		if i == 13 {
			r.fill()
		}
		order[lengthOrder[i]] = uint8(r.take(3))
	}
	var numbers [19]uint32
	for i := range numbers {
		numbers[i] = uint32(i)<<16 | isLiteral
	}
	if !z.lengths.make(order[:], numbers[:], false) {
		return false
	}
	var lengths [literals + distances]uint8
	for i := 0; i < nLit+nDist; {
		r.fill()
		e := z.lengths.table[r.bits&(1<<z.lengths.root-1)]
		if e == 0 || r.end() > len(r.src) {
			return false
		}
		r.take(uint(e & 15))
		n, value := 1, uint8(0)
		switch symbol := uint8(e >> 16); {
		case symbol < 16:
			value = symbol
		case symbol == 16:
			if i == 0 {
				return false
			}
			n, value = 3+int(r.take(2)), lengths[i-1]
		case symbol == 17:
			n = 3 + int(r.take(3))
		default:
			n = 11 + int(r.take(7))
		}
		if n > nLit+nDist-i {
			return false
		}
		for range n {
			lengths[i] = value
			i++
		}
	}
	if lengths[endOfPart] == 0 {
		return false
	}
	return z.lit.make(lengths[:nLit], literalEntries[:], true) && z.dist.make(lengths[nLit:nLit+nDist], distanceEntries[:], true)
}

// make makes the table of codes of the given lengths. Codes that leave some out are none, but for a single one of one bit, and no codes at all,
// where that is said to do.
func (c *codes) make(lengths []uint8, entries []uint32, few bool) bool {
	var count [maxCode + 1]uint16
	for _, n := range lengths {
		count[n&maxCode]++
	}
	var next [maxCode + 2]uint32
	left, most := 1, uint(0)
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - int(count[n])
		if left < 0 {
			return false
		}
		if count[n] > 0 {
			most = uint(n)
		}
		next[n+1] = (next[n] + uint32(count[n])) << 1
	}
	if left > 0 && (!few || most > 1) {
		return false
	}
	c.root = min(max(most, 1), rootBits)
	t := append(c.table[:0], empty[:1<<c.root]...)
	for s, n := range lengths {
		if n == 0 {
			continue
		}
		n &= maxCode
		code := uint32(bits.Reverse16(uint16(next[n])) >> (16 - n))
		next[n]++
		e := entries[s] | uint32(n)
		if entries[s] == 0 {
			e = 0 // a symbol that means nothing
		}
		if uint(n) <= c.root {
			for i := code; i < 1<<c.root; i += 1 << n {
				t[i] = e
			}
			continue
		}
		root := code & (1<<rootBits - 1)
		if t[root] == 0 {
			t[root] = uint32(len(t))<<16 | isLonger | uint32(most-rootBits)<<4 | rootBits
			t = append(t, empty[:1<<(most-rootBits)]...)
		}
		longer := t[t[root]>>16:][:1<<(most-rootBits)]
		for i := code >> rootBits; i < uint32(len(longer)); i += 1 << (n - rootBits) {
			longer[i] = e&^15 | uint32(n-rootBits)
		}
	}
	c.table = t
	return true
}

var empty [1 << rootBits]uint32

// block uncompresses a block to its end, into dst from at on, and returns where it ends.
func block(dst []byte, at int, in *bitReader, lit, dist codes) (int, bool) {
	src, p, bits, n := in.src, in.at, in.bits, in.n
	litMask, distMask := uint64(1)<<lit.root-1, uint64(1)<<dist.root-1
	for {
		if p+8 <= len(src) { // 56 bits: a length, a distance and what they add have 48
			bits |= binary.LittleEndian.Uint64(src[p:]) << (n & 63)
			p += int((63 - n) >> 3)
			n |= 56
		} else {
			for ; n <= 56; n += 8 {
				if p < len(src) {
					bits |= uint64(src[p]) << (n & 63)
				}
				p++
			}
		}
		e := lit.table[bits&litMask]
		for k := 0; e&kinds == isLiteral && k < 3; k++ { // three codes of literals have 45 bits
			if at >= len(dst) {
				return at, false
			}
			dst[at] = byte(e >> 16)
			at++
			bits >>= e & 15
			n -= uint(e & 15)
			e = lit.table[bits&litMask]
		}
		if n < 48 {
			continue
		}
		if e&kinds == isLonger {
			bits >>= e & 15
			n -= uint(e & 15)
			e = lit.table[e>>16+uint32(bits)&(1<<(e>>4&15)-1)]
		}
		bits >>= e & 15
		n -= uint(e & 15)
		if e&kinds != isLength {
			switch {
			case e&kinds == isEnd:
				*in = bitReader{src: src, at: p, bits: bits, n: n}
				return at, true
			case e == 0 || at >= len(dst):
				return at, false
			}
			dst[at] = byte(e >> 16)
			at++
			continue
		}
		extra := uint64(e >> 4 & 15)
		count := int(e>>16) + int(bits&(1<<extra-1))
		bits >>= extra
		n -= uint(extra)
		e = dist.table[bits&distMask]
		if e&kinds == isLonger {
			bits >>= e & 15
			n -= uint(e & 15)
			e = dist.table[e>>16+uint32(bits)&(1<<(e>>4&15)-1)]
		}
		if e == 0 {
			return at, false
		}
		bits >>= e & 15
		extra = uint64(e >> 4 & 15)
		back := int(e>>16) + int(bits&(1<<extra-1))
		bits >>= extra
		n -= uint(e&15) + uint(extra)
		if back > at || count > len(dst)-at || p > len(src)+8 {
			return at, false
		}
		from := at - back
		for end := at + count; at < end; { // what is copied may be what this copies
			at += copy(dst[at:end], dst[from:at])
		}
	}
}
