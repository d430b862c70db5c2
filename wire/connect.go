package wire

// PasswordBytes is the size of a session's password.
const PasswordBytes = 16

// ConnectRequest is the first frame of a connection. Clients up to 3.3 leave
// the last byte out, and then want an answer without it.
type ConnectRequest struct {
	ProtocolVersion int32
	LastZxidSeen    int64
	TimeoutMs       int32
	SessionID       int64
	Password        []byte
	ReadOnly        bool
	HasReadOnly     bool
}

// Append appends the 45- or 44-byte form.
func (c *ConnectRequest) Append(dst []byte) []byte {
	dst = AppendLong(AppendInt(dst, c.ProtocolVersion), c.LastZxidSeen)
	dst = AppendLong(AppendInt(dst, c.TimeoutMs), c.SessionID)
	dst = AppendBuffer(dst, c.Password)
	if c.HasReadOnly {
		dst = AppendBool(dst, c.ReadOnly)
	}
	return dst
}

// Decode reads the request; the password may be null or of any length.
func (c *ConnectRequest) Decode(r *Reader) {
	c.ProtocolVersion, c.LastZxidSeen = r.Int(), r.Long()
	c.TimeoutMs, c.SessionID = r.Int(), r.Long()
	c.Password = r.Buffer()
	c.HasReadOnly = len(r.rest) > 0
	c.ReadOnly = c.HasReadOnly && r.Bool()
}

// ConnectResponse answers a ConnectRequest; all zero refuses the session. Its
// last byte is there only if the request had it.
type ConnectResponse struct {
	ProtocolVersion int32
	TimeoutMs       int32
	SessionID       int64
	Password        [PasswordBytes]byte
	ReadOnly        bool
	HasReadOnly     bool
}

// Append appends the 37- or 36-byte form.
func (c *ConnectResponse) Append(dst []byte) []byte {
	dst = AppendInt(AppendInt(dst, c.ProtocolVersion), c.TimeoutMs)
	dst = AppendBuffer(AppendLong(dst, c.SessionID), c.Password[:])
	if c.HasReadOnly {
		dst = AppendBool(dst, c.ReadOnly)
	}
	return dst
}

// Decode reads the response; a password of another length is cut or padded.
func (c *ConnectResponse) Decode(r *Reader) {
	c.ProtocolVersion, c.TimeoutMs, c.SessionID = r.Int(), r.Int(), r.Long()
	c.Password = [PasswordBytes]byte{}
	copy(c.Password[:], r.Buffer())
	c.HasReadOnly = len(r.rest) > 0
	c.ReadOnly = c.HasReadOnly && r.Bool()
}
