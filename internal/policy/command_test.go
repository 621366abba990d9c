package policy

import "testing"

func TestCommand(t *testing.T) {
	const server = `{"command":["/usr/bin/kube-apiserver","--anonymous-auth=false","--profiling"],"args":["--audit-log-path","/var/log/a","--v=2","--v=3"]}`
	for _, c := range []struct{ src, props, want string }{
		{`runs(p, 'kube-apiserver')`, server, "true"},
		{`runs(p, 'apiserver')`, server, "false"},
		{`flags(p) == {'anonymous-auth': 'false', 'profiling': 'true', 'audit-log-path': '/var/log/a', 'v': '3'}`, server, "true"},
		{`flags(p)[?'anonymous-auth'].orValue('true') == 'false'`, server, "true"},
		{`flags(p) == {}`, `{}`, "true"},
		{`runs(p, 'kubelet')`, `{}`, "false"},
		{`runs(p, 'etcd')`, `{"command":["sh","-c","exec etcd --data-dir /var/lib/etcd"]}`, "true"},
		{`runs(p, 'etcd')`, `{"command":["keep"],"args":["--data-dir","/var/lib/etcd"]}`, "false"},
		{`runs(p, 'etcd')`, `{"command":["sh","-c","etcd"]}`, "true"},
		{`runs(p, 'etcd')`, `{"command":["etcd",{"$unknown":["var.a"]}]}`, "true"},
		{`runs(p, 'etcd')`, `{"args":[{"$unknown":["var.a"]}]}`, "unknown: var.a"},
		{`flags(p)[?'a'].orValue('') == '1'`, `{"args":[{"$unknown":["var.a"]},"--a=1"]}`, "true"},
		{`flags(p)[?'b'].orValue('') == '1'`, `{"args":[{"$unknown":["var.a"]},"--a=1"]}`, "unknown: var.a"},
		{`flags(p)[?'b'].orValue('') == '1'`, `{"args":{"$unknown":["var.args"]}}`, "unknown: var.args"},
		{`flags(p)[?'b'].orValue('') == '1'`, `{"args":["--b",{"$unknown":["var.b"]}]}`, "unknown: var.b"},
		{`runs(p, 1)`, `{}`, "error: 1:5: runs: the program is a text"},
		{`flags(p).size() == 0`, `{"command":"etcd","args":[[],{},"-","--","--=x",7]}`, "true"},
	} {
		if got := ask(t, c.src, c.props); got != c.want {
			t.Errorf("%s on %s\n got %s\nwant %s", c.src, c.props, got, c.want)
		}
	}
}
