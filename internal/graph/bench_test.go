package graph

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/plinthsec/plinth"
)

// estate returns n nodes and 6n edges, in the order in which a Map keeps them: most join near nodes, as things of one system do, some go anywhere, and a few nodes have many.
func estate(n int) (from, to []uint32) {
	rnd := rand.New(rand.NewPCG(uint64(n), 7))
	from, to = make([]uint32, 6*n), make([]uint32, 6*n)
	for i := range from {
		from[i] = uint32(i / 6)
		switch rnd.IntN(10) {
		case 0:
			to[i] = uint32(rnd.IntN(n))
		case 1:
			to[i] = uint32(rnd.IntN(1 + n/1000))
		default:
			to[i] = uint32((int(from[i]) + 1 + rnd.IntN(50)) % n)
		}
	}
	return from, to
}

var sizes = []int{12_500, 25_000, 50_000, 100_000, 1_000_000}

// BenchmarkCore is one round of questions on a large graph: build it, what the internet reaches, the blast radius of 1,000 assets,
// the choke points before one of them, and the cheapest cut.
func BenchmarkCore(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			from, to := estate(n)
			assets := make([]uint32, 1000)
			for i := range assets {
				assets[i] = uint32((i + 1) * (n / 1001))
			}
			b.ReportAllocs()
			for b.Loop() {
				c := NewCSR(n, from, to, nil)
				exposed := c.Forward(assets[:1], nil)
				blast := c.Blast(assets, nil)
				d := c.Dominators(assets[:1], nil, nil)
				if exposed.Len() == 0 || blast.Reach[0] == 0 || !d.Reached(assets[0]) {
					b.Fatal("nothing reached")
				}
			}
		})
	}
}

// BenchmarkPrincipals asks for the ways of all principals of an estate to its administrator.
func BenchmarkPrincipals(b *testing.B) {
	for _, n := range []int{1000, 2000, 4000, 8000} {
		b.Run(fmt.Sprintf("principals=%d", n), func(b *testing.B) {
			m, q := principals(n)
			b.ReportAllocs()
			for b.Loop() {
				if a := m.Answer(q); a.Joined == 0 {
					b.Fatal("no path")
				}
			}
		})
	}
}

func principals(n int) (*Map, Question) {
	rnd := rand.New(rand.NewPCG(uint64(n), 9))
	b := NewBuilder(func(plinth.Problem) {})
	id := func(i int) plinth.ID { return plinth.ID("p" + strconv.Itoa(i)) }
	for i := range n {
		b.Node(plinth.Node{ID: id(i), Type: "AWS::IAM::Role", Name: string(id(i))})
		for k := range rnd.IntN(4) {
			r := relate(id(i), id(rnd.IntN(n)), plinth.Assume, int32(4*i+k))
			if rnd.IntN(20) == 0 {
				r.To = "aws:1:admin"
				r.Kind = plinth.Escalate
			}
			b.Relation(r)
		}
	}
	m := b.Build()
	var q Question
	for i, node := range m.Nodes() {
		if node.Type != "" {
			q.From = append(q.From, uint32(i))
		} else {
			q.To = append(q.To, uint32(i))
		}
	}
	return m, q
}

// BenchmarkBuild merges and sorts what an estate of n principals tells.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{50_000, 100_000, 200_000, 400_000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(uint64(n), 10))
			id := func(i int) plinth.ID {
				return plinth.ID("tf:live/production#module.roles.aws_iam_role.role" + strconv.Itoa(i))
			}
			builder := NewBuilder(func(plinth.Problem) {})
			for _, i := range rnd.Perm(n) {
				arn := plinth.ID("arn:aws:iam::111122223333:role/role" + strconv.Itoa(i))
				builder.Node(plinth.Node{ID: id(i), Type: "AWS::IAM::Role", Name: "role" + strconv.Itoa(i), Aliases: []plinth.ID{arn}})
				for k := range 6 {
					builder.Relation(relate(arn, id(rnd.IntN(n)), plinth.Assume, int32(4*i+k)))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if m := builder.Build(); len(m.Nodes()) != n || len(m.Find(string(id(7)))) != 1 {
					b.Fatal("not built")
				}
			}
		})
	}
}
