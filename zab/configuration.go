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
	// Origin and Request name the client's request that asked for it, for the
	// server that answers; zero where no client did.
	Origin  zxid.ServerID
	Request uint64
}

// ErrConfiguration reports bytes that are not a configuration.
var ErrConfiguration = errors.New("zab: not a configuration")

const configurationFormat = 1

// AppendConfiguration encodes c: format u8, cluster id, member count u16, then
// per member id u32, voter u8, incarnation, address length u16, address; then
// origin u32 and request u64 where a client asked for it.
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
	if c.Origin != 0 {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Origin))
		dst = binary.LittleEndian.AppendUint64(dst, c.Request)
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
	if len(b) >= 4+8 {
		c.Origin, c.Request = zxid.ServerID(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint64(b[4:])
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

func (c *Configuration) voter(id zxid.ServerID) bool {
	m := c.Member(id)
	return m != nil && m.Voter
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
