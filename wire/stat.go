package wire

// StatBytes is the size of an encoded Stat.
const StatBytes = 68

// Stat is what a client learns about a znode besides its data.
type Stat struct {
	Czxid, Mzxid                int64
	Ctime, Mtime                int64
	Version, Cversion, Aversion int32
	EphemeralOwner              int64
	DataLength, NumChildren     int32
	Pzxid                       int64
}

// Append appends the 68 bytes of s.
func (s *Stat) Append(dst []byte) []byte {
	dst = AppendLong(dst, s.Czxid)
	dst = AppendLong(dst, s.Mzxid)
	dst = AppendLong(dst, s.Ctime)
	dst = AppendLong(dst, s.Mtime)
	dst = AppendInt(dst, s.Version)
	dst = AppendInt(dst, s.Cversion)
	dst = AppendInt(dst, s.Aversion)
	dst = AppendLong(dst, s.EphemeralOwner)
	dst = AppendInt(dst, s.DataLength)
	dst = AppendInt(dst, s.NumChildren)
	return AppendLong(dst, s.Pzxid)
}

// Decode reads s.
func (s *Stat) Decode(r *Reader) {
	s.Czxid, s.Mzxid, s.Ctime, s.Mtime = r.Long(), r.Long(), r.Long(), r.Long()
	s.Version, s.Cversion, s.Aversion = r.Int(), r.Int(), r.Int()
	s.EphemeralOwner = r.Long()
	s.DataLength, s.NumChildren = r.Int(), r.Int()
	s.Pzxid = r.Long()
}
