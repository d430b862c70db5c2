package node

import "net"

// pipeConn returns a client connection without a client.
func pipeConn(n *Node) *clientConn {
	near, far := net.Pipe()
	_ = far.Close()
	return newClientConn(n, 1, near)
}
