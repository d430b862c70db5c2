package wire

// CreateFlags selects what kind of znode a create makes.
type CreateFlags int32

// The create flags of ZooKeeper.
const (
	FlagPersistent           CreateFlags = 0
	FlagEphemeral            CreateFlags = 1
	FlagPersistentSequential CreateFlags = 2
	FlagEphemeralSequential  CreateFlags = 3
	FlagContainer            CreateFlags = 4
	FlagTTL                  CreateFlags = 5
	FlagSequentialTTL        CreateFlags = 6
)

// TTLMsMax is the longest time to live a znode can have.
const TTLMsMax int64 = 1<<40 - 1

// Valid reports whether f is one of the flags.
func (f CreateFlags) Valid() bool { return f >= FlagPersistent && f <= FlagSequentialTTL }

// Ephemeral reports whether the znode goes with its session.
func (f CreateFlags) Ephemeral() bool { return f == FlagEphemeral || f == FlagEphemeralSequential }

// Sequential reports whether the server appends a number to the path.
func (f CreateFlags) Sequential() bool {
	return f == FlagPersistentSequential || f == FlagEphemeralSequential || f == FlagSequentialTTL
}

// TTL reports whether the znode has a time to live.
func (f CreateFlags) TTL() bool { return f == FlagTTL || f == FlagSequentialTTL }

// CreateRequest is the record of create, create2, createContainer and, with
// DecodeTTL and AppendTTL, of createTTL.
type CreateRequest struct {
	Path, Data []byte
	ACL        ACLs
	Flags      CreateFlags
	TTLMs      int64
}

// Append appends the record without the time to live.
func (c *CreateRequest) Append(dst []byte) []byte {
	dst = c.ACL.Append(AppendBuffer(AppendBuffer(dst, c.Path), c.Data))
	return AppendInt(dst, int32(c.Flags))
}

// AppendTTL appends the record of createTTL.
func (c *CreateRequest) AppendTTL(dst []byte) []byte { return AppendLong(c.Append(dst), c.TTLMs) }

// Decode reads the record without the time to live.
func (c *CreateRequest) Decode(r *Reader) {
	c.Path, c.Data, c.ACL, c.Flags = r.Buffer(), r.Buffer(), r.ACLs(), CreateFlags(r.Int())
	c.TTLMs = 0
}

// DecodeTTL reads the record of createTTL.
func (c *CreateRequest) DecodeTTL(r *Reader) {
	c.Decode(r)
	c.TTLMs = r.Long()
}

// PathVersionRequest is the record of delete and of check.
type PathVersionRequest struct {
	Path    []byte
	Version int32
}

// Append appends the record.
func (d *PathVersionRequest) Append(dst []byte) []byte {
	return AppendInt(AppendBuffer(dst, d.Path), d.Version)
}

// Decode reads the record.
func (d *PathVersionRequest) Decode(r *Reader) { d.Path, d.Version = r.Buffer(), r.Int() }

// PathWatchRequest is the record of exists, getData, getChildren and
// getChildren2.
type PathWatchRequest struct {
	Path  []byte
	Watch bool
}

// Append appends the record.
func (p *PathWatchRequest) Append(dst []byte) []byte {
	return AppendBool(AppendBuffer(dst, p.Path), p.Watch)
}

// Decode reads the record.
func (p *PathWatchRequest) Decode(r *Reader) { p.Path, p.Watch = r.Buffer(), r.Bool() }

// PathRequest is the record of getACL, sync (and its response), getEphemerals,
// getAllChildrenNumber and the internal deleteContainer.
type PathRequest struct{ Path []byte }

// Append appends the record.
func (p *PathRequest) Append(dst []byte) []byte { return AppendBuffer(dst, p.Path) }

// Decode reads the record.
func (p *PathRequest) Decode(r *Reader) { p.Path = r.Buffer() }

// SetDataRequest is the record of setData.
type SetDataRequest struct {
	Path, Data []byte
	Version    int32
}

// Append appends the record.
func (s *SetDataRequest) Append(dst []byte) []byte {
	return AppendInt(AppendBuffer(AppendBuffer(dst, s.Path), s.Data), s.Version)
}

// Decode reads the record.
func (s *SetDataRequest) Decode(r *Reader) {
	s.Path, s.Data, s.Version = r.Buffer(), r.Buffer(), r.Int()
}

// SetACLRequest is the record of setACL.
type SetACLRequest struct {
	Path    []byte
	ACL     ACLs
	Version int32
}

// Append appends the record.
func (s *SetACLRequest) Append(dst []byte) []byte {
	return AppendInt(s.ACL.Append(AppendBuffer(dst, s.Path)), s.Version)
}

// Decode reads the record.
func (s *SetACLRequest) Decode(r *Reader) { s.Path, s.ACL, s.Version = r.Buffer(), r.ACLs(), r.Int() }

// ReconfigRequest is the record of reconfig.
type ReconfigRequest struct {
	Joining, Leaving, NewMembers []byte
	ConfigID                     int64
}

// Append appends the record.
func (c *ReconfigRequest) Append(dst []byte) []byte {
	dst = AppendBuffer(AppendBuffer(AppendBuffer(dst, c.Joining), c.Leaving), c.NewMembers)
	return AppendLong(dst, c.ConfigID)
}

// Decode reads the record.
func (c *ReconfigRequest) Decode(r *Reader) {
	c.Joining, c.Leaving, c.NewMembers, c.ConfigID = r.Buffer(), r.Buffer(), r.Buffer(), r.Long()
}

// AuthPacket is the record of auth.
type AuthPacket struct {
	Type         int32
	Scheme, Auth []byte
}

// Append appends the record.
func (a *AuthPacket) Append(dst []byte) []byte {
	return AppendBuffer(AppendBuffer(AppendInt(dst, a.Type), a.Scheme), a.Auth)
}

// Decode reads the record.
func (a *AuthPacket) Decode(r *Reader) { a.Type, a.Scheme, a.Auth = r.Int(), r.Buffer(), r.Buffer() }

// SASLToken is the record of sasl and of its response.
type SASLToken struct{ Token []byte }

// Append appends the record.
func (s *SASLToken) Append(dst []byte) []byte { return AppendBuffer(dst, s.Token) }

// Decode reads the record.
func (s *SASLToken) Decode(r *Reader) { s.Token = r.Buffer() }
