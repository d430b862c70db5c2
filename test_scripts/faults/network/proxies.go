package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

const (
	helloBytesMax = 128 << 10 // a hello carries a node table
	helloTime     = 10 * time.Second
	dialTime      = 2 * time.Second
	copyBytes     = 32 << 10
)

// ErrHello says that the first frame of a connection is not a server's introduction.
var ErrHello = errors.New("network: not a hello")

// Proxies stand before the ports of every server.
type Proxies struct {
	t     testing.TB
	seats []processes.Seat
	wg    sync.WaitGroup

	mu        sync.Mutex
	changed   *sync.Cond // of mu: cuts, or the end
	cuts      map[Cut]bool
	ended     bool
	listeners []net.Listener
	links     map[*link]struct{}
}

// link is one connection through a proxy.
type link struct {
	dialler, target int
	port            Port
	near, far       net.Conn // to the dialler, to the target
}

// NewProxies puts proxies before n servers on loopback.
func NewProxies(t testing.TB, n int) *Proxies {
	t.Helper()
	p := &Proxies{t: t, cuts: map[Cut]bool{}, links: map[*link]struct{}{}}
	p.changed = sync.NewCond(&p.mu)
	t.Cleanup(p.end)
	behind := processes.FreePorts(t, 3*n)
	for i := range n {
		seat := processes.Seat{Host: "127.0.0.1", Ports: [3]int{2: behind[3*i+2]}}
		for j, port := range []Port{ServerPort, LeaderPort} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			p.listeners = append(p.listeners, l)
			seat.Ports[j] = l.Addr().(*net.TCPAddr).Port
			target := fmt.Sprintf("127.0.0.1:%d", behind[3*i+j])
			seat.Settings += fmt.Sprintf("%s = %q\n", []string{"server_address", "leader_address"}[j], target)
			p.wg.Go(func() { p.accept(l, i+1, port, target) })
		}
		p.seats = append(p.seats, seat)
	}
	return p
}

// Seats implements Network.
func (p *Proxies) Seats() []processes.Seat { return p.seats }

// Set implements Network. What was under way in a direction that is cut arrives
// when it is not cut any more, as with packets that are sent again.
func (p *Proxies) Set(cuts ...Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.cuts)
	for _, c := range cuts {
		p.cuts[c] = true
	}
	p.changed.Broadcast()
}

// Reset breaks every connection between two servers.
func (p *Proxies) Reset(a, b int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if l.dialler == a && l.target == b || l.dialler == b && l.target == a {
			l.close()
		}
	}
}

func (p *Proxies) accept(l net.Listener, target int, port Port, address string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		k := &link{target: target, port: port, near: c}
		p.mu.Lock()
		if p.ended {
			p.mu.Unlock()
			_ = c.Close()
			return
		}
		p.links[k] = struct{}{}
		p.mu.Unlock()
		p.wg.Go(func() { p.serve(k, address) })
	}
}

func (p *Proxies) serve(k *link, address string) {
	defer func() {
		p.mu.Lock()
		delete(p.links, k)
		k.close()
		p.mu.Unlock()
	}()
	_ = k.near.SetReadDeadline(time.Now().Add(helloTime))
	hello, dialler, err := readHello(k.near)
	if err != nil {
		return
	}
	_ = k.near.SetReadDeadline(time.Time{})
	p.mu.Lock()
	k.dialler = dialler
	p.mu.Unlock()
	there, back := Cut{dialler, k.target, k.port}, Cut{k.target, dialler, k.port}
	if !p.await(there) {
		return
	}
	far, err := net.DialTimeout("tcp", address, dialTime)
	if err != nil {
		return
	}
	p.mu.Lock()
	k.far = far
	if p.ended {
		_ = far.Close()
	}
	p.mu.Unlock()
	if _, err := far.Write(hello); err != nil {
		return
	}
	var backward sync.WaitGroup
	backward.Go(func() { p.copy(k, k.near, far, back) })
	p.copy(k, far, k.near, there)
	backward.Wait()
}

// copy passes on one direction. Its end, too, is heard of only when the direction
// is not cut.
func (p *Proxies) copy(k *link, dst, src net.Conn, direction Cut) {
	b := make([]byte, copyBytes)
	for {
		n, err := src.Read(b)
		if !p.await(direction) {
			break
		}
		if n > 0 {
			if _, err := dst.Write(b[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k.close()
}

// await returns when the direction is not cut; false at the end of the test.
func (p *Proxies) await(direction Cut) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.ended && (p.cuts[direction] || p.cuts[Cut{direction.From, direction.To, BothPorts}]) {
		p.changed.Wait()
	}
	return !p.ended
}

// close needs the lock of the proxies. Closing twice does no harm.
func (k *link) close() {
	_ = k.near.Close()
	if k.far != nil {
		_ = k.far.Close()
	}
}

func (p *Proxies) end() {
	p.mu.Lock()
	p.ended = true
	for _, l := range p.listeners {
		_ = l.Close()
	}
	for l := range p.links {
		l.close()
	}
	p.changed.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}

// readHello reads the first frame of a server's connection: u32 length, u32
// checksum, and a msgpack array of magic, version, 16 bytes, and its number.
func readHello(r io.Reader) (frame []byte, server int, err error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, 0, err
	}
	n := binary.BigEndian.Uint32(head)
	if n > helloBytesMax {
		return nil, 0, fmt.Errorf("%w: %d bytes", ErrHello, n)
	}
	frame = append(head, make([]byte, n)...)
	if _, err := io.ReadFull(r, frame[8:]); err != nil {
		return nil, 0, err
	}
	server, err = helloServer(frame[8:])
	return frame, server, err
}

func helloServer(b []byte) (int, error) {
	const before = 1 + 5 + 1 + 2 + 16 // array, magic, version, cluster
	if len(b) <= before || b[0]&0xf0 != 0x90 || b[1] != 0xce || b[7] != 0xc4 || b[8] != 16 {
		return 0, fmt.Errorf("%w: it begins with %x", ErrHello, b[:min(len(b), 9)])
	}
	switch b = b[before:]; {
	case b[0] < 0x80:
		return int(b[0]), nil
	case b[0] == 0xcc && len(b) > 1:
		return int(b[1]), nil
	}
	return 0, fmt.Errorf("%w: no small server number", ErrHello)
}
