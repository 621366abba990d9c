package kubernetes

import "github.com/plinthsec/plinth"

// refs returns the other objects that an object names, by their addresses: its service account, configuration, secrets, volumes,
// roles, backends. They belong to the namespace of the object unless they say otherwise.
func refs(o object) []plinth.Ref {
	c := &refCollector{namespace: o.namespace}
	c.walk("", o.value)
	return c.out
}

type refCollector struct {
	namespace string
	out       []plinth.Ref
}

func (c *refCollector) add(kind, namespace, name string) {
	if name == "" {
		return
	}
	to := kind + "/" + name
	if kind != "ClusterRole" && kind != "StorageClass" && kind != "PriorityClass" && kind != "RuntimeClass" && kind != "IngressClass" {
		if namespace == "" {
			namespace = c.namespace
		}
		to = kind + "/" + namespace + "/" + name
	}
	c.out = append(c.out, plinth.Ref{To: to})
}

// walk looks at a value that stands under a key.
func (c *refCollector) walk(key string, v plinth.Value) {
	switch v.Kind() {
	case plinth.List:
		for _, e := range v.List() {
			c.walk(key, e)
		}
	case plinth.Map:
		c.object(key, v)
		for _, f := range v.Fields() {
			if f.Key != "annotations" && f.Key != "labels" && f.Key != "data" {
				c.walk(f.Key, f.Value)
			}
		}
	case plinth.String:
		switch key {
		case "serviceAccountName":
			c.add("ServiceAccount", "", v.Str())
		case "priorityClassName":
			c.add("PriorityClass", "", v.Str())
		case "runtimeClassName":
			c.add("RuntimeClass", "", v.Str())
		case "storageClassName":
			c.add("StorageClass", "", v.Str())
		case "ingressClassName":
			c.add("IngressClass", "", v.Str())
		}
	}
}

func (c *refCollector) object(key string, v plinth.Value) {
	switch key {
	case "configMap", "configMapRef", "configMapKeyRef":
		c.add("ConfigMap", "", text(v, "name"))
	case "secret":
		c.add("Secret", "", text(v, "secretName"))
		c.add("Secret", "", text(v, "name"))
	case "secretRef", "secretKeyRef", "imagePullSecrets", "secrets":
		c.add("Secret", "", text(v, "name"))
	case "tls":
		c.add("Secret", "", text(v, "secretName"))
	case "persistentVolumeClaim":
		c.add("PersistentVolumeClaim", "", text(v, "claimName"))
	case "service", "clientConfig":
		c.add("Service", text(v, "namespace"), text(v, "name"))
	case "backend":
		c.add("Service", "", text(v, "serviceName"))
	case "roleRef", "scaleTargetRef":
		c.add(text(v, "kind"), "", text(v, "name"))
	case "subjects":
		if text(v, "kind") == "ServiceAccount" {
			c.add("ServiceAccount", text(v, "namespace"), text(v, "name"))
		}
	}
}
