package tree

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// acl is one interned ACL list. Its raw form is normalized: valid, without
// duplicates, auth expanded.
type acl struct {
	id      uint32
	refs    int
	raw     string
	hash    uint64
	world   wire.Perms // what anyone may do
	needs   Settings   // schemes that must be known for a client to set it again
	entries []aclEntry // the others
}

type aclEntry struct {
	perms  wire.Perms
	scheme string
	id     string
	prefix netip.Prefix // of ip
}

// aclTable holds the ACLs in use. Ids are positions; a free one is used again.
type aclTable struct {
	byID  []*acl
	byRaw map[string]*acl
	free  []uint32
}

func newACL(id uint32, raw []byte) *acl {
	a := &acl{id: id, raw: string(raw), hash: hashBytes(seedACL, raw)}
	r := wire.NewReader(raw)
	for e := range r.ACLs().All {
		entry := aclEntry{perms: e.Perms, scheme: string(e.Scheme), id: string(e.ID)}
		switch entry.scheme {
		case schemeWorld:
			a.world |= e.Perms
			continue
		case schemeIP:
			entry.prefix, _ = parsePrefix(entry.id)
		case schemeSASL:
			a.needs |= SettingSASL
		case schemeX509:
			a.needs |= SettingX509
		}
		a.entries = append(a.entries, entry)
	}
	return a
}

// use returns the interned form of a normalized list with one more reference.
func (t *aclTable) use(raw []byte) *acl {
	a := t.byRaw[string(raw)]
	if a == nil {
		id := uint32(len(t.byID))
		if n := len(t.free); n > 0 {
			id, t.free = t.free[n-1], t.free[:n-1]
		} else {
			t.byID = append(t.byID, nil)
		}
		a = newACL(id, raw)
		t.byID[id], t.byRaw[a.raw] = a, a
	}
	a.refs++
	return a
}

// retain takes another reference on an ACL, which may have been released to
// nothing since, as when a multi is undone.
func (t *aclTable) retain(a *acl) *acl { return t.use([]byte(a.raw)) }

func (t *aclTable) release(id uint32) {
	a := t.byID[id]
	a.refs--
	if a.refs == 0 {
		delete(t.byRaw, a.raw)
		t.byID[id] = nil
		t.free = append(t.free, id)
	}
}

// allows reports whether the identities have one of the wanted permissions.
func (a *acl) allows(want wire.Perms, ids Identities, settings Settings) bool {
	if a.world&want != 0 || settings&SettingSkipACL != 0 || len(a.entries) == 0 && a.world == 0 && a.raw == aclEmpty {
		return true
	}
	for id := range ids.all {
		if id.code == codeSuper {
			return true
		}
		for i := range a.entries {
			if e := &a.entries[i]; e.perms&want != 0 && e.matches(id) {
				return true
			}
		}
	}
	return false
}

// aclEmpty is the encoded empty list; it lets everyone do everything. No client
// can set it.
const aclEmpty = "\x00\x00\x00\x00"

func (e *aclEntry) matches(id identity) bool {
	if e.scheme != id.name() {
		return false
	}
	switch id.code {
	case codeIP:
		addr, ok := netip.AddrFromSlice(id.id)
		return ok && e.prefix.Contains(addr)
	case codeSASL:
		return string(id.id) == e.id || string(id.id) == schemeSuper
	}
	return string(id.id) == e.id
}

// parsePrefix reads an address, or an address and how many of its bits count.
// Numbers may have a sign and zeros in front, as in ZooKeeper.
func parsePrefix(s string) (netip.Prefix, bool) {
	text, bitsText, network := strings.Cut(s, "/")
	addr, ok := parseIPv4(text)
	if !ok {
		var err error
		if addr, err = netip.ParseAddr(text); err != nil || addr.Zone() != "" {
			return netip.Prefix{}, false
		}
	}
	var bits int
	if network {
		n, err := strconv.ParseInt(bitsText, 10, 32)
		if err != nil {
			return netip.Prefix{}, false
		}
		bits = int(n)
	} else {
		addr = addr.Unmap()
		bits = addr.BitLen()
	}
	p, err := addr.Prefix(bits)
	return p, err == nil
}

