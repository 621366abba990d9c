package secret

import (
	"bytes"
	"slices"
	"strings"
)

// maxIdentifier is how far from a keyword the rest of its name is looked for.
const maxIdentifier = 64

// credentials are the words that a name of a credential ends with, alone or at the end of a longer word: apikey, authtoken.
var credentials = []string{"key", "token", "secret", "password", "passwd", "passw", "pass", "pwd", "passphrase", "auth", "credential", "credentials", "creds", "cred", "secrets", "tokens", "keys", "apikeys"}

// compounds are what may stand before them within one word.
var compounds = []string{
	"", "api", "access", "auth", "secret", "private", "app", "application", "client", "user", "db", "database", "master", "admin", "account", "bearer", "refresh",
	"session", "encryption", "signing", "shared", "service", "deploy", "license", "root", "my", "the", "oauth", "csrf", "jwt", "bot", "web", "webhook", "hook", "smtp", "mail", "ssh", "ftp", "aws", "gcp", "azure", "github", "gitlab", "slack", "stripe", "google", "test", "prod", "dev", "old", "new", "default", "security", "storage", "subscription", "consumer",
}

// others are words before a key that make it something else.
var others = []string{
	"public", "pub", "primary", "foreign", "sort", "partition", "cache", "map", "dict", "row", "column", "index", "query", "search", "hash", "group", "object", "i18n", "translation",
	"locale", "message", "msg", "event", "routing", "unique", "lookup", "shortcut", "hot", "keyboard", "arrow", "enter", "escape", "tab", "ctrl", "alt", "redis", "json", "yaml", "xml", "field", "attribute", "property",
	"config", "setting", "metric", "label", "tag", "feature", "flag", "host", "known", "next", "page", "continuation", "pagination", "cancel", "cancellation", "syntax", "lexer", "parser", "no", "missing", "invalid", "bad", "wrong", "forgot", "reset", "issue", "project", "artifact", "component", "node", "item", "entry", "dedup", "idempotency", "request", "change", "action", "ssm", "s3", "instrumentation",
}

// weak are words behind a credential that leave it one.
var weak = []string{"value", "string", "str", "base64", "plain", "prod", "dev", "test", "live", "default"}

// namesCredential tells whether the name around a keyword is that of a credential: its last word is one of credentials, and the
// word before does not make it something else.
func namesCredential(data []byte, at span) bool {
	from, to := at.start, at.end
	for from > 0 && at.start-from < maxIdentifier && (wordByte[data[from-1]] || data[from-1] == '-' || data[from-1] == '.') {
		from--
	}
	for to < len(data) && to-at.end < maxIdentifier && (wordByte[data[to]] || data[to] == '-' && to+1 < len(data) && letter(data[to+1]) || data[to] == '.' && to+1 < len(data) && letter(data[to+1])) {
		to++
	}
	list := splitWords(data[from:to])
	last := len(list) - 1
	for last >= 0 && (isNumber(list[last]) || slices.Contains(weak, list[last])) {
		last--
	}
	if last < 0 || !credentialWord(list[last]) {
		return false
	}
	return last == 0 || !slices.Contains(others, list[last-1])
}

// abouts are last words of names of what tells about a credential.
var abouts = []string{"version", "name", "id", "arn", "url", "uri", "path", "file", "length", "size", "type", "checksum", "hash", "hashed", "digest"}

// tellsAbout tells whether the name around a keyword is of what tells about a credential: secret_version, token_id.
func tellsAbout(data []byte, at span) bool {
	to := at.end
	for to < len(data) && to-at.end < maxIdentifier && (wordByte[data[to]] || data[to] == '-' && to+1 < len(data) && letter(data[to+1])) {
		to++
	}
	list := splitWords(data[at.start:to])
	return len(list) > 1 && slices.Contains(abouts, list[len(list)-1])
}

