package tree

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// L01.
//
// covers: L01
func TestLocalSessions(t *testing.T) {
	f := newFixture(t)
	local := LocalSessionBit | 5
	body := AppendSessionBody(nil, 4000, [wire.PasswordBytes]byte{1}, 1)
	f.session, f.settings = local, SettingLocalSession
	if code := f.create("/plain", "", 0); code != wire.OK {
		t.Errorf("a write of a local session: %v", code)
	}
	if code := f.create("/live", "", wire.FlagEphemeral); code != wire.ErrEphemeralOnLocalSession {
		t.Errorf("an ephemeral node of a local session: %v", code)
	}
	if f.session = 5; f.create("/no", "", 0) != wire.ErrSessionExpired {
		t.Error("an id of another kind passes for a local session")
	}
	if f.apply(OpCreateSession, body) == wire.OK {
		t.Error("a global session was given an id")
	}
	f.session, f.settings = local, 0
	if code := f.create("/no", "", 0); code != wire.ErrSessionExpired {
		t.Errorf("a global write of a session that the table has not: %v", code)
	}
	if code := f.apply(OpCreateSession, body); code != wire.OK || f.res.Session.ID != local {
		t.Fatalf("upgrade: %v, %x", code, f.res.Session.ID)
	}
	if f.apply(OpCreateSession, body) == wire.OK {
		t.Error("upgraded twice")
	}
	f.mustCreate("/live", "", wire.FlagEphemeral)
	// What still comes as from a local session could be from an earlier owner.
	f.settings = SettingLocalSession
	if code := f.create("/late", "", 0); code != wire.ErrSessionMoved {
		t.Errorf("a local write of an upgraded session: %v", code)
	}
	f.settings = 0
	if code := f.apply(OpCloseSession, nil); code != wire.OK || f.tree.nodes.find("/live") != nil || f.tree.nodes.find("/plain") == nil {
		t.Errorf("close: %v", code)
	}
}

func TestTheStampKeepsWhatTheOriginSaysOfTheSession(t *testing.T) {
	b := AppendTransaction(nil, &Transaction{Op: OpCreate, Settings: SettingLocalSession | SettingOperator})
	StampTransaction(b, SettingSASL, 1)
	var txn Transaction
	if err := DecodeTransaction(b, &txn); err != nil || txn.Settings != SettingLocalSession|SettingSASL {
		t.Errorf("settings %b, %v", txn.Settings, err)
	}
}

func TestCreatesEphemeral(t *testing.T) {
	create := func(flags wire.CreateFlags) []byte {
		return (&wire.CreateRequest{Path: []byte("/a"), Flags: flags}).Append(nil)
	}
	multi := func(flags wire.CreateFlags) []byte {
		b := wire.AppendMultiOp(nil, wire.OpDelete)
		b = (&wire.PathVersionRequest{Path: []byte("/a")}).Append(b)
		b = append(wire.AppendMultiOp(b, wire.OpCreate2), create(flags)...)
		return wire.AppendMultiEnd(b)
	}
	for _, c := range []struct {
		what string
		op   wire.OpCode
		body []byte
		want bool
	}{
		{"persistent", wire.OpCreate, create(0), false},
		{"ephemeral", wire.OpCreate2, create(wire.FlagEphemeral), true},
		{"ephemeral sequential", wire.OpCreate, create(3), true},
		{"cut", wire.OpCreate, create(wire.FlagEphemeral)[:9], false},
		{"multi without", wire.OpMulti, multi(0), false},
		{"multi with", wire.OpMulti, multi(wire.FlagEphemeral), true},
		{"delete", wire.OpDelete, create(wire.FlagEphemeral), false},
	} {
		if got := CreatesEphemeral(c.op, c.body); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
