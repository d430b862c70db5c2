package node

import (
	"crypto/subtle"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// LocalSessions are sessions that only the server knows that its clients are
// connected to: they cost no transaction.
type LocalSessions struct {
	Enabled bool
	// Upgrade makes the session of a client that creates an ephemeral node a
	// global one. Without it such a create is refused.
	Upgrade bool
}

// localSessionsMax bounds the table; clients beyond it are closed.
const localSessionsMax = 1 << 20

// An id of a local session is tree.LocalSessionBit, then whether the server was
// read-only, then what tells servers and their lives apart, then a counter.
const (
	localIDReadOnly    uint64 = 1 << 62
	localIDServerBits         = 10
	localIDDirBits            = 8
	localIDBootBits           = 16
	localIDCounterBits        = 28
)

// localLife is the part of the ids that no other server has, and no earlier life
// of this one: the data directory counts its boots, and a new directory has
// another incarnation.
func localLife(server zxid.ServerID, incarnation [16]byte, boot uint64) uint64 {
	low := func(v uint64, bits int) uint64 { return v & (1<<bits - 1) }
	life := low(uint64(server), localIDServerBits)
	life = life<<localIDDirBits | low(uint64(incarnation[0]), localIDDirBits)
	life = life<<localIDBootBits | low(boot, localIDBootBits)
	return tree.LocalSessionBit | life<<localIDCounterBits
}

// sessionMode says which sessions the table may take.
type sessionMode uint8

const (
	modeClosed sessionMode = iota // no clients are served
	modeReadWrite
	modeReadOnly
)

type localSession struct {
	id        uint64
	timeout   time.Duration
	password  [wire.PasswordBytes]byte
	conn      *clientConn
	deadline  time.Duration // monotonic
	writes    int           // submitted and not applied yet
	upgrading bool          // it is about to become a global session
}

// localSessions is the table of sessions that are this server's alone. It lives
// no longer than the server serves without a break: when it has lost its leader,
// the fate of writes under way is open, and a session must not outlive that.
type localSessions struct {
	mu      sync.Mutex
	changed *sync.Cond // a session has no writes under way any more, or is gone
	byID    map[uint64]*localSession
	mode    sessionMode
	life    uint64
	counter uint64
	scanned time.Duration
}

func (l *localSessions) init(life uint64) {
	l.changed = sync.NewCond(&l.mu)
	l.byID = make(map[uint64]*localSession)
	l.life = life
}

// begin opens the table, or closes it with modeClosed. Every session ends.
func (l *localSessions) begin(mode sessionMode) {
	l.mu.Lock()
	l.mode = mode
	clear(l.byID)
	l.changed.Broadcast()
	l.mu.Unlock()
}

// newID returns an id that no session of this table has.
func (l *localSessions) newID(mode sessionMode) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		l.counter++
		id := l.life | l.counter&(1<<localIDCounterBits-1)
		if mode == modeReadOnly {
			id |= localIDReadOnly
		}
		if l.byID[id] == nil {
			return id
		}
	}
}

// add takes a session in, unless the table is full or in another mode by now.
func (l *localSessions) add(s *localSession, mode sessionMode) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mode != mode || len(l.byID) >= localSessionsMax {
		return false
	}
	s.deadline = monotonic() + s.timeout
	l.byID[s.id] = s
	return true
}

// localAttach is the outcome of attach.
type localAttach uint8

const (
	attachUnknown localAttach = iota
	attachRefused             // wrong password
	attachDone
)

// attach gives a session another connection. It waits for the writes of the one
// before: what the client reads from now on must include them. old is the
// connection to close.
func (l *localSessions) attach(id uint64, c *clientConn, timeoutMs int32, password []byte) (outcome localAttach, old *clientConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		s := l.byID[id]
		switch {
		case s == nil:
			return attachUnknown, nil
		case subtle.ConstantTimeCompare(s.password[:], password) != 1:
			return attachRefused, nil
		case s.writes > 0 || s.upgrading:
			l.changed.Wait()
			continue
		}
		old, s.conn = s.conn, c
		s.timeout = time.Duration(timeoutMs) * time.Millisecond
		s.deadline = monotonic() + s.timeout
		return attachDone, old
	}
}

// wrote counts a write that is on its way, or, with -1, one that was applied.
func (l *localSessions) wrote(id uint64, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.byID[id]; s != nil {
		if s.writes += n; s.writes == 0 {
			l.changed.Broadcast()
		}
	}
}

// upgrade keeps connections from taking over a session that becomes global,
// until it is removed.
func (l *localSessions) upgrade(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.byID[id]; s != nil {
		s.upgrading = true
	}
}

func (l *localSessions) remove(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
	l.changed.Broadcast()
}

// touch reports whether the session is a local one, and gives it its full time.
func (l *localSessions) touch(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.byID[id]
	if s != nil {
		s.deadline = monotonic() + s.timeout
	}
	return s != nil
}

// expire removes the sessions whose time is over and returns their connections.
// A time in which this server slept counts for nobody: it could not have heard
// anybody (T5).
func (l *localSessions) expire(now, pauseMax time.Duration) []*clientConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	gap := now - l.scanned
	slept := l.scanned > 0 && gap > pauseMax
	l.scanned = now
	var ended []*clientConn
	for id, s := range l.byID {
		switch {
		case slept:
			s.deadline += gap
		case s.deadline < now && !s.upgrading:
			delete(l.byID, id)
			ended = append(ended, s.conn)
		}
	}
	if len(ended) > 0 {
		l.changed.Broadcast()
	}
	return ended
}

func (l *localSessions) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID)
}
