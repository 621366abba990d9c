package bind_test

import (
	"encoding/base64"
	"strings"
)

// credentials puts together what hosts of repositories refuse whole: keys and tokens that nobody issued.
var credentials = strings.NewReplacer(
	"AWS_ID", "AKIA"+"GAANXXQ2QBNJCPDX", "OTHER_ID", "AKIA"+"4KHMFIGUSBNJCPDX",
	"FIRST_SECRET", "wQ7/kd2vXw9Zt4Rb1Hn8"+"Lc5Pm3Js6Fg0TyUo+i5E", "SECOND_SECRET", "hT4/ms8bLq2Xc7Vn5Kd1"+"Rj9Wf3Pz6Yg0GaEo+u2B",
	"AZURE_SECRET", "k7R8Q~"+"wZt4Rb1Hn8Lc5Pm3Js6Fg0TyUo.dK2vX", "KUBE_TOKEN", token("shop:deployer"), "GITHUB_TOKEN", "ghp_"+"q7Kd2vXw9Zt4Rb1Hn8Lc5Pm3Js6Fg01Ty2Uo",
	"GOOGLE_KEY", keyFile("ci-runner@shop-prod-4711.iam.gserviceaccount.com"), "STRANGER_KEY", keyFile("build@elsewhere-99.iam.gserviceaccount.com"),
)

// token is a token of a ServiceAccount of Kubernetes that nobody signed.
func token(account string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"RS256","kid":"q7Kd2vXw9Zt4"}`) + "." + part(`{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:`+account+`"}`) + "." + strings.Repeat("Zt4Rb1Hn8Lc5Pm3J", 3)
}

// keyFile is the key file of a service account of Google.
func keyFile(email string) string {
	return `{
  "type": "service_account",
  "private_key_id": "4f1c2d7e9a0b3c5d6e7f8091a2b3c4d5e6f70819",
  "private_key": "-----BEGIN ` + `PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7Vz1kd2vXw9Zt4Rb1Hn8Lc5Pm3Js6\n-----END PRIVATE KEY-----\n",
  "client_email": "` + email + `",
  "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs"
}`
}
