package suggest

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
)

const maxText = 1 << 20 // bytes of one value that are searched for names

// mention is a host that a text names.
type mention struct {
	host   string
	scheme string
	port   uint32 // 0 where none is named
	sure   bool   // it stands where only a host can: behind a scheme, before a port, or alone in a value that is called an address
}

var (
	hosts = lazy.New(`(?:([A-Za-z][A-Za-z0-9+.-]*)://(?:[^\s/@"']*@)?)?([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::([0-9]{1,5})\b)?`)
	// calledHost are the words in the name of a variable or flag whose value is a host.
	calledHost = lazy.New(`(?i)host|addr|url|uri|server|service|endpoint|upstream|broker|database|backend|proxy|target|peer|seed`)
)

// schemePorts are the ports that schemes have by themselves.
var schemePorts = map[string]uint32{
	"http": 80, "ws": 80, "https": 443, "wss": 443, "grpc": 443, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671,
	"mongodb": 27017, "nats": 4222, "kafka": 9092, "memcached": 11211, "ldap": 389, "ldaps": 636, "smtp": 25,
}

// mentions finds the hosts in a text; called is the name of the variable or key that holds it.
func mentions(called, text string) []mention {
	text = text[:min(len(text), maxText)]
	var out []mention
	for _, m := range hosts.FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		one := mention{host: strings.ToLower(part(2)), scheme: strings.ToLower(part(1))}
		if n, err := strconv.ParseUint(part(3), 10, 16); err == nil {
			one.port = uint32(n)
		}
		name, before := called, text[:m[0]]
		if i := strings.LastIndexByte(before, '='); i >= 0 && i == len(before)-1 { // --db-host=postgres
			words := strings.Fields(before[:i])
			if len(words) > 0 {
				name = words[len(words)-1]
			}
			before = ""
		}
		alone := strings.TrimSpace(before) == "" && strings.TrimSpace(text[m[1]:]) == ""
		one.sure = one.scheme != "" || one.port != 0 || (alone || before == "" && name != called) && calledHost.MatchString(name)
		out = append(out, one)
	}
	return out
}
