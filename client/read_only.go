package client

import (
	"context"
	"io"
	"net"
	"time"
)

const (
	seekMin     = 100 * time.Millisecond
	seekMax     = 10 * time.Second
	seekTimeout = time.Second // for one server's answer
)

// seekWriter asks the servers, while the connection is a read-only one, whether
// one of them has a leader, and ends the connection in favour of it.
func (c *Client) seekWriter(conn *connection, broken <-chan struct{}) {
	for pause := seekMin; ; pause = min(2*pause, seekMax) {
		select {
		case <-time.After(pause):
		case <-broken:
			return
		}
		for _, server := range c.servers {
			if c.isWritable(server) {
				c.mu.Lock()
				c.better = server
				c.mu.Unlock()
				_ = conn.nc.Close()
				return
			}
		}
	}
}

// isWritable asks with the word isro, over the same kind of connection as any.
func (c *Client) isWritable(server string) bool {
	ctx, cancel := context.WithTimeout(c.ctx, seekTimeout)
	defer cancel()
	nc, err := c.opt.Dialer(ctx, "tcp", server)
	if err != nil {
		return false
	}
	defer func() { _ = nc.Close() }()
	return nc.SetDeadline(time.Now().Add(seekTimeout)) == nil && saysWritable(nc)
}

func saysWritable(nc net.Conn) bool {
	if _, err := io.WriteString(nc, "isro"); err != nil {
		return false
	}
	var answer [2]byte
	_, err := io.ReadFull(nc, answer[:])
	return err == nil && string(answer[:]) == "rw"
}

// nextServer returns whom to try: the one that was found to have a leader, or
// the next in turn.
func (c *Client) nextServer(attempt int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.better; s != "" {
		c.better = ""
		return s
	}
	return c.servers[attempt%len(c.servers)]
}
