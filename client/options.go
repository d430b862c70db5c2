package client

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// DefaultPort is used for a server without a port.
const DefaultPort = "2181"

// DefaultSessionTimeout is asked for when Options has no other.
const DefaultSessionTimeout = 10 * time.Second

// Options says where and how to connect. Only Servers is needed.
type Options struct {
	// Servers are host:port addresses, tried in random order.
	Servers []string
	// Chroot is put in front of every path; ParseConnectString finds it.
	Chroot string
	// SASL logs a user in on every connection, before anything else happens on
	// it; nil for nobody. When a server refuses, the client ends with
	// ErrAuthFailed.
	SASL *SASL
	// ReadOnly also takes servers that have no leader and serve reads alone,
	// where they are set up to: they may have missed the latest changes. A
	// session that has been on a server with a leader does not go to such a one;
	// one that begins there moves on as soon as a leader is found.
	ReadOnly bool
	// SessionTimeout is how long the session outlives a lost connection. The
	// server may grant another: see Client.SessionTimeout.
	SessionTimeout time.Duration
	// Dialer opens connections; nil is a plain TCP dialer. For TLS give the
	// DialContext method of a tls.Dialer.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	// OnState is called for every change of the session's state, one call at a
	// time. It must return soon and must not call the client.
	OnState func(StateChange)
	// FrameBytesMax limits requests; it should be the servers' jute.maxbuffer.
	// 0 is ZooKeeper's default of 1 MiB less one byte.
	FrameBytesMax int
	// ReplyBytesMax is the longest answer the client takes. A server with the
	// extension is told, and answers ErrReplyTooLarge above it; with another the
	// connection is lost. 0 is 64 MiB; with a limit of its own a connection takes
	// one round trip more to begin with.
	ReplyBytesMax int
	// WatchEventsMax is how many undelivered events a Watch keeps; 0 is 1024.
	WatchEventsMax int
}

// ParseConnectString splits "host:port,host:port/chroot". A missing port is
// DefaultPort; IPv6 addresses stand in brackets.
func ParseConnectString(s string) (servers []string, chroot string, err error) {
	hosts := s
	if i := strings.IndexByte(s, '/'); i >= 0 {
		hosts, chroot = s[:i], s[i:]
	}
	for h := range strings.SplitSeq(hosts, ",") {
		if h = strings.TrimSpace(h); h == "" {
			continue
		}
		host, port, err := net.SplitHostPort(h)
		if err != nil { // no port, or no address at all: adding the port tells
			host, port, err = net.SplitHostPort(h + ":" + DefaultPort)
		}
		if err != nil || port == "" {
			return nil, "", fmt.Errorf("%w: %q is not host:port", ErrOptions, h)
		}
		servers = append(servers, net.JoinHostPort(host, port))
	}
	if len(servers) == 0 {
		return nil, "", fmt.Errorf("%w: no server in %q, give host:port[,host:port...][/chroot]", ErrOptions, s)
	}
	chroot, err = cleanChroot(chroot)
	return servers, chroot, err
}

func cleanChroot(chroot string) (string, error) {
	if chroot == "" || chroot == "/" {
		return "", nil
	}
	if wire.CheckPath(chroot) != wire.OK {
		return "", fmt.Errorf("%w: chroot %q is not a path of znodes", ErrOptions, chroot)
	}
	return chroot, nil
}

// complete checks o and fills in what was left out.
func (o Options) complete() (Options, error) {
	var err error
	if len(o.Servers) == 0 {
		return o, fmt.Errorf("%w: no servers", ErrOptions)
	}
	if o.Chroot, err = cleanChroot(o.Chroot); err != nil {
		return o, err
	}
	if o.SASL != nil && o.SASL.User == "" {
		return o, fmt.Errorf("%w: SASL without a user", ErrOptions)
	}
	if o.SessionTimeout < 0 || o.SessionTimeout.Milliseconds() > 1<<31-1 {
		return o, fmt.Errorf("%w: session timeout %v", ErrOptions, o.SessionTimeout)
	}
	if o.SessionTimeout == 0 {
		o.SessionTimeout = DefaultSessionTimeout
	}
	if o.Dialer == nil {
		o.Dialer = new(net.Dialer).DialContext
	}
	if o.OnState == nil {
		o.OnState = func(StateChange) {}
	}
	if o.FrameBytesMax <= 0 {
		o.FrameBytesMax = wire.FrameBytesMax
	}
	if o.ReplyBytesMax <= 0 {
		o.ReplyBytesMax = replyBytesMax
	}
	if o.ReplyBytesMax < wire.ReplyLimitMin || o.ReplyBytesMax > math.MaxInt32 {
		return o, fmt.Errorf("%w: answers of at most %d bytes, give %d to %d", ErrOptions, o.ReplyBytesMax, wire.ReplyLimitMin, math.MaxInt32)
	}
	if o.WatchEventsMax <= 0 {
		o.WatchEventsMax = 1024
	}
	return o, nil
}
