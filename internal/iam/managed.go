package iam

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	endian "encoding/binary"
	"errors"
	"sort"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

//go:embed data/managed.txt.gz
var packedManaged []byte

// managedMember is a member of the embedded managed policies, which are sorted by ARN without case.
type managedMember struct {
	first  string // ARN of its first policy, in lower case
	packed []byte
}

// managedMembers are the members of the file, by their headers: RFC 1952, with its own length as the extra field of each.
var managedMembers = sync.OnceValues(func() ([]managedMember, error) {
	var out []managedMember
	for rest := packedManaged; len(rest) > 0; {
		z, err := gzip.NewReader(bytes.NewReader(rest))
		if err != nil {
			return nil, err
		}
		if len(z.Extra) != 4 {
			return nil, errors.New("a member of the managed policies does not say how long it is")
		}
		n := int(endian.LittleEndian.Uint32(z.Extra))
		if n <= 0 || n > len(rest) {
			return nil, errors.New("a member of the managed policies is longer than the file")
		}
		out = append(out, managedMember{strings.ToLower(z.Name), rest[:n]})
		rest = rest[n:]
	}
	return out, nil
})

// Managed returns the document of a policy that AWS itself manages, by its ARN; the ARN's partition does not matter. It is false
// for an ARN that the embedded facts do not hold: the policy is unknown then, not empty. A part of the facts is unpacked on each call.
func Managed(arn string) (plinth.Value, bool) {
	_, rest, ok := strings.Cut(arn, ":iam::aws:policy/")
	if !ok {
		return plinth.Value{}, false
	}
	members, err := managedMembers()
	if err != nil {
		return plinth.Value{}, false
	}
	want := "arn:aws:iam::aws:policy/" + rest
	lower := strings.ToLower(want)
	i := sort.Search(len(members), func(i int) bool { return members[i].first > lower }) - 1
	for ; i >= 0; i-- { // names that differ in case only may lie in two members
		text, err := unpack(members[i].packed)
		if err != nil {
			return plinth.Value{}, false
		}
		for line := range strings.SplitSeq(text, "\n") {
			if field(line, 0) == want {
				doc, err := value.ParseJSON(field(line, 1))
				return doc, err == nil
			}
		}
		if members[i].first != lower {
			break
		}
	}
	return plinth.Value{}, false
}

//go:embed data/azure.txt.gz
var packedAzure []byte

//go:embed data/google.txt.gz
var packedGoogle []byte

// AzureRoles returns the text of the built-in roles of Azure, in the form that data/README.md tells. It is unpacked on each call.
func AzureRoles() (string, error) { return unpack(packedAzure) }

// GoogleRoles returns the text of the predefined roles of Google Cloud, in the form that data/README.md tells. It is unpacked on each
// call.
func GoogleRoles() (string, error) { return unpack(packedGoogle) }
