package iam

import (
	_ "embed"
	"sort"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

//go:embed data/managed.txt.gz
var packedManaged []byte

// managedLines are the lines of the embedded managed policies, sorted by ARN without case.
var managedLines = sync.OnceValues(func() ([]string, error) {
	text, err := unpack(packedManaged)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n"), nil
})

// Managed returns the document of a policy that AWS itself manages, by its ARN; the ARN's partition does not matter. It is false
// for an ARN that the embedded facts do not hold: the policy is unknown then, not empty.
func Managed(arn string) (plinth.Value, bool) {
	_, rest, ok := strings.Cut(arn, ":iam::aws:policy/")
	if !ok {
		return plinth.Value{}, false
	}
	lines, err := managedLines()
	if err != nil {
		return plinth.Value{}, false
	}
	want := "arn:aws:iam::aws:policy/" + rest
	i := sort.Search(len(lines), func(i int) bool {
		return strings.ToLower(field(lines[i], 0)) >= strings.ToLower(want)
	})
	for ; i < len(lines) && strings.EqualFold(field(lines[i], 0), want); i++ {
		if field(lines[i], 0) != want {
			continue
		}
		doc, err := value.ParseJSON(field(lines[i], 1))
		return doc, err == nil
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
