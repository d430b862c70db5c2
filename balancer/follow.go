package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// ErrDiscovery says that the servers of the cluster could not be learnt.
var ErrDiscovery = errors.New("the servers of the cluster are not known")

// Discover learns from any server of a cluster who its servers are, and the
// version of the configuration that says so; 0 from a ZooKeeper, which does not.
func Discover(ctx context.Context, addresses []string) ([]Server, uint64, error) {
	var problems []error
	for _, a := range addresses {
		self, err := askSelf(ctx, a)
		if err == nil && len(self.members) > 0 {
			return self.members, self.version, nil
		}
		if err != nil {
			var text string
			if text, err = word(ctx, a, "conf"); err == nil {
				if servers := serversIn(text); len(servers) > 0 {
					return servers, 0, nil
				}
			}
		}
		if err == nil {
			err = errors.New("it names no servers with client ports; give a node table")
		}
		problems = append(problems, fmt.Errorf("%s: %w", a, err))
	}
	return nil, 0, fmt.Errorf("%w: %w", ErrDiscovery, errors.Join(problems...))
}

// self is what a server says of itself and of its cluster.
type self struct {
	number  uint32
	version uint64
	members []Server
}

func askSelf(ctx context.Context, address string) (self, error) {
	text, err := word(ctx, address, "self")
	if err != nil {
		return self{}, err
	}
	var answer struct {
		Number  uint32   `json:"number"`
		Config  string   `json:"config"`
		Members []string `json:"members"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return self{}, err
	}
	version, _ := strconv.ParseUint(answer.Config, 16, 64) // 0 before there is one
	return self{answer.Number, version, serversIn(strings.Join(answer.Members, "\n"))}, nil
}

// serversIn returns the servers of a configuration that say where clients
// connect, by number.
func serversIn(text string) []Server {
	parsed, err := wire.ParseEnsemble(text)
	if err != nil {
		return nil
	}
	var out []Server
	for _, s := range parsed {
		if a := s.ClientAddress(); a != "" {
			out = append(out, Server{ID: s.Number, Address: a})
		}
	}
	slices.SortFunc(out, func(a, b Server) int { return int(int64(a.ID) - int64(b.ID)) })
	return out
}

// follow takes over a newer configuration. The caller holds b.mu.
func (b *Balancer) follow(h *health) {
	if !b.o.Follow || h.version <= b.version || len(h.members) == 0 {
		return
	}
	b.version = h.version
	var kept []*backend
	for _, m := range h.members {
		s := b.find(m.ID)
		if s == nil || s.address != m.Address {
			s = b.newBackend(m)
			b.log.Info().Uint32("server", m.ID).Str("address", m.Address).Msg("server has joined the cluster")
			b.open.Go(func() { b.watch(s) })
		}
		kept = append(kept, s)
	}
	for _, s := range b.backends {
		if !slices.Contains(kept, s) {
			b.log.Info().Uint32("server", s.id).Str("address", s.address).Msg("server has left the cluster")
			s.healthy, s.problem = false, "it has left the cluster"
			close(s.gone)
			s.hangUp()
		}
	}
	b.backends = kept
	b.tell()
}
