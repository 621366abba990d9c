package trial

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/rule"
)

const file = `id: test-host-network
title: Pod shares the network of its node
why: w
fix: f
severity: high
on: workload
fail: pod.?hostNetwork.orValue(false)
examples:
  bad:
    - kubernetes: |
        {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true}}
    - kubernetes: |
        {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostPID: true}}
    - kubernetes: |
        {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {hostNetwork: true}}
  good:
    - kubernetes: |
        {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}
    - kubernetes: |
        {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true}}
    - kubernetes: "{apiVersion: v1, kind: Pod, metadata: ["
`

func TestRule(t *testing.T) {
	set, err := rule.Load(fstest.MapFS{"rule.yaml": {Data: []byte(file)}})
	if err != nil {
		t.Fatal(err)
	}
	runner := &Runner{Readers: []plinth.Reader{kubernetes.New()}}
	var got []string
	for _, r := range set.All(func(p plinth.Problem) { t.Fatal(rule.Faults{p}) }) {
		problems, err := runner.Rule(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			text, _, _ := strings.Cut(rule.Faults{p}.Error(), ": yaml")
			got = append(got, text)
		}
	}
	want := []string{
		"rule.yaml:12:7: bad kubernetes example does not fail",
		"rule.yaml:14:7: bad kubernetes example does not fail",
		"rule.yaml:14:7: bad kubernetes example has no resource that the rule judges",
		"rule.yaml:19:7: good kubernetes example fails at manifest.yaml:1 (Pod/default/a)",
	}
	if diff := cmp.Diff(want, got[:len(got)-1]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if last := got[len(got)-1]; !strings.HasPrefix(last, "rule.yaml:21:7: good kubernetes example: manifest.yaml:") {
		t.Errorf("the broken example gives %s", last)
	}
}
