//go:build unix

package iam

import (
	"syscall"
	"testing"
	"time"
)

// used is the processor time of this process so far.
func used(t testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkDecide asks all strict cases of a suite again and again; an operation is one evaluation.
func BenchmarkDecide(b *testing.B) {
	compiler := NewCompiler(testServices(b))
	var requests []*Request
	var policies []*Policies
	for _, c := range corpora(b, "iam-eval-own") {
		if c.Mode != "symbolic" {
			q, p := c.build(b, compiler)
			requests, policies = append(requests, q), append(policies, p)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := used(b)
	for i := range b.N {
		n := i % len(requests)
		Decide(requests[n], policies[n])
	}
	b.ReportMetric(float64(b.N)/(used(b)-before).Seconds(), "evaluations/CPU-s")
}
