package rules_test

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/form"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/trial"
	"github.com/plinthsec/plinth/rules"
)

func load(t *testing.T) []*rule.Rule {
	t.Helper()
	set, err := rule.Load(rules.FS)
	if err != nil {
		t.Fatal(err)
	}
	return set.All(func(p plinth.Problem) { t.Error(rule.Faults{p}) })
}

// TestFiles holds every rule file against the format, and every property in it against what the readers can give.
func TestFiles(t *testing.T) {
	set, err := rule.Load(rules.FS)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := form.Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Check(facts.Check) {
		t.Error(rule.Faults{p})
	}
}

// TestExamples runs every example: bad ones fail their rule, good ones do not, none is unknown.
func TestExamples(t *testing.T) {
	runner := &trial.Runner{Readers: all.Readers()}
	for _, r := range load(t) {
		t.Run(r.ID, func(t *testing.T) {
			problems, err := runner.Rule(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				t.Error(rule.Faults{p})
			}
		})
	}
}

// TestSound makes every part of every example unknown, one at a time: a verdict may become unknown and never flips.
func TestSound(t *testing.T) {
	runner := &trial.Runner{Readers: all.Readers()}
	count := 0
	for _, r := range load(t) {
		examples, _ := r.Examples()
		for _, ex := range examples {
			faults, n, err := sound(t.Context(), runner, r, ex)
			if err != nil {
				t.Fatal(err)
			}
			count += n
			for _, f := range faults {
				t.Errorf("%s:%d: %s", ex.At.Path, ex.At.Line, f)
			}
		}
	}
	t.Logf("%d parts made unknown", count)
}

// BenchmarkLoad is what a scan of a small repository pays: finding all rules, reading and compiling those of a few types.
func BenchmarkLoad(b *testing.B) {
	used := 0
	for b.Loop() {
		set, err := rule.Load(rules.FS)
		if err != nil {
			b.Fatal(err)
		}
		used = 0
		for _, typ := range []string{
			"AWS::S3::Bucket", "AWS::EC2::SecurityGroup", "AWS::EC2::Instance", "AWS::IAM::Role", "AWS::RDS::DBInstance",
			"AWS::EC2::VPC", "AWS::Lambda::Function", "AWS::KMS::Key", "apps/Deployment", "core/Service", "dockerfile/Stage",
		} {
			used += len(set.ByType(typ, func(p plinth.Problem) { b.Fatal(rule.Faults{p}) }))
		}
	}
	b.ReportMetric(float64(used), "rules")
}

// BenchmarkAll reads and compiles every rule.
func BenchmarkAll(b *testing.B) {
	for b.Loop() {
		set, err := rule.Load(rules.FS)
		if err != nil {
			b.Fatal(err)
		}
		set.All(func(p plinth.Problem) { b.Fatal(rule.Faults{p}) })
	}
}
