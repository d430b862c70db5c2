package wire

// CreateResponse answers create; with DecodeStat and AppendStat it is the
// Create2Response of create2, createContainer and createTTL.
type CreateResponse struct {
	Path []byte
	Stat Stat
}

// Append appends the path alone.
func (c *CreateResponse) Append(dst []byte) []byte { return AppendBuffer(dst, c.Path) }

// AppendStat appends the path and the Stat.
func (c *CreateResponse) AppendStat(dst []byte) []byte { return c.Stat.Append(c.Append(dst)) }

// Decode reads the path alone.
func (c *CreateResponse) Decode(r *Reader) { c.Path = r.Buffer() }

// DecodeStat reads the path and the Stat.
func (c *CreateResponse) DecodeStat(r *Reader) {
	c.Decode(r)
	c.Stat.Decode(r)
}

// DataResponse answers getData and reconfig. exists, setData and setACL answer
// with a Stat alone.
type DataResponse struct {
	Data []byte
	Stat Stat
}

// Append appends the record.
func (d *DataResponse) Append(dst []byte) []byte { return d.Stat.Append(AppendBuffer(dst, d.Data)) }

// Decode reads the record.
func (d *DataResponse) Decode(r *Reader) {
	d.Data = r.Buffer()
	d.Stat.Decode(r)
}

// ACLResponse answers getACL.
type ACLResponse struct {
	ACL  ACLs
	Stat Stat
}

// Append appends the record.
func (a *ACLResponse) Append(dst []byte) []byte { return a.Stat.Append(a.ACL.Append(dst)) }

// Decode reads the record.
func (a *ACLResponse) Decode(r *Reader) {
	a.ACL = r.ACLs()
	a.Stat.Decode(r)
}

// StringsResponse answers getChildren and getEphemerals; with DecodeStat and
// AppendStat it answers getChildren2.
type StringsResponse struct {
	Names Strings
	Stat  Stat
}

// Append appends the names alone.
func (s *StringsResponse) Append(dst []byte) []byte { return s.Names.Append(dst) }

// AppendStat appends the names and the Stat.
func (s *StringsResponse) AppendStat(dst []byte) []byte { return s.Stat.Append(s.Append(dst)) }

// Decode reads the names alone.
func (s *StringsResponse) Decode(r *Reader) { s.Names = r.Strings() }

// DecodeStat reads the names and the Stat.
func (s *StringsResponse) DecodeStat(r *Reader) {
	s.Decode(r)
	s.Stat.Decode(r)
}

// IntResponse answers getAllChildrenNumber (the count) and addWatch (an error
// code that is always 0).
type IntResponse struct{ Value int32 }

// Append appends the record.
func (i *IntResponse) Append(dst []byte) []byte { return AppendInt(dst, i.Value) }

// Decode reads the record.
func (i *IntResponse) Decode(r *Reader) { i.Value = r.Int() }

// WhoAmIResponse answers whoAmI: scheme and user of every identity.
type WhoAmIResponse struct{ Clients []ID }

// clientInfoBytesMin is a ClientInfo with two empty strings.
const clientInfoBytesMin = 8

// Append appends the record.
func (w *WhoAmIResponse) Append(dst []byte) []byte {
	dst = AppendInt(dst, int32(len(w.Clients)))
	for _, c := range w.Clients {
		dst = AppendString(AppendString(dst, c.Scheme), c.ID)
	}
	return dst
}

// Decode reads the record.
func (w *WhoAmIResponse) Decode(r *Reader) {
	w.Clients = w.Clients[:0]
	n := r.count(clientInfoBytesMin)
	for i := int32(0); i < n && r.OK(); i++ {
		w.Clients = append(w.Clients, ID{Scheme: string(r.Buffer()), ID: string(r.Buffer())})
	}
}
