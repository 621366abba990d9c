package policy

import "testing"

func TestPods(t *testing.T) {
	for _, c := range []struct{ src, props, want string }{
		{`template(p).metadata.labels.a == '1'`, `{"kind":"Pod","metadata":{"labels":{"a":"1"}},"spec":{"containers":[]}}`, "true"},
		{`template(p).metadata.labels.a == '1'`, `{"metadata":{"labels":{"a":"0"}},"spec":{"template":{"metadata":{"labels":{"a":"1"}},"spec":{"containers":[]}}}}`, "true"},
		{`template(p).spec.containers.size() == 0`, `{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[]}}}}}}`, "true"},
		{`template(p) == {'metadata': {}, 'spec': {}}`, `{"spec":{"type":"NodePort"}}`, "true"},
		{`template(p).?spec.?x.orValue('') == ''`, `{"spec":{"template":{"$unknown":["var.t"]}}}`, "unknown: var.t"},
		{`template(p).?metadata.?labels.orValue({}) == {}`, `{"template":{"spec":{"containers":[]}}}`, "true"},
		{`selects(p.S, p.L)`, `{"S":{},"L":{}}`, "true"},
		{`selects(p.?S.orValue({}), p.?L.orValue({}))`, `{}`, "true"},
		{`selects(p.S, p.L)`, `{"S":{"app":"web"},"L":{"app":"web","x":"y"}}`, "true"},
		{`selects(p.S, p.L)`, `{"S":{"matchLabels":{"app":"web"}},"L":{"app":"db"}}`, "false"},
		{`selects(p.S, p.L)`, `{"S":{"matchLabels":{"app":"web"}},"L":{"app":{"$unknown":["var.app"]}}}`, "unknown: var.app"},
		{`selects(p.S, p.L)`, `{"S":{"matchLabels":{"app":"web","b":"c"}},"L":{"app":{"$unknown":["var.app"]}}}`, "false"},
		{`selects(p.S, p.L)`, `{"S":{"matchExpressions":[{"key":"a","operator":"In","values":["1","2"]}]},"L":{"a":"2"}}`, "true"},
		{`selects(p.S, p.L)`, `{"S":{"matchExpressions":[{"key":"a","operator":"NotIn","values":["1","2"]}]},"L":{}}`, "true"},
		{`selects(p.S, p.L)`, `{"S":{"matchExpressions":[{"key":"a","operator":"Exists"}]},"L":{}}`, "false"},
		{`selects(p.S, p.L)`, `{"S":{"matchExpressions":[{"key":"a","operator":"DoesNotExist"}],"matchLabels":{"b":"1"}},"L":{"b":"1"}}`, "true"},
		{`selects(p.S, p.L)`, `{"S":{"matchExpressions":[{"key":"a","operator":"Near"}]},"L":{"a":"1"}}`, "false"},
		{`selects(p.S, p.L)`, `{"S":{"$unknown":["var.s"]},"L":{}}`, "unknown: var.s"},
		{`selects(p.S, p.L)`, `{"S":{"app":"1"},"L":{"app":1}}`, "true"},
	} {
		if got := ask(t, c.src, c.props); got != c.want {
			t.Errorf("%s on %s\n got %s\nwant %s", c.src, c.props, got, c.want)
		}
	}
}
