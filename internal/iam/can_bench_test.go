package iam

import (
	"fmt"
	"testing"
)

// BenchmarkCan asks what a principal with twenty policies can do; an operation is one action.
func BenchmarkCan(b *testing.B) {
	c := NewCompiler(testServices(b))
	texts := []string{deny("s3:*", "arn:aws:s3:::secret/*", "")}
	for i := range 19 {
		texts = append(texts, allow("s3:Get*", fmt.Sprintf("arn:aws:s3:::b%d/*", i), ""), allow("iam:PassRole", fmt.Sprintf("arn:aws:iam::1:role/r%d-*", i), `"Condition":{"StringEquals":{"iam:PassedToService":"x"}}`))
	}
	p := &Policies{Identity: compile(b, c, texts...)}
	who, _ := ParsePrincipal(nils)
	actions := []Action{c.Services().Action("s3:GetObject"), c.Services().Action("iam:PassRole"), c.Services().Action("ec2:RunInstances"), c.Services().Action("sts:AssumeRole")}
	in := Open(who.Keys())
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		Can(who, actions[i%len(actions)], p, in)
	}
}
