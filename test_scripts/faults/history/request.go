package history

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

var openACL = wire.NewACLs(wire.WorldAnyone(wire.PermAll))

func stringsOf(set map[string]bool) wire.Strings {
	return wire.NewStrings(slices.Sorted(maps.Keys(set))...)
}

func appendFrame(dst []byte, xid int32, op wire.OpCode, body func([]byte) []byte) []byte {
	start := len(dst)
	dst = wire.RequestHeader{Xid: xid, Op: op}.Append(wire.BeginFrame(dst))
	return wire.EndFrame(body(dst), start)
}

// opCodes are the requests that have a record of their own.
var opCodes = map[kind]wire.OpCode{
	kindCreate: wire.OpCreate2, kindSequence: wire.OpCreate2, kindSet: wire.OpSetData, kindDelete: wire.OpDelete,
	kindGet: wire.OpGetData, kindExists: wire.OpExists, kindChildren: wire.OpGetChildren2,
	kindOpenBank: wire.OpMulti, kindTransfer: wire.OpMulti, kindFence: wire.OpMulti, kindPair: wire.OpMultiRead,
}

func appendRequest(dst []byte, xid int32, o *operation) []byte {
	op := opCodes[o.kind]
	if o.linearizable {
		return appendFrame(dst, xid, wire.OpLinearizable, func(dst []byte) []byte {
			return appendRecord(wire.AppendInt(dst, int32(op)), o)
		})
	}
	return appendFrame(dst, xid, op, func(dst []byte) []byte { return appendRecord(dst, o) })
}

func appendRecord(dst []byte, o *operation) []byte {
	path, path2 := []byte(o.path), []byte(o.path2)
	create := func(path []byte, value string) *wire.CreateRequest {
		return &wire.CreateRequest{Path: path, Data: []byte(value), ACL: openACL, Flags: o.flags}
	}
	switch o.kind {
	case kindCreate, kindSequence:
		return create(path, o.value).Append(dst)
	case kindSet:
		return (&wire.SetDataRequest{Path: path, Data: []byte(o.value), Version: o.version}).Append(dst)
	case kindDelete:
		return (&wire.PathVersionRequest{Path: path, Version: o.version}).Append(dst)
	case kindGet, kindExists, kindChildren:
		return (&wire.PathWatchRequest{Path: path, Watch: o.watch}).Append(dst)
	case kindOpenBank:
		dst = create(path, o.value).Append(wire.AppendMultiOp(dst, wire.OpCreate))
		dst = create(path2, o.value2).Append(wire.AppendMultiOp(dst, wire.OpCreate))
	case kindTransfer:
		dst = (&wire.SetDataRequest{Path: path, Data: []byte(o.value), Version: o.version}).Append(wire.AppendMultiOp(dst, wire.OpSetData))
		dst = (&wire.SetDataRequest{Path: path2, Data: []byte(o.value2), Version: o.version2}).Append(wire.AppendMultiOp(dst, wire.OpSetData))
	case kindFence:
		dst = (&wire.PathVersionRequest{Path: path2, Version: anyVersion}).Append(wire.AppendMultiOp(dst, wire.OpCheck))
		dst = (&wire.SetDataRequest{Path: path, Data: []byte(o.value), Version: anyVersion}).Append(wire.AppendMultiOp(dst, wire.OpSetData))
	case kindPair:
		dst = (&wire.PathWatchRequest{Path: path}).Append(wire.AppendMultiOp(dst, wire.OpGetData))
		dst = (&wire.PathWatchRequest{Path: path2}).Append(wire.AppendMultiOp(dst, wire.OpGetData))
	}
	return wire.AppendMultiEnd(dst)
}

// definite reports whether a code says that a request had no effect.
func definite(code wire.ErrorCode) bool {
	switch code {
	case wire.ErrNoNode, wire.ErrNodeExists, wire.ErrBadVersion, wire.ErrNotEmpty, wire.ErrSessionExpired:
		return true
	default:
		return false
	}
}

// settle stores what a code says about the outcome.
func (o *operation) settle(code wire.ErrorCode) {
	o.code = code
	switch {
	case code == wire.OK:
		o.outcome = outcomeOK
	case definite(code):
		o.outcome = outcomeRefused
	default:
		o.outcome, o.ret, o.zxid = outcomeUnknown, never, 0
	}
}

func nodeOf(stat *wire.Stat) node {
	return node{present: true, version: stat.Version, cversion: stat.Cversion, czxid: stat.Czxid, mzxid: stat.Mzxid,
		pzxid: stat.Pzxid, owner: stat.EphemeralOwner, children: stat.NumChildren}
}

func decodeAnswer(o *operation, code wire.ErrorCode, body []byte) error {
	if o.settle(code); code != wire.OK {
		return nil
	}
	r := wire.NewReader(body)
	switch o.kind {
	case kindCreate, kindSequence:
		var res wire.CreateResponse
		res.DecodeStat(&r)
		o.got, o.made = nodeOf(&res.Stat), string(res.Path)
		o.got.value = o.value
	case kindSet, kindExists:
		var stat wire.Stat
		stat.Decode(&r)
		o.got = nodeOf(&stat)
		o.got.value = o.value
	case kindGet:
		var res wire.DataResponse
		res.Decode(&r)
		o.got = nodeOf(&res.Stat)
		o.got.value = string(res.Data)
	case kindChildren:
		var res wire.StringsResponse
		res.DecodeStat(&r)
		o.got = nodeOf(&res.Stat)
		o.got.names = sortedNames(res.Names)
	case kindOpenBank, kindTransfer, kindFence, kindPair:
		return decodeMulti(o, body)
	}
	return r.Err()
}

func sortedNames(names wire.Strings) []string {
	var list []string
	for name := range names.All {
		list = append(list, string(name))
	}
	slices.Sort(list)
	return list
}

func decodeMulti(o *operation, body []byte) error {
	var legs []node
	var refusal wire.ErrorCode
	err := wire.DecodeMultiResponse(body, func(res *wire.MultiResult) {
		n := nodeOf(&res.Stat)
		n.value = string(res.Data)
		if res.Err != wire.OK {
			n = node{}
			if refusal == wire.OK && res.Err != wire.ErrRuntimeInconsistency {
				refusal = res.Err
			}
		}
		legs = append(legs, n)
	})
	if err != nil {
		return err
	}
	if len(legs) != 2 {
		return fmt.Errorf("%w: a multi of two came back with %d results", errProtocol, len(legs))
	}
	if o.kind == kindPair {
		if o.got, o.got2 = legs[0], legs[1]; refusal != wire.OK && refusal != wire.ErrNoNode {
			o.settle(refusal)
		}
		return nil
	}
	if o.settle(refusal); !o.ok() {
		return nil
	}
	switch o.kind {
	case kindTransfer:
		o.got, o.got2 = legs[0], legs[1]
		o.got.value, o.got2.value = o.value, o.value2
	case kindFence:
		o.got = legs[1]
		o.got.value = o.value
	}
	return nil
}
