package secret

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
	"math"
	"regexp"
	"slices"
	"strings"
)

// check is what a text must be beside its form to be a secret, the cheapest conditions first.
type check struct {
	digits, lower, upper int     // least number of such characters
	distinct             int     // least number of different characters
	entropy              float64 // least Shannon entropy, bits per character
	plain                bool    // placeholders are not looked for: the text is a block, or has such a form by itself
	value                bool    // nothing but a name speaks for it: references, words and placeholders are no secrets
	mixed                bool    // digits and letters change as if drawn by lot
	words                []string
	not                  *regexp.Regexp
	structure            func([]byte) bool
	checksum             func([]byte) bool
}

// quality is how much of a secret a text looks like.
type quality uint8

const (
	no     quality = iota
	hollow         // it has the form, and the looks of a placeholder or of something public
	real
)

// judge tells whether a text may be a secret.
func (c *check) judge(s []byte) quality {
	digits, lower, upper, distinct := 0, 0, 0, 0
	var count [256]uint16
	for _, b := range s {
		switch {
		case b >= '0' && b <= '9':
			digits++
		case b >= 'a' && b <= 'z':
			lower++
		case b >= 'A' && b <= 'Z':
			upper++
		}
		if count[b] == 0 {
			distinct++
		}
		if count[b] < math.MaxUint16 {
			count[b]++
		}
	}
	if digits < c.digits || lower < c.lower || upper < c.upper || distinct < c.distinct {
		return no
	}
	if c.entropy > 0 && entropy(&count, len(s)) < c.entropy {
		return no
	}
	if len(c.words) > 0 {
		low := bytes.ToLower(s)
		for _, w := range c.words {
			if bytes.Contains(low, []byte(w)) {
				return no
			}
		}
	}
	if c.not != nil && c.not.Match(s) || !c.plain && template(s) {
		return no
	}
	empty := !c.plain && (masked(&count, len(s)) || running(s)) || usual[string(s[:min(len(s), longestUsual)])]
	if c.value && (empty || reference(s) || wordy(s) || identifies(s)) || (c.value || c.mixed) && !random(s) {
		return no
	}
	switch {
	case c.structure != nil && !c.structure(s):
		return no
	case c.structure != nil && standsInCoded(s), bytes.Contains(s, documented):
		return hollow
	case empty || bytes.HasPrefix(s, certificate) || bytes.HasPrefix(s, publicKey) || !c.plain && standsIn(s) || bytes.HasPrefix(s, pemHead) && !filled(s):
		return hollow
	}
	return real
}

// documented is in keys of documentation, and by chance in no other.
var documented = []byte("EXAMPLE")

// certificate and publicKey begin what they say in PEM in base64: beside keys it is kept like them, and shown to everybody.
var (
	certificate = []byte("LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR")
	publicKey   = []byte("LS0tLS1CRUdJTiBQVUJMSUMgS0VZ")
	pemHead     = []byte("-----BEGIN")
)

const (
	leastKinds = 16 // different characters of the base64 of a key
	longRun    = 10 // equal letters or digits in a row that nobody draws by lot
)

// filled tells whether a block in PEM holds what a key may be, and not a text that stands in for one.
func filled(s []byte) bool {
	_, body, _ := bytes.Cut(s[len(pemHead):], []byte("-----"))
	body, _, _ = bytes.Cut(body, []byte("-----END"))
	kinds := 0
	var seen [256]bool
	for _, b := range body {
		if b == '<' {
			return false
		}
		if base64Byte[b] && !seen[b] {
			seen[b] = true
			kinds++
		}
	}
	return kinds >= leastKinds
}

// fillers are words of texts that stand in for a password or a key, where nothing but words is in them.
var fillers = []string{"password", "passwd", "pwd", "secret", "token", "key", "insert", "enter", "your", "change", "replace", "created", "redacted", "example", "sample", "credential"}

// standsIn tells whether a text stands in for a secret: INSERT-PASSWORD-HERE, my-password, UberSecretPassword, CREATED_API_KEY, ChangeMe1, or a
// long row of one character. A single word without such an ending may be a bad password.
func standsIn(s []byte) bool {
	low := bytes.ToLower(s)
	if bytes.HasSuffix(low, []byte("...")) {
		return true
	}
	if bytes.HasPrefix(low, []byte("changeme")) || bytes.HasPrefix(low, []byte("change_me")) || bytes.HasPrefix(low, []byte("change-me")) {
		return true
	}
	if cut := bytes.TrimRight(s, "0123456789"); len(s)-len(cut) <= mostDigits+2 && (bytes.HasSuffix(cut, []byte("-")) || bytes.HasSuffix(cut, []byte("_"))) {
		s = cut[:len(cut)-1] // test-token-123
		low = low[:len(s)]
	}
	joints, run := 0, 1
	words, upper := true, true
	for i, b := range s {
		switch {
		case b == '-' || b == '_' || b == ' ':
			joints++
		case !letter(b):
			words = false
		case isLower(b):
			upper = false
		}
		if i > 0 && b == s[i-1] && (letter(b) || b >= '0' && b <= '9') {
			if run++; run >= longRun {
				return true
			}
		} else {
			run = 1
		}
	}
	switch {
	case !words:
		return false
	case joints > 0 && upper:
		return true
	case joints > 0:
		return slices.ContainsFunc(fillers, func(w string) bool { return bytes.Contains(low, []byte(w)) })
	}
	return len(s) > len("password") && bytes.HasSuffix(low, []byte("password"))
}

