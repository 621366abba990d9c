package scan

import "github.com/plinthsec/plinth"

// orphan looks at a file that no reader wanted.
func orphan(string, []byte, func(plinth.Problem)) {}
