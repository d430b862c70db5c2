package wire

// Perms is a set of permission bits. Stored values are not masked.
type Perms int32

// The permissions of an ACL entry.
const (
	PermRead   Perms = 1
	PermWrite  Perms = 2
	PermCreate Perms = 4
	PermDelete Perms = 8
	PermAdmin  Perms = 16
	PermAll    Perms = 31
)

// ID names who an ACL entry is about.
type ID struct{ Scheme, ID string }

// ACL grants permissions to an ID.
type ACL struct {
	Perms Perms
	ID    ID
}

// WorldAnyone is the open ACL of the given permissions.
func WorldAnyone(p Perms) ACL { return ACL{Perms: p, ID: ID{Scheme: "world", ID: "anyone"}} }

// ACLEntry is one element of an ACLs vector; its slices alias the input.
type ACLEntry struct {
	Perms      Perms
	Scheme, ID []byte
}

// Append appends the entry.
func (e ACLEntry) Append(dst []byte) []byte {
	return AppendBuffer(AppendBuffer(AppendInt(dst, int32(e.Perms)), e.Scheme), e.ID)
}

// aclBytesMin is an entry with two empty strings.
const aclBytesMin = 12

// ACLs is a vector of ACL entries in its encoded form, count included, checked
// when it was decoded. The encoded form is canonical, so equal bytes are equal
// lists. The zero value appends as null.
type ACLs struct{ raw []byte }

// ACLs reads a vector of ACL entries.
func (r *Reader) ACLs() ACLs {
	start := r.rest
	n := r.count(aclBytesMin)
	for i := int32(0); i < n && !r.bad; i++ {
		r.aclEntry()
	}
	if r.bad {
		return ACLs{}
	}
	return ACLs{raw: start[:len(start)-len(r.rest)]}
}

func (r *Reader) aclEntry() ACLEntry {
	return ACLEntry{Perms: Perms(r.Int()), Scheme: r.Buffer(), ID: r.Buffer()}
}

// NewACLs encodes a list, for building requests.
func NewACLs(list ...ACL) ACLs {
	raw := AppendInt(nil, int32(len(list)))
	for _, a := range list {
		raw = AppendInt(raw, int32(a.Perms))
		raw = AppendString(AppendString(raw, a.ID.Scheme), a.ID.ID)
	}
	return ACLs{raw: raw}
}

// Bytes returns the encoded form; nil for the zero value.
func (a ACLs) Bytes() []byte { return a.raw }

// Len returns the number of entries; null counts as none.
func (a ACLs) Len() int {
	r := NewReader(a.raw)
	return max(0, int(r.Int()))
}

// All walks the entries in order.
func (a ACLs) All(yield func(ACLEntry) bool) {
	r := NewReader(a.raw)
	n := r.Int()
	for i := int32(0); i < n; i++ {
		if e := r.aclEntry(); !yield(e) {
			return
		}
	}
}

// List copies the entries out.
func (a ACLs) List() []ACL {
	list := make([]ACL, 0, a.Len())
	for e := range a.All {
		list = append(list, ACL{Perms: e.Perms, ID: ID{Scheme: string(e.Scheme), ID: string(e.ID)}})
	}
	return list
}

// Append appends the vector.
func (a ACLs) Append(dst []byte) []byte {
	if a.raw == nil {
		return AppendInt(dst, -1)
	}
	return append(dst, a.raw...)
}
