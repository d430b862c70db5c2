package wire

// LinearizableRequest is the record of OpLinearizable: a read and its record. It
// is answered like that read.
type LinearizableRequest struct {
	Op   OpCode
	Body []byte
}

// Append appends the record.
func (l *LinearizableRequest) Append(dst []byte) []byte {
	return append(AppendInt(dst, int32(l.Op)), l.Body...)
}

// Decode reads the record; the rest of the input is the read's.
func (l *LinearizableRequest) Decode(r *Reader) { l.Op, l.Body = OpCode(r.Int()), r.Rest() }

// PageStats asks for the Stat of every child in a page.
const PageStats int32 = 1

// ListPageRequest is the record of OpListPage: the children of Path whose names
// begin with Prefix and sort behind After, at most Limit of them or, at 0, as
// many as a reply takes.
type ListPageRequest struct {
	Path, Prefix, After []byte
	Limit, Flags        int32
}

// Append appends the record.
func (l *ListPageRequest) Append(dst []byte) []byte {
	dst = AppendBuffer(AppendBuffer(AppendBuffer(dst, l.Path), l.Prefix), l.After)
	return AppendInt(AppendInt(dst, l.Limit), l.Flags)
}

// Decode reads the record.
func (l *ListPageRequest) Decode(r *Reader) {
	l.Path, l.Prefix, l.After = r.Buffer(), r.Buffer(), r.Buffer()
	l.Limit, l.Flags = r.Int(), r.Int()
}

// PageEntry is one child. It has a Stat when that was asked for and the reader
// may read the child.
type PageEntry struct {
	Name    []byte
	HasStat bool
	Stat    Stat
}

// pageEntryBytesMin is an entry with an empty name and no Stat.
const pageEntryBytesMin = 5

// Append appends the record.
func (e *PageEntry) Append(dst []byte) []byte {
	dst = AppendBool(AppendBuffer(dst, e.Name), e.HasStat)
	if e.HasStat {
		dst = e.Stat.Append(dst)
	}
	return dst
}

// Decode reads the record.
func (e *PageEntry) Decode(r *Reader) {
	e.Name, e.HasStat, e.Stat = r.Buffer(), r.Bool(), Stat{}
	if e.HasStat {
		e.Stat.Decode(r)
	}
}

// PageEntries is a vector of entries in its encoded form, checked when it was
// decoded.
type PageEntries struct {
	raw   []byte
	count int32
}

// NewPageEntries encodes a vector of entries.
func NewPageEntries(list ...PageEntry) PageEntries {
	var raw []byte
	for i := range list {
		raw = list[i].Append(raw)
	}
	return PageEntries{raw: raw, count: int32(len(list))}
}

// Len returns the number of entries.
func (p PageEntries) Len() int { return max(0, int(p.count)) }

// All walks the entries in order; names alias the decoded input.
func (p PageEntries) All(yield func(*PageEntry) bool) {
	r := NewReader(p.raw)
	var e PageEntry
	for range p.Len() {
		if e.Decode(&r); !yield(&e) {
			return
		}
	}
}

// ListPageResponse answers OpListPage. More says that another child follows;
// Stat is that of the parent.
type ListPageResponse struct {
	Entries PageEntries
	More    bool
	Stat    Stat
}

// Append appends the record.
func (l *ListPageResponse) Append(dst []byte) []byte {
	dst = append(AppendInt(dst, l.Entries.count), l.Entries.raw...)
	return l.Stat.Append(AppendBool(dst, l.More))
}

// Decode reads the record.
func (l *ListPageResponse) Decode(r *Reader) {
	n := r.count(pageEntryBytesMin)
	start := r.rest
	var e PageEntry
	for i := int32(0); i < n && !r.bad; i++ {
		e.Decode(r)
	}
	l.Entries = PageEntries{}
	if !r.bad {
		l.Entries = PageEntries{raw: start[:len(start)-len(r.rest)], count: n}
	}
	l.More = r.Bool()
	l.Stat.Decode(r)
}

// DeleteRecursiveRequest is the record of OpDeleteRecursive. Version is the
// node's own, -1 for any; Limit is the most nodes that may go, 0 for the
// default. The answer is an IntResponse with how many went.
type DeleteRecursiveRequest struct {
	Path           []byte
	Version, Limit int32
}

// The limits of DeleteRecursiveRequest. The larger one bounds how long one
// transaction keeps every server busy.
const (
	DeleteLimitDefault = 1000
	DeleteLimitMax     = 100_000
)

// Append appends the record.
func (d *DeleteRecursiveRequest) Append(dst []byte) []byte {
	return AppendInt(AppendInt(AppendBuffer(dst, d.Path), d.Version), d.Limit)
}

// Decode reads the record.
func (d *DeleteRecursiveRequest) Decode(r *Reader) {
	d.Path, d.Version, d.Limit = r.Buffer(), r.Int(), r.Int()
}

// CreateParentsResponse answers OpCreateParents: the new node, and how many
// parents were made for it.
type CreateParentsResponse struct {
	Path    []byte
	Stat    Stat
	Parents int32
}

// Append appends the record.
func (c *CreateParentsResponse) Append(dst []byte) []byte {
	return AppendInt(c.Stat.Append(AppendBuffer(dst, c.Path)), c.Parents)
}

// Decode reads the record.
func (c *CreateParentsResponse) Decode(r *Reader) {
	c.Path = r.Buffer()
	c.Stat.Decode(r)
	c.Parents = r.Int()
}

// CheckCzxidRequest is the record of OpCheckCzxid: the node is still the one
// that this transaction created, and has this version; -1 for any.
type CheckCzxidRequest struct {
	Path    []byte
	Czxid   int64
	Version int32
}

// Append appends the record.
func (c *CheckCzxidRequest) Append(dst []byte) []byte {
	return AppendInt(AppendLong(AppendBuffer(dst, c.Path), c.Czxid), c.Version)
}

// Decode reads the record.
func (c *CheckCzxidRequest) Decode(r *Reader) {
	c.Path, c.Czxid, c.Version = r.Buffer(), r.Long(), r.Int()
}

// ReplyLimit is the record of OpSetReplyLimit, the longest payload of a frame
// that the client takes, and of its answer, the limit in force; 0 is none.
type ReplyLimit struct{ Bytes int32 }

// ReplyLimitMin is the smallest limit: errors and small replies always fit.
const ReplyLimitMin = 1024

// Append appends the record.
func (l *ReplyLimit) Append(dst []byte) []byte { return AppendInt(dst, l.Bytes) }

// Decode reads the record.
func (l *ReplyLimit) Decode(r *Reader) { l.Bytes = r.Int() }
