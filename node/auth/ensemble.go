package auth

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/tree"
)

// ensemble holds the names by which clients may mean this ensemble. It keeps a
// client whose addresses were given to another ensemble from working on the
// wrong one; it proves nothing, so it gives no identity.
type ensemble []string

// anyEnsemble stands for every name.
const anyEnsemble = "*"

// Identify accepts a client that names nothing. One that names another ensemble
// is sent away without an error, which its library would take for final.
func (e ensemble) Identify(name []byte, _ *Connection) ([]tree.Identity, error) {
	if len(name) == 0 || slices.Contains(e, string(name)) || slices.Contains(e, anyEnsemble) {
		return nil, nil
	}
	return nil, fmt.Errorf("%w: ensemble %q, this one is %q", ErrElsewhere, name, []string(e))
}
