package secret

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/rules"
)

func plainJSON(v plinth.Value) string {
	var b bytes.Buffer
	value.WriteJSON(&b, v)
	return b.String()
}

// TestPlain holds the reader of plain files against the YAML reader, on all our rules.
func TestPlain(t *testing.T) {
	err := fs.WalkDir(rules.Secrets(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(rules.Secrets(), p)
		if err != nil {
			return err
		}
		h := headingOf(string(data))
		v, ok := document.Plain(string(data[:h.cut]))
		if !ok {
			t.Errorf("%s is not plain", p)
		}
		if d := cmp.Diff(plainJSON(parse(p, string(data[:h.cut])).props), plainJSON(v)); d != "" {
			t.Errorf("%s: %s", p, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLooks: what is no secret by its looks, and what looks so and is one.
func TestLooks(t *testing.T) {
	const key = "q8Vd2mZ0kR3t" + "Yx7Wb1nLc5Pj9Hs3"
	for _, tc := range []struct{ path, text, want string }{
		{"a.tf", `password = "INSERT-PASSWORD-HERE"`, "info"},
		{"a.tf", `password = "UberSecretPassword"`, "info"},
		{"a.tf", `password = "kX93mbQzvT71"`, "high"},
		{"a.tf", `password = "shopkeeper"`, "high"}, // a bad one
		{"a.py", `password: "ChangeMe123!"`, "info"},
		{"a.sh", `curl -H "x-api-key: CREATED_API_KEY" https://a.example.net`, "info"},
		{"a.md", "the Key ID: 7c31abcd-12ab-34cd-56ef-0934567890ab is that of the key", ""},
		{"a.md", "API with a Token Authorizer (uksb-1tthgi812)", ""},
		{"a.json", `"sauce": [{"checksum": "7375414c-d864-7182-6bc1-9cac0c15ff5c"}]`, ""},
		{"a.json", `"sauce_key": "7375414c-d864-7182-6bc1-9cac0c15ff5c"`, "medium"},
		{"a.go", "token: TokenIssuer1WithNestedClaims1,", ""},
		{"a.json", `"result_key": "PublicIpv4Pools"`, ""},
		{"a.json", `"api_key": "` + key + `"`, "high"},
		{".secrets.baseline", `"hashed_secret": "04c26d380b74172621010ebf7d050430bcc02e3d"`, ""},
		{"a.tfvars", `certificate_secret_version = "b672b38ce10245b8bd3ba75924c80d3d"`, ""},
		{"a.json", `"PrivateKey": "-----BEGIN DSA ` + `PRIVATE KEY-----<a very long private key string that stands in>-----END DSA PRIVATE KEY-----"`, "info"},
		{"s.yaml", "kind: Secret\nmetadata:\n  name: monitoringhome\n  labels:\n    app: bW9uaXRvcmluZ2hvbWU=\ndata:\n  username: bW9uaXRvcmluZw==\n  # of the shop\n  a: dHE4LUtldHRsZTs5MQ==\n", "high"},
		{"s.yaml", "kind: Secret\nmetadata:\n  name: monitoringhome\n  labels:\n    app: bW9uaXRvcmluZ2hvbWU=\ndata:\n  username: bW9uaXRvcmluZw==\n", ""},
		{"s.yaml", "kind: Secret\ndata:\n  key: dG9rZW4gb2YgdGhlIHNob3AK\n", "info"},
		{"s.yaml", "kind: Secret\ndata:\n  tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==\n", "info"},
		{"lib/node_modules/x/a.tf", `password = "kX93mbQzvT71"`, "info"},
		{"layer.zip!python/site-packages/x/a.tf", `password = "kX93mbQzvT71"`, "info"},
		{"a.tf", `keys = ["004c3094-aa2e-47f3-87aa-f82a155ada54"]`, ""},
		{"a.py", `'Key': 'Orders/SHP12345/EU/2020-04-15/final/SHP12345_EUX123_L9/all.tsv'`, ""},
		{"a.json", `"InstrumentationKey": "151aec02-6333-4fb6-b4fb-82aa7beaab42"`, ""},
		{"a.json", `"clientToken": "7375414c-d864-7182-6bc1-9cac0c15ff5c"`, ""},
		{"a.json", `"client_secret": "7375414c-d864-7182-6bc1-9cac0c15ff5c"`, "high"},
		{"a.py", `h = {"Authorization": "Bearer shop-token-123"}`, "info"},
		{"s.yaml", "kind: Secret\ndata:\n  key.pub: LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUlJQ0lqQU5CZ2txaGtpRzl3MEJBUUVG\n", "info"},
	} {
		got := ""
		for _, f := range look(t, tc.path, tc.text+"\n") {
			got = f.Rule.Severity.String()
		}
		if got != tc.want {
			t.Errorf("%s %s: %q, want %q", tc.path, tc.text, got, tc.want)
		}
	}
}
