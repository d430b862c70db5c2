package history

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zabkeeper/zabkeeper/wire"
)

// foreign is a client library that other people wrote.
type foreign struct {
	load *Load
	note func(*operation)
	c    *zk.Conn
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func (d *foreign) knows(k kind) bool { return plain(k) }

// open connects; this library finds another session by itself when one expires.
func (d *foreign) open(context.Context) bool {
	if d.c != nil {
		return true
	}
	c, _, err := zk.Connect(d.load.addresses, d.load.o.Session, zk.WithLogger(quiet{}),
		zk.WithDialer(func(_, address string, limit time.Duration) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(d.load.ctx, limit)
			defer cancel()
			return d.load.o.Dial(ctx, address)
		}))
	if err != nil {
		return false
	}
	d.c = c
	// Requests wait for as long as there is no server. This ends them.
	context.AfterFunc(d.load.ctx, c.Close)
	return true
}

// close is part of open: the library does not tell how it ended.
func (d *foreign) close(context.Context) {}

func (d *foreign) do(o *operation) {
	o.session, o.server = 0, d.c.Server() // the session may change on the way
	o.invoke, o.ret = d.load.now(), never
	o.watch, o.linearizable = false, false
	err := d.call(o)
	o.ret = d.load.now()
	o.settle(codeOf(err))
	d.note(o)
}

func codeOf(err error) wire.ErrorCode {
	for known, code := range map[error]wire.ErrorCode{
		zk.ErrNoNode: wire.ErrNoNode, zk.ErrNodeExists: wire.ErrNodeExists, zk.ErrBadVersion: wire.ErrBadVersion, zk.ErrNotEmpty: wire.ErrNotEmpty,
	} {
		if errors.Is(err, known) {
			return code
		}
	}
	if err == nil {
		return wire.OK
	}
	return wire.ErrConnectionLoss
}

func (d *foreign) call(o *operation) error {
	if o.synced {
		if _, err := d.c.Sync(o.path); err != nil {
			return wire.ErrConnectionLoss
		}
	}
	var stat *zk.Stat
	var data []byte
	var names []string
	var err error
	switch o.kind {
	case kindCreate:
		o.made, err = d.c.Create(o.path, []byte(o.value), zk.FlagPersistent, zk.WorldACL(zk.PermAll))
		if err == nil {
			o.got = node{present: true, value: o.value}
		}
		return err
	case kindSet:
		if stat, err = d.c.Set(o.path, []byte(o.value), o.version); err == nil {
			data, o.zxid = []byte(o.value), stat.Mzxid
		}
	case kindDelete:
		return d.c.Delete(o.path, o.version)
	case kindGet:
		data, stat, err = d.c.Get(o.path)
	case kindChildren:
		names, stat, err = d.c.Children(o.path)
	}
	if err != nil {
		return err
	}
	slices.Sort(names)
	o.got = node{present: true, value: string(data), version: stat.Version, cversion: stat.Cversion, czxid: stat.Czxid, mzxid: stat.Mzxid,
		pzxid: stat.Pzxid, owner: stat.EphemeralOwner, children: stat.NumChildren, names: names}
	return nil
}
