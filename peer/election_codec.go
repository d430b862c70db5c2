package peer

import (
	"fmt"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// The flags of an election message.
const (
	flagEstablished = 1 << iota
	flagLive
	flagEligible
	flagConnected
	flagBlank
)

// electionElements are [type, server number, epoch, counter, round, role,
// leader, leader's epoch, flags, heard].
const electionElements = 10

// heardMax bounds the servers that one message can name.
const heardMax = 1024

// AppendElection encodes m at the end of dst.
func AppendElection(dst []byte, m *election.Message) []byte {
	e := encoders.Get().(*encoder)
	e.b = dst
	e.election(m)
	dst, e.b = e.b, nil
	encoders.Put(e)
	return dst
}

func (e *encoder) election(m *election.Message) {
	assert(len(m.Heard) <= heardMax, "an election message names too many servers")
	var flags uint64
	for i, set := range [...]bool{m.Established, m.Live, m.Eligible, m.Connected, m.Blank} {
		if set {
			flags |= 1 << i
		}
	}
	e.array(electionElements)
	e.uint(uint64(m.Kind))
	e.uint(uint64(m.From))
	e.uint(uint64(m.Last.Epoch()))
	e.uint(uint64(m.Last.Counter()))
	e.uint(m.Round)
	e.uint(uint64(m.Role))
	e.uint(uint64(m.Leader))
	e.uint(uint64(m.LeaderEpoch))
	e.uint(flags)
	e.array(len(m.Heard))
	for _, id := range m.Heard {
		e.uint(uint64(id))
	}
}

// DecodeElection decodes the payload of one frame and calls fn for each message
// in order. Messages of kinds that are not known are dropped and counted.
func DecodeElection(p []byte, fn func(*election.Message) error) (unknown int, err error) {
	d := newDecoder(p)
	for count := 1; d.left() > 0; count++ {
		if count > MessagesPerFrameMax {
			return unknown, fmt.Errorf("%w: more than %d messages in a frame", ErrTooLong, MessagesPerFrameMax)
		}
		n := d.array(1)
		k := d.uint(1<<64 - 1)
		if d.err == nil && (k < uint64(election.Heartbeat) || k > uint64(election.Withdraw)) {
			unknown++
			d.skip(n - 1)
			continue
		}
		m := &election.Message{Kind: election.Kind(k)}
		d.election(m, n)
		if d.err != nil {
			break
		}
		if err := fn(m); err != nil {
			return unknown, err
		}
	}
	return unknown, d.err
}

func (d *decoder) election(m *election.Message, n int) {
	if d.err == nil && n < electionElements {
		d.fail("%v of %d elements, want %d", m.Kind, n, electionElements)
	}
	m.From = zxid.ServerID(d.uint(1<<32 - 1))
	m.Last = zxid.New(d.epoch(), uint32(d.uint(1<<32-1)))
	m.Round = d.uint(1<<64 - 1)
	m.Role = election.Role(d.uint(uint64(election.Observing)))
	m.Leader = zxid.ServerID(d.uint(1<<32 - 1))
	m.LeaderEpoch = d.epoch()
	flags := d.uint(1<<64 - 1) // later versions may have more
	m.Established = flags&flagEstablished != 0
	m.Live = flags&flagLive != 0
	m.Eligible = flags&flagEligible != 0
	m.Connected = flags&flagConnected != 0
	m.Blank = flags&flagBlank != 0
	heard := d.array(0)
	if heard > heardMax {
		d.fail("%d servers heard, want at most %d", heard, heardMax)
	}
	for ; heard > 0 && d.err == nil; heard-- {
		m.Heard = append(m.Heard, zxid.ServerID(d.uint(1<<32-1)))
	}
	d.skip(n - electionElements)
}