// standsInCoded tells whether what base64 holds stands in for a secret: words, a block in PEM without a key.
func standsInCoded(s []byte) bool {
	text, ok := unbase64(s)
	if !ok {
		return false
	}
	text = bytes.TrimSpace(text)
	return usual[string(text[:min(len(text), longestUsual)])] || standsIn(text) || bytes.HasPrefix(text, pemHead) && !filled(text)
}

// usual are values that stand for any other.
var usual = map[string]bool{
	"password": true, "Password": true, "PASSWORD": true, "passwd": true, "pass": true, "pwd": true, "secret": true, "SECRET": true, "token": true, "TOKEN": true, "xxx": true, "example": true,
	"changeme": true, "changeit": true, "user": true, "username": true, "admin": true, "root": true, "test": true, "guest": true, "foo": true, "bar": true, "mypassword": true, "mypass": true, "REDACTED": true, "redacted": true, "REPLACED": true,
	// The beginnings of published keys: of the documentation of AWS, and of the emulator of Azure's storage.
	"wJalrXUtnF": true, "Eby8vdM02x": true,
}

const longestUsual = 10 // bytes of the longest of them, and of the beginnings

// entropy is Shannon's, in bits per character.
func entropy(count *[256]uint16, n int) float64 {
	h := 0.0
	for _, c := range count {
		if c > 0 {
			p := float64(c) / float64(n)
			h -= p * math.Log2(p)
		}
	}
	return h
}

const shortest = 6 // characters of a text that can look masked or run on

// masked tells whether one character is half of the text: xxxxxxxx, ****, 00000000.
func masked(count *[256]uint16, n int) bool {
	if n < shortest {
		return false
	}
	for b, c := range count {
		if int(c)*2 >= n && b != ' ' {
			return true
		}
	}
	return false
}

// running tells whether most of the text counts up or down: 1234567890, abcdefgh.
func running(s []byte) bool {
	if len(s) < shortest {
		return false
	}
	in, run := 0, 1
	for i := 1; i <= len(s); i++ {
		if i < len(s) && (s[i] == s[i-1]+1 || s[i] == s[i-1]-1 || s[i] == '0' && s[i-1] == '9' || s[i-1] == 'f' && s[i] == '0') {
			run++
			continue
		}
		if run >= 4 {
			in += run
		}
		run = 1
	}
	return in*10 >= len(s)*7
}

// templates are the beginnings of what something else fills in.
var templates = []string{"${", "{{", "$(", "<%", "#{", "%(", "%{", "%env(", "$env:", "$$", "!ref", "!sub", "!getatt", "privatesettingsref:"}

// template tells whether the text stands for another one: ${X}, {{ x }}, <your-key>, %X%, $VAR.
func template(s []byte) bool {
	if len(s) < 2 {
		return false
	}
	for _, t := range templates {
		if len(s) >= len(t) && bytes.EqualFold(s[:len(t)], []byte(t)) {
			return true
		}
	}
	if bytes.HasPrefix(s, []byte("__")) && bytes.HasSuffix(s, []byte("__")) && len(s) > 4 {
		return true // as tasks of Azure Pipelines replace them
	}
	first, last := s[0], s[len(s)-1]
	if first == '<' && last == '>' || first == '%' && last == '%' || first == '[' && last == ']' || first == '{' && last == '}' {
		return true
	}
	return first == '$' && identifier(s[1:])
}

func identifier(s []byte) bool {
	for i, b := range s {
		if !(b == '_' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || i > 0 && b >= '0' && b <= '9') {
			return false
		}
	}
	return len(s) > 0
}

// referring are beginnings and parts of values that name a place where the secret is kept.
var referring = []string{
	"process.env", "os.environ", "os.getenv", "getenv", "env.", "secrets.", "vault:", "ssm:", "arn:", "secretsmanager", "keyvault", "var.", "local.", "data.",
	"module.", "self.", "this.", "config.", "settings.", "options.", "params.", "args.", "request.", "ctx.", "file:", "http://", "https://", "ref+", "op://",
	"projects/", "kms:", "sops:", "enc[", "{cipher}", "system.", "context.", "props.", "state.", "app.", "credentials.", "github.", "steps.", "needs.",
}

