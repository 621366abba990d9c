package iam

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/plinthsec/plinth/internal/value"
)

// operator is what a condition compares with, its negation apart:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.
type operator uint8

const (
	noOperator operator = iota
	stringEquals
	stringEqualsFold
	stringLike
	numericEquals
	numericLess
	numericLessEquals
	numericGreater
	numericGreaterEquals
	dateEquals
	dateLess
	dateLessEquals
	dateGreater
	dateGreaterEquals
	boolean
	binary
	ipAddress
	arnLike
	null
)

// operatorOf reads the name of an operator without prefix and suffix, in lower case.
func operatorOf(name string) (op operator, negated bool) {
	switch name {
	case "stringequals":
		return stringEquals, false
	case "stringnotequals":
		return stringEquals, true
	case "stringequalsignorecase":
		return stringEqualsFold, false
	case "stringnotequalsignorecase":
		return stringEqualsFold, true
	case "stringlike":
		return stringLike, false
	case "stringnotlike":
		return stringLike, true
	case "arnequals", "arnlike":
		return arnLike, false
	case "arnnotequals", "arnnotlike":
		return arnLike, true
	case "bool":
		return boolean, false
	case "binaryequals":
		return binary, false
	case "ipaddress":
		return ipAddress, false
	case "notipaddress":
		return ipAddress, true
	case "null":
		return null, false
	}
	kind, base := strings.CutPrefix(name, "numeric")
	first := numericEquals
	if !base {
		if kind, base = strings.CutPrefix(name, "date"); !base {
			return noOperator, false
		}
		first = dateEquals
	}
	for i, comparison := range [...]string{"equals", "lessthan", "lessthanequals", "greaterthan", "greaterthanequals"} {
		if kind == comparison {
			return first + operator(i), false
		}
	}
	if kind == "notequals" {
		return first, true
	}
	return noOperator, false
}

// quantifier says how a key with several values is looked at.
type quantifier uint8

const (
	single quantifier = iota
	allValues
	anyValue
)

// condition is one operator with one key.
type condition struct {
	op       operator
	negated  bool
	ifExists bool
	set      quantifier
	key      string // in lower case
	values   []wanted
	leaf     *Leaf // what is left of it where the key is unknown
	hole     *Leaf // what is left of it where a value is not known from the code
}

// wanted is one value of a condition, read for its operator. A value that cannot be read matches nothing.
type wanted struct {
	text
	bad    bool
	number float64
	at     time.Time
	prefix netip.Prefix
	bytes  []byte
}

// newCondition reads an operator's name and takes the values. It is false where there is no such operator.
func newCondition(name, key string, values []text, variables bool) (*condition, bool) {
	c := &condition{key: strings.ToLower(key)}
	rest := strings.ToLower(name)
	if r, ok := strings.CutPrefix(rest, "forallvalues:"); ok {
		rest, c.set = r, allValues
	} else if r, ok := strings.CutPrefix(rest, "foranyvalue:"); ok {
		rest, c.set = r, anyValue
	}
	rest, c.ifExists = strings.CutSuffix(rest, "ifexists")
	c.op, c.negated = operatorOf(rest)
	if c.op == noOperator {
		return nil, false
	}
	shown := make([]string, len(values))
	var why []string
	for i, v := range values {
		shown[i] = v.shown
		if !variables { // a leaf reads as in a policy that knows variables
			shown[i] = strings.ReplaceAll(v.shown, "${", "${$}{")
		}
		if v.open != nil {
			why = append(why, v.open.Because...)
			c.values = append(c.values, wanted{text: v})
			continue
		}
		c.values = append(c.values, c.op.read(v.shown, variables))
	}
	c.leaf = newLeaf(name, key, shown)
	c.hole = c.leaf
	if len(why) > 0 {
		c.hole = Because(why...)
	}
	return c, true
}

func (op operator) read(s string, variables bool) wanted {
	var w wanted
	var err error
	switch {
	case op == stringLike || op == arnLike:
		w.text = textOf(s, variables, true)
	case op == stringEquals || op == stringEqualsFold:
		w.text = textOf(s, variables, false)
	case op >= numericEquals && op <= numericGreaterEquals:
		w.number, err = strconv.ParseFloat(s, 64)
		w.bad = err != nil
	case op >= dateEquals && op <= dateGreaterEquals:
		var ok bool
		w.at, ok = date(s)
		w.bad = !ok
	case op == ipAddress:
		w.prefix, w.bad = network(s)
	case op == binary:
		w.bytes = decoded(s)
	case op == boolean || op == null:
		w.glob = strings.ToLower(s)
	}
	return w
}

