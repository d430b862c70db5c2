package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// probeFrameMost is the longest answer to what a probe asks.
const probeFrameMost = 4096

// probeZooKeeper opens a session, sets the root's data and waits for the answer.
func probeZooKeeper(s *server) error {
	nc, err := net.DialTimeout("tcp", s.client, askTime)
	if err != nil {
		return err
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(askTime))
	hello := wire.ConnectRequest{TimeoutMs: 10_000, Password: make([]byte, wire.PasswordBytes)}
	payload, err := ask(nc, hello.Append(wire.BeginFrame(nil)))
	if err != nil {
		return err
	}
	var welcome wire.ConnectResponse
	r := wire.NewReader(payload)
	if welcome.Decode(&r); !r.OK() || welcome.TimeoutMs <= 0 {
		return errors.New("no session was opened")
	}
	q := wire.SetDataRequest{Path: []byte("/"), Version: -1}
	payload, err = ask(nc, q.Append(wire.RequestHeader{Xid: 1, Op: wire.OpSetData}.Append(wire.BeginFrame(nil))))
	if err != nil {
		return err
	}
	var h wire.ReplyHeader
	r = wire.NewReader(payload)
	if h.Decode(&r); !r.OK() || h.Xid != 1 {
		return errors.New("a write was not answered")
	}
	_, _ = ask(nc, wire.RequestHeader{Xid: 2, Op: wire.OpCloseSession}.Append(wire.BeginFrame(nil))) // it times out otherwise
	return h.Err.Err()
}

// ask sends a request that has no length yet and returns the next frame.
func ask(nc net.Conn, request []byte) ([]byte, error) {
	if _, err := nc.Write(wire.EndFrame(request, 0)); err != nil {
		return nil, err
	}
	var header [wire.FrameHeaderBytes]byte
	if _, err := io.ReadFull(nc, header[:]); err != nil {
		return nil, err
	}
	n, ok := wire.FrameLength(header, probeFrameMost)
	if !ok {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(nc, payload)
	return payload, err
}

// firstAnswer launches the servers and returns how long it took until one of them
// acknowledged a write.
func (e *ensemble) firstAnswer(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	if err := e.launch(); err != nil {
		return 0, err
	}
	ctx, stop := context.WithTimeout(ctx, serveWait)
	defer stop()
	answered := make(chan time.Duration, len(e.servers))
	for _, s := range e.servers {
		go func() {
			for ctx.Err() == nil {
				if e.kind.probe(s) == nil {
					answered <- time.Since(begin)
					return
				}
				_ = pause(ctx, 2*time.Millisecond)
			}
		}()
	}
	select {
	case d := <-answered:
		return d, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("no write was acknowledged in %v: %s", serveWait, e.servers[0].logTail())
	}
}