// reference tells whether a value names a secret instead of being it.
func reference(s []byte) bool {
	low := strings.ToLower(string(s))
	for _, r := range referring {
		if strings.HasPrefix(low, r) {
			return true
		}
	}
	if strings.HasPrefix(low, "/") || strings.HasPrefix(low, "./") || strings.HasPrefix(low, "../") || strings.HasPrefix(low, "~/") {
		return true
	}
	return strings.ContainsAny(low, "()") || attribute(string(s))
}

const longestAttribute = 80 // bytes of the name of an attribute

// attribute tells whether a value is the name of a thing in code, k8s_core_v1_config_map.che.data, or of a kind of things,
// example.org/purpose.
func attribute(s string) bool {
	if len(s) > longestAttribute {
		return false
	}
	if host, kind, ok := strings.Cut(s, "/"); ok && strings.Contains(host, ".") && s == strings.ToLower(s) && !strings.ContainsAny(kind, "0123456789/+=") && !strings.ContainsAny(host, "+=_") {
		return true
	}
	parts := strings.Split(s, ".")
	snake := false
	for _, p := range parts {
		if !identifier([]byte(p)) || p != strings.ToLower(p) {
			return false
		}
		snake = snake || strings.Count(p, "_") > 1
	}
	return snake && len(parts) > 1
}

// stops are parts of values that are no secrets, where nothing but a name speaks for one.
var stops = []string{
	"example", "sample", "changeme", "change_me", "change-me", "placeholder", "your", "insert", "replace", "dummy", "redacted", "undefined", "todo",
	"fixme", "xxxx", "****", "....", "----", "null", "none", "true", "false", "password", "secret", "foobar", "lorem", "notreal", "not-real", "fake", "default",
}

// wordy tells whether a value reads like a name: words joined by - . _, or one of the usual placeholders.
func wordy(s []byte) bool {
	low := bytes.ToLower(s)
	for _, w := range stops {
		if bytes.Contains(low, []byte(w)) {
			return true
		}
	}
	return false
}

// checksums are what some kinds of secrets carry inside.
var checksums = map[string]func([]byte) bool{"crc32-base62": crcBase62}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// crcBase62 holds the last 6 of 36 characters behind the last _ against the CRC-32 of the first 30, in base 62
// (https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/).
func crcBase62(s []byte) bool {
	body := s[bytes.LastIndexByte(s, '_')+1:]
	if len(body) != 36 {
		return false
	}
	sum := crc32.ChecksumIEEE(body[:30])
	var want [6]byte
	for i := 5; i >= 0; i-- {
		want[i] = base62[sum%62]
		sum /= 62
	}
	return bytes.Equal(body[30:], want[:])
}

// structures are what some kinds of secrets are when they are read.
var structures = map[string]func([]byte) bool{"jwt": isJWT, "jwt-base64": holdsJWT, "basic": isBasic, "kubernetes": isSecretData, "pem-base64": holdsKey, "kubernetes-token": isAccountToken}

// isJWT tells whether the first part is an object with an algorithm (RFC 7519, RFC 7515). It need not be right in all: damaged
// samples stand for real ones.
func isJWT(s []byte) bool {
	head, _, ok := bytes.Cut(s, []byte("."))
	if !ok {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(string(head), "="))
	if err != nil || len(text) == 0 || text[0] != '{' {
		return false
	}
	return bytes.Contains(text, []byte(`"alg"`)) || bytes.Contains(text, []byte(`"typ"`)) || bytes.Contains(text, []byte(`"enc"`))
}

// unbase64 reads base64 of either alphabet, with or without padding.
func unbase64(s []byte) ([]byte, bool) {
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	text, err := enc.DecodeString(strings.TrimRight(string(s), "="))
	return text, err == nil
}

const shortestBytes = 24 // of a value of a Secret that is no text: a key

// isSecretData tells whether base64 holds what a Secret of Kubernetes keeps secret: text, or bytes enough for a key.
func isSecretData(s []byte) bool {
	text, ok := unbase64(s)
	if !ok {
		return false
	}
	return len(text) >= shortestBytes || printable(bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, text))
}

// isAccountToken tells whether a token is that of a ServiceAccount.
func isAccountToken(s []byte) bool { return isJWT(s) && ofKubernetes(nil, &match{value: s}) != nil }

func holdsJWT(s []byte) bool {
	text, ok := unbase64(s)
	return ok && isJWT(text)
}

// holdsKey tells whether base64 holds a private key in PEM. The text may be cut off.
func holdsKey(s []byte) bool {
	text, _ := unbase64(s[:len(s)-len(s)%4])
	return bytes.Contains(text, []byte("PRIVATE KEY"))
}

// isBasic tells whether base64 holds a name and a password (RFC 7617).
func isBasic(s []byte) bool {
	text, ok := unbase64(s)
	if !ok {
		return false
	}
	_, password, ok := bytes.Cut(text, []byte(":"))
	return ok && len(password) > 0 && printable(text)
}

func printable(s []byte) bool {
	for _, b := range s {
		if b < ' ' || b == 0x7f {
			return false
		}
	}
	return true
}