func parseIPv4(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	var b [4]byte
	if len(parts) != len(b) {
		return netip.Addr{}, false
	}
	for i, part := range parts {
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil || n < 0 || n > 255 {
			return netip.Addr{}, false
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b), true
}

// checkACL judges the form of a client's list.
func checkACL(list wire.ACLs, ids Identities, settings Settings) wire.ErrorCode {
	if list.Len() == 0 {
		return wire.ErrInvalidACL
	}
	for e := range list.All {
		if !checkACLEntry(e, ids, settings) {
			return wire.ErrInvalidACL
		}
	}
	return wire.OK
}

func checkACLEntry(e wire.ACLEntry, ids Identities, settings Settings) bool {
	switch string(e.Scheme) {
	case schemeWorld:
		return string(e.ID) == "anyone"
	case schemeIP:
		_, ok := parsePrefix(string(e.ID))
		return ok
	case schemeDigest:
		text := strings.TrimRight(string(e.ID), ":")
		return strings.Count(text, ":") == 1
	case schemeSASL:
		return settings&SettingSASL != 0 && isPrincipal(string(e.ID))
	case schemeX509:
		return settings&SettingX509 != 0 && strings.IndexByte(string(e.ID), '=') > 0
	case schemeAuth:
		for id := range ids.all {
			if expands(id) {
				return true
			}
		}
	}
	return false
}

// isPrincipal reports whether ZooKeeper takes s for a name of Kerberos: with an
// @, one slash at the most stands before it and neither follows; without, s is a
// plain user, whatever it is made of.
func isPrincipal(s string) bool {
	name, realm, hasRealm := strings.Cut(s, "@")
	return !hasRealm || !strings.ContainsAny(realm, "/@") && strings.Count(name, "/") <= 1
}

// expands reports whether scheme auth stands for id.
func expands(id identity) bool {
	return id.code != codeIP && id.code != codeSuper && id.code != codeOther
}

// appendNormalized appends list, which checkACL accepted, with auth expanded and
// exact duplicates left out. It refuses a list that expansion makes longer than
// a client could have sent.
func appendNormalized(dst []byte, list wire.ACLs, ids Identities) ([]byte, wire.ErrorCode) {
	start, count := len(dst), int32(0)
	dst = wire.AppendInt(dst, 0)
	seen := make(map[string]struct{}, min(list.Len(), 64))
	add := func(e wire.ACLEntry) {
		before := len(dst)
		dst = e.Append(dst)
		if _, dup := seen[string(dst[before:])]; dup {
			dst = dst[:before]
			return
		}
		seen[string(dst[before:])] = struct{}{}
		count++
	}
	for e := range list.All {
		if len(dst)-start > wire.FrameBytesMax {
			return dst[:start], wire.ErrInvalidACL
		}
		if string(e.Scheme) != schemeAuth {
			add(e)
			continue
		}
		for id := range ids.all {
			if expands(id) {
				add(wire.ACLEntry{Perms: e.Perms, Scheme: []byte(id.name()), ID: id.id})
			}
		}
	}
	wire.AppendInt(dst[start:start], count)
	return dst, wire.OK
}

// resolveACL turns a client's list into the normalized form, which may alias
// the request or the tree's scratch space: intern it before the next call.
func (t *Tree) resolveACL(list wire.ACLs, ids Identities, settings Settings) ([]byte, wire.ErrorCode) {
	// A list that is interned is normalized already: the usual case, without allocation.
	if a := t.acls.byRaw[string(list.Bytes())]; a != nil && a.needs&^settings == 0 && a.raw != aclEmpty {
		return list.Bytes(), wire.OK
	}
	if code := checkACL(list, ids, settings); code != wire.OK {
		return nil, code
	}
	raw, code := appendNormalized(t.aclScratch[:0], list, ids)
	t.aclScratch = raw[:0]
	return raw, code
}
