package secret

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	beside   = 600 // bytes on each side of a secret in which its owner is looked for
	subjects = "system:serviceaccount:"
)

// owners read whom a secret belongs to out of it, or out of what stands beside it. They return nil where it is of nobody they know.
var owners = map[string]func(text []byte, m *match) *plinth.Owner{
	"aws": ofAWS, "google": ofGoogle, "azure": ofAzure, "kubernetes": ofKubernetes,
	"github": func([]byte, *match) *plinth.Owner { return &plinth.Owner{Provider: "github"} },
}

var (
	emailForm  = regexp.MustCompile(`"client_email"\s*:\s*"([0-9A-Za-z._-]{1,64}@[0-9a-z.-]{1,128}\.gserviceaccount\.com)"`)
	clientForm = regexp.MustCompile(`(?i)(?:client|app|application|servicePrincipal)[_-]?id["']?\s*[:=,]?\s*(?:value)?["']?\s*[:=]?\s*["']?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b`)
)

// ofAWS reads the account out of the key id that the match is, or that stands next to it.
func ofAWS(text []byte, m *match) *plinth.Owner {
	id := m.value
	if !isKeyID(id, 0) || len(id) != keyLength {
		id = keyBeside(text, m.at)
	}
	return &plinth.Owner{Provider: "aws", Name: awsAccount(id)}
}

const keyLength = 20 // characters of the id of an access key

// isKeyID tells whether the id of an access key stands at byte p: AKIA, ASIA or A3T and a character, then base 32.
func isKeyID(text []byte, p int) bool {
	if p+keyLength > len(text) || text[p] != 'A' {
		return false
	}
	if head := string(text[p+1 : p+4]); head != "KIA" && head != "SIA" && head[:2] != "3T" {
		return false
	}
	for _, b := range text[p+4 : p+keyLength] {
		if !(b >= 'A' && b <= 'Z' || b >= '2' && b <= '7') {
			return false
		}
	}
	return (p == 0 || !wordByte[text[p-1]]) && (p+keyLength == len(text) || !wordByte[text[p+keyLength]])
}

// keyBeside returns the id of an access key nearest to a place; nil where there is none.
func keyBeside(text []byte, at span) []byte {
	var best []byte
	least := 2*beside + 1
	for p, to := max(0, at.start-beside), min(len(text), at.end+beside); p < to; p++ {
		i := bytes.IndexByte(text[p:to], 'A')
		if i < 0 {
			break
		}
		if p += i; isKeyID(text, p) {
			if far := max(at.start-(p+keyLength), p-at.end, 0); far < least {
				least, best = far, text[p:p+keyLength]
			}
		}
	}
	return best
}

const maxAccount = 999_999_999_999 // numbers of accounts have twelve digits

// awsAccount reads the number of the account out of an access key id: base 32 of what follows the four letters, bits 7 to 46
// of the first six bytes. Ids from before 2019, which begin with I or J there, hold none.
func awsAccount(id []byte) string {
	if len(id) < 14 {
		return ""
	}
	raw, err := base32.StdEncoding.DecodeString(string(id[4 : 4+(len(id)-4)/8*8]))
	if err != nil || len(raw) < 6 {
		return ""
	}
	var eight [8]byte
	copy(eight[2:], raw[:6])
	number := binary.BigEndian.Uint64(eight[:]) & 0x7fffffffff80 >> 7
	if id[4] == 'I' || id[4] == 'J' || number > maxAccount {
		return ""
	}
	return fmt.Sprintf("%012d", number)
}

// ofGoogle reads the service account out of a key file.
func ofGoogle(_ []byte, m *match) *plinth.Owner {
	o := &plinth.Owner{Provider: "google"}
	if found := emailForm.FindSubmatch(m.value); found != nil {
		o.Name = string(found[1])
	}
	return o
}

// ofAzure reads the client id that stands next to a client secret.
func ofAzure(text []byte, m *match) *plinth.Owner {
	return &plinth.Owner{Provider: "azure", Name: strings.ToLower(string(nearest(clientForm, text, m.at)))}
}

// ofKubernetes reads the subject of a token of a ServiceAccount, which may itself be in base64.
func ofKubernetes(_ []byte, m *match) *plinth.Owner {
	token := m.value
	if !bytes.Contains(token, []byte(".")) {
		token, _ = unbase64(token)
	}
	parts := bytes.Split(token, []byte("."))
	if len(parts) < 2 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(string(parts[1]), "="))
	var claims struct{ Sub string }
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	if account, ok := strings.CutPrefix(claims.Sub, subjects); ok {
		return &plinth.Owner{Provider: "kubernetes", Name: strings.Replace(account, ":", "/", 1)}
	}
	return nil
}

// nearest returns what an expression, or its first group, matches nearest to a place; nil where there is nothing.
func nearest(form *regexp.Regexp, text []byte, at span) []byte {
	from, to := max(0, at.start-beside), min(len(text), at.end+beside)
	if from >= to {
		return nil
	}
	var best []byte
	least := 2*beside + 1
	for _, m := range form.FindAllSubmatchIndex(text[from:to], -1) {
		if far := max(at.start-(from+m[1]), from+m[0]-at.end, 0); far < least {
			least, best = far, text[from+m[len(m)-2]:from+m[len(m)-1]]
		}
	}
	return best
}

// whose tells people whom a credential belongs to, "" where only the provider is known.
func whose(o *plinth.Owner) string {
	if o == nil || o.Name == "" {
		return ""
	}
	switch o.Provider {
	case "aws":
		return "of account " + o.Name
	case "google":
		return "of service account " + o.Name
	case "azure":
		return "of client " + o.Name
	}
	return "of ServiceAccount " + o.Name
}
