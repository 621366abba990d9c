package function

import (
	"fmt"
	"math/big"
	"net/netip"

	"github.com/plinthsec/plinth"
)

func networks() []Func {
	return []Func{
		{Name: "cidrhost", least: 2, most: 2, run: cidrHost},
		{Name: "cidrnetmask", least: 1, most: 1, run: cidrNetmask},
		{Name: "cidrsubnet", least: 3, most: 3, run: cidrSubnet},
		{Name: "cidrsubnets", least: 1, most: -1, run: cidrSubnets},
		{Name: "cidrcontains", least: 2, most: 2, run: cidrContains},
	}
}

func (c *call) prefix(i int) (netip.Prefix, error) {
	s, err := c.text(i)
	if err != nil {
		return netip.Prefix{}, err
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s: %.60q is no address range", c.name, s)
	}
	return p.Masked(), nil
}

// plus returns the address that many steps behind the start of the range.
func plus(p netip.Prefix, n *big.Int) (netip.Addr, bool) {
	start := p.Addr().AsSlice()
	sum := new(big.Int).Add(new(big.Int).SetBytes(start), n)
	if sum.Sign() < 0 || sum.BitLen() > 8*len(start) {
		return netip.Addr{}, false
	}
	a, ok := netip.AddrFromSlice(sum.FillBytes(make([]byte, len(start))))
	return a, ok && p.Contains(a)
}

func cidrHost(c *call) (plinth.Value, error) {
	p, err := c.prefix(0)
	if err != nil {
		return plinth.Value{}, err
	}
	f, err := c.num(1)
	if err != nil {
		return plinth.Value{}, err
	}
	n, _ := big.NewFloat(f).Int(nil)
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits())))
	}
	a, ok := plus(p, n)
	if !ok {
		return plinth.Value{}, fmt.Errorf("cidrhost: %s has no host %v", p, f)
	}
	return plinth.StringOf(a.String()), nil
}

func cidrNetmask(c *call) (plinth.Value, error) {
	p, err := c.prefix(0)
	if err != nil {
		return plinth.Value{}, err
	}
	if !p.Addr().Is4() {
		return plinth.Value{}, fmt.Errorf("cidrnetmask: %s is no IPv4 range", p)
	}
	all, err := netip.AddrFrom4([4]byte{255, 255, 255, 255}).Prefix(p.Bits())
	return plinth.StringOf(all.Addr().String()), err
}

// subnet returns range number n of those that are bits smaller than p.
func subnet(p netip.Prefix, bits int, n *big.Int) (netip.Prefix, error) {
	to := p.Bits() + bits
	if bits < 0 || to > p.Addr().BitLen() {
		return p, fmt.Errorf("%s cannot be made %d bits longer", p, bits)
	}
	if n.Sign() < 0 || n.BitLen() > bits {
		return p, fmt.Errorf("%s has no part %s of %d bits", p, n, bits)
	}
	a, ok := plus(p, new(big.Int).Lsh(n, uint(p.Addr().BitLen()-to)))
	if !ok {
		return p, fmt.Errorf("%s has no part %s of %d bits", p, n, bits)
	}
	return netip.PrefixFrom(a, to), nil
}

func cidrSubnet(c *call) (plinth.Value, error) {
	p, err := c.prefix(0)
	if err != nil {
		return plinth.Value{}, err
	}
	bits, err := c.whole(1)
	if err != nil {
		return plinth.Value{}, err
	}
	f, err := c.num(2)
	if err != nil {
		return plinth.Value{}, err
	}
	n, _ := big.NewFloat(f).Int(nil)
	s, err := subnet(p, bits, n)
	if err != nil {
		return plinth.Value{}, fmt.Errorf("cidrsubnet: %w", err)
	}
	return plinth.StringOf(s.String()), nil
}

// cidrSubnets cuts consecutive ranges, each at the first place behind the one before that its size allows.
func cidrSubnets(c *call) (plinth.Value, error) {
	p, err := c.prefix(0)
	if err != nil {
		return plinth.Value{}, err
	}
	used := new(big.Int) // addresses of p that are taken
	out := make([]plinth.Value, 0, len(c.args)-1)
	for i := 1; i < len(c.args); i++ {
		bits, err := c.whole(i)
		if err != nil {
			return plinth.Value{}, err
		}
		if bits < 0 || p.Bits()+bits > p.Addr().BitLen() {
			return plinth.Value{}, fmt.Errorf("cidrsubnets: %s cannot be made %d bits longer", p, bits)
		}
		size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()-bits))
		n := new(big.Int).Div(new(big.Int).Add(used, new(big.Int).Sub(size, big.NewInt(1))), size)
		s, err := subnet(p, bits, n)
		if err != nil {
			return plinth.Value{}, fmt.Errorf("cidrsubnets: %w", err)
		}
		used.Mul(new(big.Int).Add(n, big.NewInt(1)), size)
		out = append(out, plinth.StringOf(s.String()))
	}
	return plinth.ListOf(out), nil
}

func cidrContains(c *call) (plinth.Value, error) {
	p, err := c.prefix(0)
	if err != nil {
		return plinth.Value{}, err
	}
	s, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return plinth.BoolOf(p.Contains(a)), nil
	}
	q, err := c.prefix(1)
	if err != nil {
		return plinth.Value{}, err
	}
	return plinth.BoolOf(q.Bits() >= p.Bits() && p.Contains(q.Addr())), nil
}
