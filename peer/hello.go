package peer

import (
	"fmt"

	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// protocolVersion changes when a server of the version before could not follow
// the conversation. Elements behind the known ones need no new version.
const protocolVersion = 1

// helloMagic is "ZABK".
const helloMagic = 0x5a41424b

// port says which of the two ports a connection was meant for, so that swapped
// columns in a node table are found and not decoded.
type port uint8

const (
	portServer port = 1
	portLeader port = 2
)

func (p port) String() string {
	if p == portServer {
		return "server_port"
	}
	return "leader_port"
}

// Hello is how a server introduces itself, first on every connection and in
// both directions (N2).
type Hello struct {
	Version     uint64
	Cluster     [16]byte // zero while unknown
	Server      zxid.ServerID
	Incarnation zab.Incarnation
	Boot        uint64
	TableHash   uint64
	TableText   string
	Row         string // the server's line of /zookeeper/config; empty from older versions

	// Address is where the connection came from or went to.
	Address string
	// Refused is why this server does not talk to that one; nil when it does.
	Refused error

	port port
	// refusal is why the other server does not talk to this one.
	refusal string
}

// appendHello encodes [magic, version, cluster, server, incarnation, boot, table
// hash, table text, port, refusal, row].
func appendHello(dst []byte, h *Hello) []byte {
	e := newEncoder(dst)
	e.array(11)
	e.uint(helloMagic)
	e.uint(h.Version)
	e.bin(h.Cluster[:])
	e.uint(uint64(h.Server))
	e.bin(h.Incarnation[:])
	e.uint(h.Boot)
	e.uint(h.TableHash)
	e.bin([]byte(h.TableText))
	e.uint(uint64(h.port))
	e.bin([]byte(h.refusal))
	e.bin([]byte(h.Row))
	return e.b
}

// decodeHello refuses what is not a hello of this version; of another version it
// returns the number and nothing else.
func decodeHello(p []byte) (Hello, error) {
	d := newDecoder(p)
	n := d.array(2)
	var h Hello
	if magic := d.uint(1<<64 - 1); d.err == nil && magic != helloMagic {
		return Hello{}, fmt.Errorf("%w: magic %#x, want %#x; is this a server of zabkeeper?", ErrHello, magic, helloMagic)
	}
	h.Version = d.uint(1<<64 - 1)
	if d.err == nil && h.Version != protocolVersion {
		return h, fmt.Errorf("%w: protocol version %d, want %d", ErrHello, h.Version, protocolVersion)
	}
	if d.err == nil && n < 10 {
		return h, fmt.Errorf("%w: hello of %d elements, want 10", ErrMalformed, n)
	}
	d.id(&h.Cluster)
	h.Server = zxid.ServerID(d.uint(1<<32 - 1))
	d.id((*[16]byte)(&h.Incarnation))
	h.Boot = d.uint(1<<64 - 1)
	h.TableHash = d.uint(1<<64 - 1)
	h.TableText = string(d.bin())
	h.port = port(d.uint(255))
	h.refusal = string(d.bin())
	if n > 10 {
		h.Row = string(d.bin())
		d.skip(n - 11)
	}
	d.end()
	return h, d.err
}

func (t *Transport) hello(p port, refusal error) *Hello {
	h := &Hello{Version: protocolVersion, Cluster: t.opt.Cluster(), Server: t.opt.Self, Incarnation: t.opt.Incarnation,
		Boot: t.opt.Boot, TableHash: t.opt.TableHash, TableText: t.opt.TableText, Row: t.opt.Row, port: p}
	if refusal != nil {
		h.refusal = refusal.Error()
	}
	return h
}

// judge says why this server does not talk to the one that sent h; want is 0 on
// accepted connections.
func (t *Transport) judge(h *Hello, p port, want zxid.ServerID) error {
	own := t.opt.Cluster()
	_, known := t.roster.Load().peers[h.Server]
	switch {
	case h.refusal != "":
		return fmt.Errorf("%w by server %d: %s", ErrHello, h.Server, h.refusal)
	case h.port != p:
		return fmt.Errorf("%w: meant for %v, came to %v; compare the node tables", ErrHello, h.port, p)
	case own != [16]byte{} && h.Cluster != [16]byte{} && h.Cluster != own:
		return fmt.Errorf("%w: cluster %x, want %x; server %d belongs to another cluster", ErrHello, h.Cluster, own, h.Server)
	case h.Server == t.opt.Self:
		return fmt.Errorf("%w: server number %d is this server's own; two servers were started with one id", ErrHello, h.Server)
	case !known && t.opt.Guest == nil:
		return fmt.Errorf("%w: server number %d is not in the node table", ErrHello, h.Server)
	case want != 0 && h.Server != want:
		return fmt.Errorf("%w: server number %d answered, want %d; compare the node tables", ErrHello, h.Server, want)
	}
	if !known {
		if err := t.opt.Guest(h); err != nil {
			return fmt.Errorf("%w: %w", ErrHello, err)
		}
	}
	return nil
}
