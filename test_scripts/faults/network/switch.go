//go:build linux

package network

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	frameBytesMax = 2048
	// queueFrames bounds what is held back from one member to another; what is
	// more is dropped, and senders send it again.
	queueFrames = 8192
	membersMax  = 33
)

// frameSwitch joins TAP devices and holds frames back. Frames of one pair of
// members keep their order.
type frameSwitch struct {
	delay   [membersMax]atomic.Int64 // of what a server sends to others, and of what it gets from them
	mu      sync.Mutex
	members [membersMax]*tapMember
	wg      sync.WaitGroup
	done    chan struct{}
}

type tapMember struct{ device *os.File }

type lateFrame struct {
	due   time.Time
	bytes []byte
}

func newFrameSwitch() *frameSwitch { return &frameSwitch{done: make(chan struct{})} }

// openTap makes a TAP device. It goes when its file is closed, wherever it is.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("network: /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("network: TAP device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// tap gives a member its device, in a namespace or on the host.
func (s *Namespaces) tap(id int, namespace string) {
	s.t.Helper()
	name := s.name
	if namespace != "" {
		name = namespace
	}
	device, err := openTap(name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.frames.join(id, device)
	if namespace != "" {
		s.run("ip", "link", "set", name, "netns", namespace, "name", "inside")
	}
}

func (f *frameSwitch) join(id int, device *os.File) {
	m := &tapMember{device: device}
	f.mu.Lock()
	f.members[id] = m
	f.mu.Unlock()
	f.wg.Go(func() { f.read(id, m) })
}

// read takes what a member sends and queues it for whom it is meant. The last
// byte of a hardware address is the member's number and one.
func (f *frameSwitch) read(id int, m *tapMember) {
	var queues [membersMax]chan lateFrame
	for {
		b := make([]byte, frameBytesMax)
		n, err := m.device.Read(b)
		if err != nil {
			return
		}
		if n < 14 || b[5] == 0 || int(b[5]) > membersMax || b[0] != 2 {
			continue // broadcasts: neighbours are known without them
		}
		to := int(b[5]) - 1
		f.mu.Lock()
		target := f.members[to]
		f.mu.Unlock()
		if target == nil {
			continue
		}
		if queues[to] == nil {
			q := make(chan lateFrame, queueFrames)
			queues[to] = q
			f.wg.Go(func() { f.write(target, q) })
		}
		late := time.Duration(0)
		if id != Clients && to != Clients {
			late = time.Duration(f.delay[id].Load() + f.delay[to].Load())
		}
		select {
		case queues[to] <- lateFrame{time.Now().Add(late), b[:n]}:
		default:
		}
	}
}

// write gives a member the frames of another one when their time has come.
func (f *frameSwitch) write(m *tapMember, queue chan lateFrame) {
	for {
		select {
		case l := <-queue:
			if wait := time.Until(l.due); wait > 0 {
				select {
				case <-time.After(wait):
				case <-f.done:
					return
				}
			}
			// Fails while the device is not up, or is going: the frame is lost.
			_, _ = m.device.Write(l.bytes)
		case <-f.done:
			return
		}
	}
}

func (f *frameSwitch) close() {
	close(f.done)
	f.mu.Lock()
	for _, m := range f.members {
		if m != nil {
			_ = m.device.Close()
		}
	}
	f.mu.Unlock()
	f.wg.Wait()
}
