package datadir

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const (
	identityMagic   = "ZKPRIDEN"
	identityVersion = 1
	identityBytes   = 52
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Identity says whose directory this is.
type Identity struct {
	Server      zxid.ServerID
	Incarnation [16]byte // drawn at random when the directory was made
	ClusterID   [16]byte // zero until genesis
}

func (id Identity) encode() []byte {
	b := make([]byte, 0, identityBytes)
	b = append(b, identityMagic...)
	b = binary.LittleEndian.AppendUint32(b, identityVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(id.Server))
	b = append(b, id.Incarnation[:]...)
	b = append(b, id.ClusterID[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeIdentity(b []byte) (Identity, error) {
	if len(b) != identityBytes || string(b[:8]) != identityMagic {
		return Identity{}, fmt.Errorf("not an identity file: %d bytes, want %d", len(b), identityBytes)
	}
	const sum = identityBytes - 4
	if got, want := crc32.Checksum(b[:sum], castagnoli), binary.LittleEndian.Uint32(b[sum:]); got != want {
		return Identity{}, fmt.Errorf("identity has checksum %08x, want %08x", got, want)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != identityVersion {
		return Identity{}, fmt.Errorf("identity of format %d, this program reads %d", v, identityVersion)
	}
	id := Identity{Server: zxid.ServerID(binary.LittleEndian.Uint32(b[12:]))}
	copy(id.Incarnation[:], b[16:])
	copy(id.ClusterID[:], b[32:])
	return id, nil
}