// saysWhich tells whether a value says which request or which thing is meant: clientToken and a UUID, key and a UUID or a path.
func saysWhich(data []byte, at, value span) bool {
	v := data[value.start:value.end]
	uuid := len(v) == len("00000000-0000-0000-0000-000000000000") && v[8] == '-'
	path := bytes.Count(v, []byte("/")) > 1 && (bytes.IndexByte(v, '_') >= 0 || bytes.IndexByte(v, '-') >= 0) && bytes.IndexByte(v, '+') < 0
	if !uuid && !path {
		return false
	}
	from := at.start
	for from > 0 && at.start-from < maxIdentifier && (wordByte[data[from-1]] || data[from-1] == '-') {
		from--
	}
	list := splitWords(data[from:at.end])
	switch n := len(list); {
	case n == 1 && (list[0] == "key" || list[0] == "keys"):
		return true
	case n > 0 && list[n-1] == "clienttoken", n > 1 && list[n-1] == "token" && list[n-2] == "client":
		return uuid
	}
	return false
}

// tellsBehind tells whether the next word of a text tells about a credential: Key ID: …
func tellsBehind(data []byte, p int) bool {
	limit := min(len(data), p+maxIdentifier)
	for p < limit && wordByte[data[p]] {
		p++
	}
	from := p + 1
	if p >= limit || data[p] != ' ' {
		return false
	}
	for p = from; p < limit && letter(data[p]); p++ {
	}
	return slices.Contains(abouts, string(bytes.ToLower(data[from:p])))
}

const (
	leastLetters = 3 // of a word of an identifier
	mostDigits   = 2 // behind one
)

// identifies tells whether a value is a name in code, of two words and more that can be spoken: OutputBucketName, TokenIssuer1WithClaims.
func identifies(s []byte) bool {
	var parts []byte
	for i, c := range s {
		if i > 0 && !letter(s[i-1]) && letter(c) && !isLower(c) { // Issuer1With
			parts = append(parts, '_')
		}
		parts = append(parts, c)
	}
	list := splitWords(parts)
	for _, w := range list {
		word := strings.TrimRight(w, "0123456789")
		if len(word) < leastLetters || len(w)-len(word) > mostDigits || strings.ContainsAny(word, "0123456789") || !strings.ContainsAny(word, "aeiouy") {
			return false
		}
	}
	return len(list) > 1
}

func credentialWord(w string) bool {
	for _, c := range credentials {
		if head, ok := strings.CutSuffix(w, c); ok && (slices.Contains(compounds, head) || slices.Contains(credentials, head)) {
			return true
		}
	}
	return false
}

func isNumber(w string) bool {
	for i := range len(w) {
		if w[i] < '0' || w[i] > '9' {
			return false
		}
	}
	return true
}

// splitWords splits a name at _ - . and where a capital begins a word, in lower case.
func splitWords(name []byte) []string {
	var out []string
	var w []byte
	flush := func() {
		if len(w) > 0 {
			out = append(out, string(bytes.ToLower(w)))
			w = w[:0]
		}
	}
	for i, c := range name {
		switch {
		case !letter(c) && !(c >= '0' && c <= '9'):
			flush()
			continue
		case i > 0 && !isLower(c) && letter(c) && (isLower(name[i-1]) || i+1 < len(name) && isLower(name[i+1]) && letter(name[i-1])):
			flush()
		}
		w = append(w, c)
	}
	flush()
	return out
}

// random tells whether a value looks drawn by lot: digits and letters change often enough, and it is not made of words.
func random(s []byte) bool {
	changes, runs := 0, 0
	for i := 1; i < len(s); i++ {
		a, b := kindOf(s[i-1]), kindOf(s[i])
		if a != b && (a == 'd' && b != 's' || b == 'd' && a != 's') {
			changes++
		}
		if a != b {
			runs++
		}
	}
	switch {
	case len(s) >= 32:
		return changes >= 4
	case len(s) >= 20:
		return changes >= 3
	case len(s) >= 16:
		return changes >= 3
	}
	return changes >= 2 && runs >= 4
}

func kindOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return 'd'
	case c >= 'a' && c <= 'z':
		return 'l'
	case c >= 'A' && c <= 'Z':
		return 'u'
	}
	return 's'
}