// holds tells whether the condition is met. Where it is Undecided, the leaf says what is left of it.
func (c *condition) holds(in *Context) (value.Truth, *Leaf) {
	values, known := in.lookup(c.key)
	switch {
	case known == undecided:
		return value.Undecided, c.leaf
	case c.op == null:
		return c.isNull(known == absent)
	case known == absent:
		switch {
		case c.ifExists || c.set == allValues:
			return value.True, nil
		case c.set == anyValue:
			return value.False, nil
		}
		return value.TruthOf(c.negated), nil
	}
	answer := value.False
	if c.set == allValues || c.set == single && c.negated {
		answer = value.True // of all values, until one says otherwise
	}
	for _, v := range values {
		truth := c.one(v, in)
		if c.negated {
			truth = not(truth)
		}
		if c.set == allValues || c.set == single && c.negated {
			answer = and(answer, truth)
		} else {
			answer = or(answer, truth)
		}
	}
	if answer == value.Undecided {
		return answer, c.hole
	}
	return answer, nil
}

func (c *condition) isNull(is bool) (value.Truth, *Leaf) {
	answer := value.False
	for i := range c.values {
		if c.values[i].open != nil {
			answer = or(answer, value.Undecided)
		} else if c.values[i].glob == strconv.FormatBool(is) {
			return value.True, nil
		}
	}
	if answer == value.Undecided {
		return answer, c.hole
	}
	return answer, nil
}

// one tells whether a value of the request matches one of the wanted ones.
func (c *condition) one(v string, in *Context) value.Truth {
	answer := value.False
	for i := range c.values {
		w := &c.values[i]
		switch {
		case w.open != nil:
			answer = or(answer, value.Undecided)
		case w.bad:
		default:
			answer = or(answer, c.op.compare(v, w, in))
		}
		if answer == value.True {
			break
		}
	}
	return answer
}

func (op operator) compare(v string, w *wanted, in *Context) value.Truth {
	switch op {
	case stringEquals, stringLike:
		return w.match(v, in, glob)
	case stringEqualsFold:
		return w.match(v, in, foldGlob)
	case arnLike:
		return w.match(v, in, arnGlob)
	case boolean:
		return value.TruthOf(strings.EqualFold(v, w.glob))
	case binary:
		return value.TruthOf(bytes.Equal(decoded(v), w.bytes))
	case ipAddress:
		p, bad := network(v)
		return value.TruthOf(!bad && p.Addr().BitLen() == w.prefix.Addr().BitLen() && p.Bits() >= w.prefix.Bits() && w.prefix.Contains(p.Addr()))
	}
	if op >= dateEquals {
		at, ok := date(v)
		return value.TruthOf(ok && (op - dateEquals).ordered(at.Compare(w.at)))
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || n != n || w.number != w.number {
		return value.False
	}
	order := 0
	if n < w.number {
		order = -1
	} else if n > w.number {
		order = 1
	}
	return value.TruthOf((op - numericEquals).ordered(order))
}

// ordered tells whether an order satisfies the comparison: 0 equals, 1 less, 2 less or equal, 3 greater, 4 greater or equal.
func (op operator) ordered(order int) bool {
	switch op {
	case 0:
		return order == 0
	case 1:
		return order < 0
	case 2:
		return order <= 0
	case 3:
		return order > 0
	}
	return order >= 0
}

func and(a, b value.Truth) value.Truth {
	switch {
	case a == value.False || b == value.False:
		return value.False
	case a == value.Undecided || b == value.Undecided:
		return value.Undecided
	}
	return value.True
}

func or(a, b value.Truth) value.Truth { return not(and(not(a), not(b))) }

func not(a value.Truth) value.Truth {
	switch a {
	case value.True:
		return value.False
	case value.False:
		return value.True
	}
	return value.Undecided
}

// date reads a W3C date and time, or seconds since 1970.
func date(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && (len(s) != 4 || n < 1000) {
		return time.Unix(n, 0), true
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// network reads an address or a network.
func network(s string) (p netip.Prefix, bad bool) {
	s = strings.TrimSpace(s)
	if strings.IndexByte(s, '/') < 0 {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return p, true
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), false
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, true
	}
	return p.Masked(), false
}

func decoded(s string) []byte {
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		return b
	}
	return []byte(s)
}
