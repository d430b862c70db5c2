package peer

import (
	"fmt"
	"sync"

	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// The kinds that the transport itself sends on leader_port. They lie between
// the core's and PassThrough and never reach the handler.
const (
	snapshotBegin       zab.Kind = 48 // Zxid, Seq: size
	snapshotChunk       zab.Kind = 49 // Payload, Seq: offset
	snapshotEnd         zab.Kind = 50 // Seq: CRC-32C of all bytes
	snapshotAcknowledge zab.Kind = 51 // Seq: bytes written, Vote: the sink has finished
)

// field names what a message carries behind its first six elements.
type field uint8

const (
	fieldPrev field = iota
	fieldCommit
	fieldBase
	fieldAccepted
	fieldVote
	fieldBlank
	fieldSeq
	fieldTime
	fieldTable
	fieldConfigZxid
	fieldSpans
)

// content is what a message's second element holds.
type content uint8

const (
	nothing content = iota
	runs
	config
	payload
)

// layout is the wire form of one kind. Elements may be added at the end, with
// meaning zero when they are missing; anything else is a new protocol version.
type layout struct {
	known  bool
	second content
	fields []field
}

var layouts = [zab.PassThrough]layout{
	zab.FollowerInfo:    {true, nothing, []field{fieldAccepted, fieldBlank, fieldTable, fieldConfigZxid}},
	zab.AskInfo:         {true, nothing, nil},
	zab.NewEpoch:        {true, nothing, []field{fieldSeq}},
	zab.AckEpoch:        {true, config, []field{fieldVote, fieldBase, fieldConfigZxid, fieldSpans, fieldSeq}},
	zab.NackEpoch:       {true, nothing, []field{fieldAccepted}},
	zab.HistoryPull:     {true, nothing, []field{fieldBase, fieldSpans}},
	zab.Truncate:        {true, nothing, nil},
	zab.Proposal:        {true, runs, []field{fieldPrev, fieldCommit}},
	zab.Acknowledge:     {true, nothing, nil},
	zab.Commit:          {true, nothing, nil},
	zab.UpToDate:        {true, nothing, nil},
	zab.Ping:            {true, nothing, []field{fieldSeq, fieldTime, fieldCommit}},
	zab.Pong:            {true, nothing, []field{fieldSeq, fieldTime}},
	zab.ReadRequest:     {true, nothing, []field{fieldSeq}},
	zab.ReadGrant:       {true, nothing, []field{fieldSeq}},
	zab.Goodbye:         {true, nothing, nil},
	zab.HandOver:        {true, nothing, []field{fieldSeq}},
	snapshotBegin:       {true, nothing, []field{fieldSeq}},
	snapshotChunk:       {true, payload, []field{fieldSeq}},
	snapshotEnd:         {true, nothing, []field{fieldSeq}},
	snapshotAcknowledge: {true, nothing, []field{fieldSeq, fieldVote}},
}

var passThrough = layout{true, payload, []field{fieldSeq}}

// headElements are [type, bytes, epoch, counter, originator, leader's epoch].
const headElements = 6

func layoutOf(k zab.Kind) layout {
	if k >= zab.PassThrough {
		return passThrough
	}
	return layouts[k]
}

var encoders = sync.Pool{New: func() any { return newEncoder(nil) }}

// AppendMessage encodes m, which server from sends, at the end of dst. Only the
// fields that m's kind carries are encoded.
func AppendMessage(dst []byte, from zxid.ServerID, m *zab.Message) []byte {
	e := encoders.Get().(*encoder)
	e.b = dst
	e.message(from, m)
	dst, e.b = e.b, nil
	encoders.Put(e)
	return dst
}

func (e *encoder) message(from zxid.ServerID, m *zab.Message) {
	l := layoutOf(m.Kind)
	assert(l.known, "a message of a kind that has no layout")
	n := headElements + len(l.fields)
	e.array(n)
	e.uint(uint64(m.Kind))
	switch l.second {
	case nothing:
		e.absent()
	case runs:
		e.binHeader(runsBytes(m))
		for _, run := range m.Runs {
			e.raw(run)
		}
	case config:
		e.binHeader(len(m.Config))
		e.raw(m.Config)
	case payload:
		e.binHeader(len(m.Payload))
		e.raw(m.Payload)
	}
	at := wireZxid(m)
	e.uint(uint64(at.Epoch()))
	e.uint(uint64(at.Counter()))
	e.uint(uint64(from))
	e.uint(uint64(m.Epoch))
	for _, f := range l.fields {
		e.field(f, m)
	}
}

// wireZxid returns what stands in the epoch and counter of a message: its zxid;
// of a proposal the first record's, for whoever reads the wire.
func wireZxid(m *zab.Message) zxid.Zxid {
	switch {
	case m.Kind >= zab.PassThrough:
		return zxid.New(m.Epoch, 0)
	case m.Kind == zab.Proposal && len(m.Runs) > 0 && len(m.Runs[0]) >= record.HeaderSize:
		return record.View(m.Runs[0]).Zxid
	}
	return m.Zxid
}

func runsBytes(m *zab.Message) int {
	n := 0
	for _, run := range m.Runs {
		n += len(run)
	}
	return n
}

func (e *encoder) field(f field, m *zab.Message) {
	switch f {
	case fieldPrev:
		e.uint(uint64(m.Prev))
	case fieldCommit:
		e.uint(uint64(m.Commit))
	case fieldBase:
		e.uint(uint64(m.Base))
	case fieldAccepted:
		e.uint(uint64(m.Accepted))
	case fieldVote:
		e.flag(m.Vote)
	case fieldBlank:
		e.flag(m.Blank)
	case fieldSeq:
		e.uint(m.Seq)
	case fieldTime:
		e.uint(uint64(m.Time))
	case fieldTable:
		e.uint(m.Table)
	case fieldConfigZxid:
		e.uint(uint64(m.ConfigZxid))
	case fieldSpans:
		e.array(2 * len(m.Spans))
		for _, s := range m.Spans {
			e.uint(uint64(s.Epoch))
			e.uint(uint64(s.Last))
		}
	}
}

func (e *encoder) flag(b bool) {
	v := uint64(0)
	if b {
		v = 1
	}
	e.uint(v)
}

// DecodeMessages decodes the payload of one frame from server from and calls fn
// for each message in order. Runs, Config and Payload alias p. Messages of kinds
// that are not known are dropped and counted.
func DecodeMessages(p []byte, from zxid.ServerID, fn func(*zab.Message) error) (unknown int, err error) {
	return newDecoder(p).messages(from, fn)
}

func (d *decoder) messages(from zxid.ServerID, fn func(*zab.Message) error) (unknown int, err error) {
	for count := 1; d.left() > 0; count++ {
		if count > MessagesPerFrameMax {
			return unknown, fmt.Errorf("%w: more than %d messages in a frame", ErrTooLong, MessagesPerFrameMax)
		}
		n := d.array(1)
		k := d.uint(1<<64 - 1)
		if d.err == nil && (k > 255 || !layoutOf(zab.Kind(k)).known) {
			unknown++
			d.skip(n - 1)
			continue
		}
		m := &zab.Message{Kind: zab.Kind(k)}
		d.message(from, m, n)
		if d.err != nil {
			break
		}
		if err := fn(m); err != nil {
			return unknown, err
		}
	}
	return unknown, d.err
}

// message decodes what is behind the type of a message of n elements.
func (d *decoder) message(from zxid.ServerID, m *zab.Message, n int) {
	l := layoutOf(m.Kind)
	if want := headElements + len(l.fields); d.err == nil && n < want {
		d.fail("%v of %d elements, want %d", m.Kind, n, want)
	}
	second := d.bin()
	if len(second) > 0 {
		switch l.second {
		case nothing:
			d.fail("%v with %d bytes, want none", m.Kind, len(second))
		case runs:
			m.Runs = [][]byte{second}
		case config:
			m.Config = second
		case payload:
			m.Payload = second
		}
	}
	if m.Kind < zab.PassThrough && m.Kind != zab.Proposal {
		m.Zxid = zxid.New(d.epoch(), uint32(d.uint(1<<32-1)))
	} else {
		d.skip(2) // the message has it elsewhere
	}
	if got := d.uint(1<<32 - 1); d.err == nil && got != uint64(from) {
		d.fail("%v by originator %d, want %d", m.Kind, got, from)
	}
	m.Epoch = d.epoch()
	for _, f := range l.fields {
		d.field(f, m)
	}
	d.skip(n - headElements - len(l.fields))
}

func (d *decoder) field(f field, m *zab.Message) {
	switch f {
	case fieldPrev:
		m.Prev = d.zxid()
	case fieldCommit:
		m.Commit = d.zxid()
	case fieldBase:
		m.Base = d.zxid()
	case fieldAccepted:
		m.Accepted = d.epoch()
	case fieldVote:
		m.Vote = d.uint(1) == 1
	case fieldBlank:
		m.Blank = d.uint(1) == 1
	case fieldSeq:
		m.Seq = d.uint(1<<64 - 1)
	case fieldTime:
		m.Time = zab.Millis(d.uint(1<<64 - 1))
	case fieldTable:
		m.Table = d.uint(1<<64 - 1)
	case fieldConfigZxid:
		m.ConfigZxid = d.zxid()
	case fieldSpans:
		m.Spans = d.spans()
	}
}

func (d *decoder) epoch() zxid.Epoch { return zxid.Epoch(d.uint(uint64(zxid.EpochMax))) }

// zxid refuses what would be negative as an int64.
func (d *decoder) zxid() zxid.Zxid { return zxid.Zxid(d.uint(1<<63 - 1)) }

// spans grows its result with what was decoded, because elements of one byte
// become spans of eight.
func (d *decoder) spans() []record.Span {
	n := d.array(0)
	if n%2 != 0 {
		d.fail("epoch vector of %d numbers, want pairs", n)
	}
	var s []record.Span
	for ; n > 0 && d.err == nil; n -= 2 {
		s = append(s, record.Span{Epoch: d.epoch(), Last: uint32(d.uint(1<<32 - 1))})
	}
	return s
}
