// Package client talks ZooKeeper's client protocol to zabkeeper and to
// ZooKeeper itself.
//
// A Client is one session. Dial makes it, every method may be called from any
// number of goroutines, and all of them share one connection: requests are
// pipelined and answered in the order they were sent. When the connection is
// lost the client takes the next server, keeps the session, sends its
// credentials again and registers its watches again.
//
// What a caller has to know.
//
//   - A request that was sent when the connection broke ends with
//     ErrConnectionLoss: it may have been carried out or not. A request that
//     was not sent yet waits for the next connection, as long as its context
//     allows. A context that ends also leaves the outcome of a sent request open.
//   - Expiry is final. After ErrSessionExpired every call returns it, all
//     watches end, and the program makes a new Client.
//   - Byte slices given to a call are read before it returns; slices returned
//     belong to the caller.
//   - Paths are absolute and are checked before they are sent; with a chroot
//     they are relative to it.
//   - Errors are *OpError around a sentinel: errors.Is(err, client.ErrNoNode).
//
// Close ends the session and every goroutine of the client.
package client
