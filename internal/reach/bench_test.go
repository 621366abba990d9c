package reach_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/value"
)

func encode(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // of a test's own maps
	}
	return out
}

// many makes a cluster: pods in namespaces of fifty, most with labels of their own, and policies that select services by label,
// let neighbours in by selectors and by named port, and the outside by address block.
func many(t testing.TB, pods, policies int) []*plinth.Resource {
	var out []*plinth.Resource
	spaces := pods/50 + 1
	for i := range spaces {
		out = append(out, resource(t, "core/Namespace", "", fmt.Sprintf("n%d", i), object{"labels": object{"team": fmt.Sprint(i % 7)}}))
	}
	for i := range pods {
		port := object{"name": "web", "containerPort": float64(8000 + i%3)}
		l := object{"app": fmt.Sprint(i % 400), "one": fmt.Sprint(i)}
		out = append(out, resource(t, "core/Pod", fmt.Sprintf("n%d", i%spaces), fmt.Sprintf("p%d", i), object{"labels": l, "spec": object{"containers": []any{object{"ports": []any{port}}}}}))
	}
	for i := range policies {
		spec := object{
			"podSelector": object{"matchLabels": object{"app": fmt.Sprint(i % 400)}}, "policyTypes": []any{"Ingress", "Egress"},
			"ingress": []any{object{
				"from": []any{
					object{"podSelector": object{"matchLabels": object{"one": fmt.Sprint(i * 3)}}, "namespaceSelector": object{}},
					object{"namespaceSelector": object{"matchLabels": object{"team": fmt.Sprint(i % 5)}}},
				},
				"ports": []any{object{"port": "web"}, object{"port": float64(9000 + i%20)}},
			}},
			"egress": []any{object{"to": []any{object{"namespaceSelector": object{}}}}, object{"to": []any{object{"ipBlock": object{"cidr": fmt.Sprintf("10.%d.0.0/16", i%200)}}}}},
		}
		if i%2 == 0 {
			spec["podSelector"] = object{}
		}
		out = append(out, resource(t, "networking.k8s.io/NetworkPolicy", fmt.Sprintf("n%d", i%spaces), fmt.Sprintf("np%d", i), object{"spec": spec}))
	}
	return out
}

// BenchmarkAllPairs asks for every ordered pair of pods.
func BenchmarkAllPairs(b *testing.B) {
	for _, n := range []int{625, 1250, 2500, 5000} {
		b.Run(fmt.Sprintf("%dpods-%dpolicies", n, n/5), func(b *testing.B) {
			resources := many(b, n, n/5)
			for b.Loop() {
				w := reach.New(resources)
				open := 0
				for i := range w.Workloads {
					for j := range w.Workloads {
						if i != j && !w.Allowed(i, j).Empty() {
							open++
						}
					}
				}
				if open == 0 {
					b.Fatal("no pair may talk")
				}
				b.ReportMetric(float64(open), "open-pairs")
			}
		})
	}
}

// FuzzNew gives any list of objects to the evaluation.
func FuzzNew(f *testing.F) {
	f.Add(`[{"kind":"core/Pod","metadata":{"name":"a","labels":{"a":"b"}}},{"kind":"networking.k8s.io/NetworkPolicy","spec":{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}}],"ports":[{"port":"web","endPort":9}]}]}}]`)
	f.Add(`[{"kind":"core/Pod"},{"kind":"policy.networking.k8s.io/AdminNetworkPolicy","spec":{"subject":{"namespaces":{}},"egress":[{"action":"Pass","to":[{"networks":["::/0",1]}],"ports":[{"portRange":{"start":-1,"end":1e99}}]}]}}]`)
	f.Add(`[{"kind":"core/Pod","spec":{"containers":[{"ports":[{"name":"x","containerPort":-5}]}]}},{"kind":"security.istio.io/PeerAuthentication","spec":{"portLevelMtls":{"0":{"mode":"STRICT"}}}},{"kind":"security.istio.io/AuthorizationPolicy","spec":{"rules":[null,{"from":[{}],"when":[{"key":"source.ip"}]}]}},{"kind":"networking.istio.io/DestinationRule","spec":{"host":"*","trafficPolicy":{"tls":{"mode":"DISABLE"}}}},{"kind":"core/Service","spec":{"selector":{"a":null}}}]`)
	f.Add(`[{"kind":"core/Pod","metadata":{"labels":{"a":"b"}}},{"kind":"core/Service","metadata":{"name":"s"},"spec":{"type":"NodePort","selector":{"a":"b"},"ports":[{"port":1e300},{"port":80,"targetPort":"x"}]}},{"kind":"networking.k8s.io/Ingress","spec":{"backend":{"serviceName":"s","servicePort":80},"rules":[{"http":{"paths":[{"backend":{"service":{"port":{"name":"x"}}}}]}}]}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := value.ParseJSON(text)
		if err != nil {
			return
		}
		var resources []*plinth.Resource
		for _, v := range list.List() {
			kind, _ := v.Get("kind")
			name, _ := v.At("metadata", "name")
			resources = append(resources, &plinth.Resource{Type: kind.Str(), Name: name.Str(), Props: v, Decl: &plinth.Declaration{}})
		}
		w := reach.New(resources)
		w.Exposures(resources)
		w.Backings(resources)
		w.Guards()
		w.Plaintext()
		for c := range w.Connections(true) {
			if c.Allow.Empty() || c.From == c.To {
				t.Errorf("%s → %s: %s", c.From, c.To, c.Allow)
			}
		}
	})
}
