package history

import (
	"context"
	"errors"
	"net"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/wire"
)

// library is the project's own client library.
type library struct {
	load *Load
	note func(*operation)
	c    *client.Client
}

func (d *library) knows(k kind) bool { return plain(k) }

func (d *library) open(ctx context.Context) bool {
	if d.c != nil {
		select {
		case <-d.c.Done():
			d.told(kindExpired)
		default:
			return true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeMax)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Servers: d.load.addresses, SessionTimeout: d.load.o.Session,
		Dialer: func(ctx context.Context, _, address string) (net.Conn, error) { return d.load.o.Dial(ctx, address) }})
	if err == nil {
		d.c = c
	}
	return err == nil
}

func (d *library) told(k kind) {
	now := d.load.now()
	d.note(&operation{session: d.c.SessionID(), server: d.c.Server(), kind: k, invoke: now, ret: now, outcome: outcomeOK})
	d.c = nil
}

func (d *library) close(ctx context.Context) {
	if d.c == nil {
		return
	}
	if err := d.c.Close(ctx); err == nil {
		d.told(kindClosed)
		return
	}
	d.c = nil
}

func (d *library) do(o *operation) {
	ctx, cancel := context.WithTimeout(context.Background(), d.load.o.Session)
	defer cancel()
	o.session, o.server = d.c.SessionID(), d.c.Server()
	o.invoke, o.ret = d.load.now(), never
	o.watch = false
	err := d.call(ctx, o)
	o.ret = d.load.now()
	var code wire.ErrorCode
	if err != nil && !errors.As(err, &code) {
		code = wire.ErrConnectionLoss
	}
	if code == wire.ErrSessionExpired { // the library says so of requests that were sent, too
		code = wire.ErrConnectionLoss
	}
	o.settle(code)
	d.note(o)
}

func (d *library) call(ctx context.Context, o *operation) error {
	if o.synced && !o.linearizable {
		if err := d.c.Sync(ctx, o.path); err != nil {
			return wire.ErrConnectionLoss // nothing is known of the read
		}
	}
	var stat client.Stat
	var data []byte
	var err error
	switch o.kind {
	case kindCreate:
		o.made, stat, err = d.c.Create2(ctx, o.path, []byte(o.value), client.CreateOptions{})
		data, o.zxid = []byte(o.value), stat.Czxid
	case kindSet:
		stat, err = d.c.Set(ctx, o.path, []byte(o.value), o.version)
		data, o.zxid = []byte(o.value), stat.Mzxid
	case kindDelete:
		return d.c.Delete(ctx, o.path, o.version)
	case kindGet:
		if o.linearizable {
			data, stat, err = d.c.Linearizable().Get(ctx, o.path)
		} else {
			data, stat, err = d.c.Get(ctx, o.path)
		}
	case kindChildren:
		if o.linearizable {
			o.got.names, stat, err = d.c.Linearizable().Children(ctx, o.path)
		} else {
			o.got.names, stat, err = d.c.Children2(ctx, o.path)
		}
	}
	if err == nil {
		names := o.got.names
		o.got = nodeOf(&stat)
		o.got.value, o.got.names = string(data), names
	}
	return err
}
