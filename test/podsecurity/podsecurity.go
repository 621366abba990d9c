// Package podsecurity holds the rules for the Pod Security Standards against the standards' own implementation,
// k8s.io/pod-security-admission: its test pods and its checks. It is a module of its own, so that the Kubernetes libraries stay
// out of the product.
package podsecurity
