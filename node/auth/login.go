package auth

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/tree"
)

// byRequests makes sasl a scheme that is known: its identities come from sasl
// requests, never from an auth request.
type byRequests struct{}

// Identify refuses.
func (byRequests) Identify([]byte, *Connection) ([]tree.Identity, error) {
	return nil, fmt.Errorf("%w: sasl is not for auth requests", ErrRefused)
}

// Login is the SASL conversation of one connection; the zero value has not
// begun.
type Login struct {
	conversation sasl.Conversation
	failed       bool
	known        bool // the identities have been handed out
}

// Respond answers a client's token and returns the identities that it completes.
// A server on which nobody can log in, and one that keeps clients whose login
// failed, answers nothing to everything: null.
func (p *Providers) Respond(l *Login, token []byte) ([]byte, []tree.Identity, error) {
	if len(p.opt.Mechanisms) == 0 || l.failed {
		return nil, nil, nil
	}
	if l.conversation == nil {
		i := slices.IndexFunc(p.opt.Mechanisms, func(m sasl.Mechanism) bool { return m.Takes(token) })
		if i < 0 {
			return nil, nil, fmt.Errorf("%w: sasl: the token is none of a mechanism offered here", ErrRefused)
		}
		l.conversation = p.opt.Mechanisms[i].Begin()
	}
	answer, err := l.conversation.Respond(token)
	if err != nil {
		l.failed = true
		if p.opt.KeepRefused && !p.Requires("sasl") {
			return nil, nil, nil
		}
		return nil, nil, fmt.Errorf("%w: sasl: %w", ErrRefused, err)
	}
	name, complete := l.conversation.Name()
	if !complete || l.known {
		return answer, nil, nil
	}
	l.known = true
	ids := []tree.Identity{{Scheme: "sasl", ID: name}}
	if slices.Contains(p.opt.SASLSuperUsers, name) {
		ids = append(ids, tree.Super)
	}
	return answer, ids, nil
}
