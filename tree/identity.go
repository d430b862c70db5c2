package tree

import (
	"encoding/binary"
	"net/netip"
)

// Identity is one authenticated name of a client's connection.
type Identity struct{ Scheme, ID string }

// Super is the identity that passes every ACL.
var Super = Identity{Scheme: schemeSuper}

const (
	schemeWorld  = "world"
	schemeIP     = "ip"
	schemeDigest = "digest"
	schemeSASL   = "sasl"
	schemeX509   = "x509"
	schemeSuper  = "super"
	schemeAuth   = "auth"
)

// schemeNames gives every scheme its code; code 0 spells the name out.
var schemeNames = [...]string{1: schemeIP, 2: schemeDigest, 3: schemeSASL, 4: schemeX509, 5: schemeSuper}

const (
	codeOther = 0
	codeIP    = 1
	codeSASL  = 3
	codeSuper = 5
)

// Identities is the encoded list of a connection's identities, as it travels in
// transactions: a count, then per identity a scheme code and the id (an address
// as 4 or 16 raw bytes). The zero value is the empty list.
type Identities struct{ raw []byte }

// IdentitiesMax is how many identities a connection can have.
const IdentitiesMax = 255

// NewIdentities encodes a list; identities past IdentitiesMax are left out,
// which can only take rights away.
func NewIdentities(list []Identity) Identities {
	list = list[:min(len(list), IdentitiesMax)]
	if len(list) == 0 {
		return Identities{}
	}
	raw := []byte{byte(len(list))}
	for _, id := range list {
		raw = appendIdentity(raw, id)
	}
	return Identities{raw: raw}
}

func appendIdentity(dst []byte, id Identity) []byte {
	for code := 1; code < len(schemeNames); code++ {
		if schemeNames[code] != id.Scheme {
			continue
		}
		if code == codeIP {
			addr, err := netip.ParseAddr(id.ID)
			if err != nil {
				break
			}
			dst = append(dst, codeIP, byte(addr.Unmap().BitLen()/8))
			return append(dst, addr.Unmap().AsSlice()...)
		}
		return appendBytes(append(dst, byte(code)), id.ID)
	}
	return appendBytes(appendBytes(append(dst, codeOther), id.Scheme), id.ID)
}

func appendBytes(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func (ids Identities) append(dst []byte) []byte {
	if len(ids.raw) == 0 {
		return append(dst, 0)
	}
	return append(dst, ids.raw...)
}

// splitIdentities takes an encoded list off the front of b.
func splitIdentities(b []byte) (ids Identities, rest []byte, ok bool) {
	if len(b) == 0 {
		return Identities{}, nil, false
	}
	rest = b[1:]
	for range b[0] {
		if _, rest, ok = nextIdentity(rest); !ok {
			return Identities{}, nil, false
		}
	}
	return Identities{raw: b[:len(b)-len(rest)]}, rest, true
}

// identity is a decoded Identity; its slices alias the encoded list.
type identity struct {
	code   byte
	scheme []byte // of codeOther only
	id     []byte
}

func nextIdentity(b []byte) (id identity, rest []byte, ok bool) {
	if len(b) == 0 {
		return id, nil, false
	}
	id.code, rest = b[0], b[1:]
	if int(id.code) >= len(schemeNames) {
		return id, nil, false
	}
	if id.code == codeOther {
		if id.scheme, rest, ok = takeBytes(rest); !ok {
			return id, nil, false
		}
	}
	id.id, rest, ok = takeBytes(rest)
	if ok && id.code == codeIP && len(id.id) != 4 && len(id.id) != 16 {
		return id, nil, false
	}
	return id, rest, ok
}

func takeBytes(b []byte) (field, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	b = b[size:]
	return b[:n], b[n:], true
}

// name returns the identity's scheme without allocating.
func (id identity) name() string {
	if id.code != codeOther {
		return schemeNames[id.code]
	}
	return string(id.scheme)
}

func (ids Identities) all(yield func(identity) bool) {
	if len(ids.raw) == 0 {
		return
	}
	rest := ids.raw[1:]
	for range ids.raw[0] {
		id, after, ok := nextIdentity(rest)
		if !ok || !yield(id) {
			return
		}
		rest = after
	}
}

// List decodes the identities, for whoAmI and for logs.
func (ids Identities) List() []Identity {
	var list []Identity
	for id := range ids.all {
		text := string(id.id)
		if id.code == codeIP {
			addr, _ := netip.AddrFromSlice(id.id)
			text = addr.String()
		}
		list = append(list, Identity{Scheme: id.name(), ID: text})
	}
	return list
}
