package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// answerBytesMax bounds the answer to a probe.
	answerBytesMax = 64 << 10
	// missesMax is how many probes in a row without an answer are too many: one
	// may be a pause, or a connection that broke.
	missesMax = 2
	// notAllowed is how every server refuses a word.
	notAllowed = "is not executed because it is not in the whitelist"
)

// health is the result of a probe.
type health struct {
	role string // empty when the server does not serve
	zxid int64
	err  error

	version uint64 // of the configuration that the server has
	members []Server
}

// watch probes a server until the balancer ends.
func (b *Balancer) watch(s *backend) {
	for tick := time.NewTicker(b.o.ProbeInterval); ; {
		b.judge(s, b.probe(s))
		select {
		case <-tick.C:
		case <-s.gone:
			tick.Stop()
			return
		case <-b.ctx.Done():
			tick.Stop()
			return
		}
	}
}

// probe asks a server how it is, and a server that was not healthy who it is.
func (b *Balancer) probe(s *backend) health {
	ctx, cancel := context.WithTimeout(b.ctx, b.o.ProbeTimeout)
	defer cancel()
	answer, err := word(ctx, s.address, "srvr")
	if err != nil {
		return health{err: err}
	}
	h := parseServer(answer)
	if strings.Contains(answer, notAllowed) {
		if answer, err = word(ctx, s.address, "isro"); err != nil {
			return health{err: err}
		}
		if answer == "rw" {
			h.role = "serving"
		}
	}
	if h.role == "" {
		line, _, _ := strings.Cut(answer, "\n")
		return health{err: fmt.Errorf("%w: %.80q", errNotServing, line)}
	}
	b.mu.Lock()
	known := s.healthy
	b.mu.Unlock()
	if known && !b.o.Follow {
		return h
	}
	id := ""
	if self, err := askSelf(ctx, s.address); err == nil {
		id = strconv.FormatUint(uint64(self.number), 10)
		h.version, h.members = self.version, self.members
	} else if answer, err = word(ctx, s.address, "conf"); err != nil { // a ZooKeeper hangs up on a word it does not know
		return health{err: err}
	} else {
		id = parseNumber(answer)
	}
	if id != "" && id != strconv.FormatUint(uint64(s.id), 10) {
		return health{err: fmt.Errorf("%w: the server at %s says it is number %s, not %d", errStranger, s.address, id, s.id)}
	}
	return h
}

var (
	errNotServing = errors.New("it does not serve clients")
	errStranger   = errors.New("refused")
	errLate       = errors.New("it does not answer in time")
	errSilent     = errors.New("it hung up without an answer")
)

// word sends a four-letter word and reads the answer.
func word(ctx context.Context, address, word string) (string, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer nc.Close() //nolint:errcheck // the answer has been read
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	if _, err := io.WriteString(nc, word); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(io.LimitReader(nc, answerBytesMax))
	if len(answer) > 0 && errors.Is(err, syscall.ECONNRESET) { // ZooKeeper may do that behind its answer
		err = nil
	}
	switch {
	case ctx.Err() != nil: // which closed the connection
		err = errLate
	case len(answer) == 0 && err == nil:
		err = errSilent
	}
	return string(answer), err
}

// parseServer reads the answer to srvr. A server that does not serve answers
// with a sentence and has no mode.
func parseServer(answer string) health {
	var h health
	for line := range strings.Lines(answer) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Mode":
			if value != "read-only" { // cut off from the cluster, it serves reads
				h.role = value
			}
		case "Zxid":
			zxid, _ := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 64) // 0 from a server that lies
			h.zxid = int64(zxid)
		}
	}
	return h
}

// parseNumber finds the server's number in the answer to conf; nothing when it
// has none, or may not say.
func parseNumber(answer string) string {
	for line := range strings.Lines(answer) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "serverId="); ok && id != "0" { // 0: on its own
			return id
		}
	}
	return ""
}

// judge takes in the result of a probe.
func (b *Balancer) judge(s *backend, h health) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-s.gone:
		return
	case <-b.ctx.Done():
		return
	default:
	}
	if h.err == nil {
		b.follow(&h)
		s.misses, s.zxid, s.problem, s.refused = 0, h.zxid, "", false
		if s.role != h.role || !s.healthy {
			b.log.Info().Uint32("server", s.id).Str("address", s.address).Str("role", h.role).Msg("server is up")
			s.role, s.healthy = h.role, true
			b.tell()
		}
		return
	}
	s.misses++
	certain := errors.Is(h.err, syscall.ECONNREFUSED) || errors.Is(h.err, errNotServing) || errors.Is(h.err, errStranger)
	if !certain && s.healthy && s.misses < missesMax {
		return
	}
	s.refused = errors.Is(h.err, errStranger)
	b.down(s, h.err)
}

// down takes a server out. The caller holds b.mu.
func (b *Balancer) down(s *backend, why error) {
	if s.healthy || s.problem != why.Error() {
		b.log.Warn().Uint32("server", s.id).Str("address", s.address).Int("connections", len(s.conns)).Str("why", why.Error()).Msg("server is down")
	}
	if s.healthy {
		s.failures++
	}
	s.healthy, s.role, s.problem = false, "", why.Error()
	s.hangUp()
	b.tell()
}
