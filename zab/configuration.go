package zab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Incarnation identifies one data directory. The zero value is no directory.
type Incarnation [16]byte

// Member is one server of a configuration.
type Member struct {
	ID    zxid.ServerID
	Voter bool
	// Incarnation is the data directory whose votes count (N3). A server that
	// comes with another one has lost what it promised.
	Incarnation Incarnation
	// Address is the server's row of the node table, opaque to this package.
	Address string
}

// Configuration is the membership as of one record of the log. It is carried
// in the body of the first epoch record and of every config record.
type Configuration struct {
	Cluster [16]byte
	Members []Member // by ascending ID
}

// ErrConfiguration reports bytes that are not a configuration.
var ErrConfiguration = errors.New("zab: not a configuration")

const configurationFormat = 1

// AppendConfiguration encodes c: format u8, cluster id, member count u16, then
// per member id u32, voter u8, incarnation, address length u16, address.
func AppendConfiguration(dst []byte, c *Configuration) []byte {
	dst = append(dst, configurationFormat)
	dst = append(dst, c.Cluster[:]...)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(c.Members)))
	for _, m := range c.Members {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(m.ID))
		if m.Voter {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
		dst = append(dst, m.Incarnation[:]...)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(m.Address)))
		dst = append(dst, m.Address...)
	}
	return dst
}

// DecodeConfiguration reads what AppendConfiguration wrote; bytes behind it are
// ignored.
func DecodeConfiguration(b []byte) (*Configuration, error) {
	const memberSizeMin = 4 + 1 + 16 + 2
	if len(b) < 1+16+2 || b[0] != configurationFormat {
		return nil, fmt.Errorf("%w: %d bytes", ErrConfiguration, len(b))
	}
	c := &Configuration{}
	copy(c.Cluster[:], b[1:17])
	n := int(binary.LittleEndian.Uint16(b[17:]))
	b = b[19:]
	if n*memberSizeMin > len(b) {
		return nil, fmt.Errorf("%w: %d members in %d bytes", ErrConfiguration, n, len(b))
	}
	c.Members = make([]Member, 0, n)
	for range n {
		if len(b) < memberSizeMin {
			return nil, fmt.Errorf("%w: cut in a member", ErrConfiguration)
		}
		m := Member{ID: zxid.ServerID(binary.LittleEndian.Uint32(b)), Voter: b[4] != 0}
		copy(m.Incarnation[:], b[5:21])
		k := int(binary.LittleEndian.Uint16(b[21:]))
		if b = b[memberSizeMin:]; k > len(b) {
			return nil, fmt.Errorf("%w: cut in an address", ErrConfiguration)
		}
		m.Address, b = string(b[:k]), b[k:]
		c.Members = append(c.Members, m)
	}
	return c, nil
}

// Member returns the member with the given number, or nil.
func (c *Configuration) Member(id zxid.ServerID) *Member {
	for i := range c.Members {
		if c.Members[i].ID == id {
			return &c.Members[i]
		}
	}
	return nil
}

// Voters returns the numbers of the voting members.
func (c *Configuration) Voters() []zxid.ServerID {
	var ids []zxid.ServerID
	for _, m := range c.Members {
		if m.Voter {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// binds reports whether c counts the votes of that directory of that server.
func (c *Configuration) binds(id zxid.ServerID, inc Incarnation) bool {
	m := c.Member(id)
	return m != nil && m.Voter && m.Incarnation == inc
}

// quorum reports whether the voters for which has is true are a majority.
func (c *Configuration) quorum(has func(*Member) bool) bool {
	n, voters := 0, 0
	for i := range c.Members {
		if m := &c.Members[i]; m.Voter {
			voters++
			if has(m) {
				n++
			}
		}
	}
	return n > voters/2
}

// candidate returns the highest zxid that a majority of the voters has reached.
func (c *Configuration) candidate(matched func(*Member) zxid.Zxid) zxid.Zxid {
	var buf [16]zxid.Zxid
	have := buf[:0]
	for i := range c.Members {
		if m := &c.Members[i]; m.Voter {
			have = append(have, matched(m))
		}
	}
	if len(have) == 0 {
		return 0
	}
	slices.Sort(have)
	return have[(len(have)-1)/2]
}

// placed is a configuration and the record that carries it.
type placed struct {
	at zxid.Zxid
	c  *Configuration
}

// membership is what one server knows of configurations: those that its own
// log carries, in order, and how far they are known to be committed.
type membership struct {
	inLog     []placed
	committed placed // newest known to be committed, from wherever it was learnt
}

// learn notes a committed configuration.
func (ms *membership) learn(p placed) {
	if p.c != nil && p.at >= ms.committed.at {
		ms.committed = p
	}
	ms.forgetOld()
}

func (ms *membership) appended(p placed) { ms.inLog = append(ms.inLog, p) }

func (ms *membership) truncated(last zxid.Zxid) {
	for len(ms.inLog) > 0 && ms.inLog[len(ms.inLog)-1].at > last {
		ms.inLog = ms.inLog[:len(ms.inLog)-1]
	}
}

// commit notes that everything in the log up to z is committed. It returns the
// configuration that became committed by that, if one did.
func (ms *membership) commit(z zxid.Zxid) (placed, bool) {
	var newest placed
	for _, p := range ms.inLog {
		if p.at <= z && p.at > ms.committed.at {
			newest = p
		}
	}
	if newest.c == nil {
		return placed{}, false
	}
	ms.learn(newest)
	return newest, true
}

// forgetOld drops entries that are not newer than the committed one.
func (ms *membership) forgetOld() {
	i := 0
	for i < len(ms.inLog) && ms.inLog[i].at <= ms.committed.at {
		i++
	}
	ms.inLog = ms.inLog[i:]
}

// inForce returns the configurations that must each give a majority: the
// newest committed one and a later one in the log (C6). Of two later ones the
// earlier is certainly committed (C1).
func (ms *membership) inForce() []placed {
	base := ms.committed
	later := ms.inLog
	if len(later) >= 2 {
		base = later[len(later)-2]
		later = later[len(later)-1:]
	}
	var out []placed
	if base.c != nil {
		out = append(out, base)
	}
	return append(out, later...)
}

// newest returns the configuration that the log will have once everything in
// it is committed; nil before the first one.
func (ms *membership) newest() *Configuration {
	if n := len(ms.inLog); n > 0 {
		return ms.inLog[n-1].c
	}
	return ms.committed.c
}

// pending reports whether a configuration is in the log that is not known to
// be committed.
func (ms *membership) pending() bool { return len(ms.inLog) > 0 }
