package policy

import (
	"testing"

	"github.com/plinthsec/plinth"
)

// BenchmarkRule runs typical conditions on known data: at most 1 µs each, without allocation.
func BenchmarkRule(b *testing.B) {
	props := decode(b, `{"VersioningConfiguration":{"Status":"Enabled"},"AccessControl":"Private","Tags":[{"Key":"a"}],
		"Rules":[{"IpProtocol":"tcp","FromPort":80,"ToPort":443,"CidrIp":"0.0.0.0/0"},{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"CidrIp":"10.0.0.0/8"}]}`)
	for _, src := range []string{
		`p.?VersioningConfiguration.?Status.orValue('') != 'Enabled'`,
		`has(p.AccessControl) && p.AccessControl in ['PublicRead', 'PublicReadWrite']`,
		`!p.?Missing.?Deep.orValue(false)`,
		`p.?Rules.orValue([]).exists(r, opens(r, 22) && world(r))`,
		`list(p.?Tags).exists(t, t.Key == 'b')`,
	} {
		b.Run(src, func(b *testing.B) {
			prog, err := Compile(src, NewEnv("p"))
			if err != nil {
				b.Fatal(err)
			}
			sc := &Scope{Vars: []plinth.Value{props}}
			b.ReportAllocs()
			for b.Loop() {
				if r := prog.Eval(sc); r.Err != nil {
					b.Fatal(r.Err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	env := NewEnv("p")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(`p.?Rules.orValue([]).exists(r, opens(r, 22) && world(r)) && has(p.A.B) && p.?C.orValue('') != 'x'`, env); err != nil {
			b.Fatal(err)
		}
	}
}
