package replica

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Reconfig says what clients may do to the membership.
type Reconfig struct {
	Enabled bool
	// Standalone is a server that has no address for others.
	Standalone bool
	// VotersMin is how many voters have to remain, at least 1.
	VotersMin int
}

// guestsMax bounds the servers that follow without being members.
const guestsMax = 64

// AddGuest lets a server that is no member hear this server's heartbeats, so
// that it finds the leader and can follow without a vote. It reports false where
// there are too many.
func (r *Replica) AddGuest(id zxid.ServerID) bool {
	if slices.Contains(r.guests, id) {
		return true
	}
	if len(r.guests) >= guestsMax {
		return false
	}
	r.guests = append(r.guests, id)
	r.stale = true
	return true
}

// RemoveGuest forgets a guest.
func (r *Replica) RemoveGuest(id zxid.ServerID) {
	r.guests = slices.DeleteFunc(r.guests, func(g zxid.ServerID) bool { return g == id })
	r.stale = true
}

// peers returns the servers that hear this one's heartbeats: the members of
// every configuration in force, those of the node table before there is one, and
// guests.
func (r *Replica) peers() []zxid.ServerID {
	ids := slices.Clone(r.guests)
	force := r.core.InForce(nil)
	if len(force) == 0 {
		force = append(force, &zab.Configuration{Members: r.opt.Zab.Table})
	}
	for _, cfg := range force {
		for i := range cfg.Members {
			ids = append(ids, cfg.Members[i].ID)
		}
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id zxid.ServerID) bool { return id == r.opt.Zab.Self })
}

// CallElection asks for an election now: of this server if it looks for a
// leader, and otherwise of the leader, which gives its role up. Everything that
// was acknowledged is in the history of whoever wins. It reports false where the
// leader cannot be told.
func (r *Replica) CallElection() bool {
	switch r.core.Role() {
	case zab.Looking:
		r.oracle.CallElection()
	case zab.Leading:
		r.core.Leave("an election was called")
	case zab.Following:
		if !r.core.Linked() {
			return false
		}
		r.core.SendToLeader(zab.Message{Kind: ElectionCall})
	}
	return true
}

// SetRoom says whether the disk has room for another segment of the log. A
// server without gives up the lead and does not stand for it (W15, E2): what it
// can still write as a follower, it has reserved.
func (r *Replica) SetRoom(room bool) {
	r.noRoom = !room
	if !room && r.core.Role() == zab.Leading && !r.core.HandOver("no room for the log") {
		r.core.Leave("no room for the log")
	}
}

// HandOver gives leadership to the follower that is furthest; see zab.Core.
func (r *Replica) HandOver(reason string) bool { return r.core.HandOver(reason) }

// takeOver follows a leader's word about its successor without an election.
// Discovery decides whether that holds.
func (r *Replica) takeOver(successor zxid.ServerID) {
	r.offered = true
	if successor != r.opt.Zab.Self {
		r.core.Follow(successor)
	} else if r.core.Eligible() && !r.noRoom {
		r.core.Lead()
	}
}

// reconfigure carries out a client's reconfig. What it returns is to be ordered
// in its place: the refusal, or nothing.
func (r *Replica) reconfigure(encoded []byte) []byte {
	var txn tree.Transaction
	if tree.DecodeTransaction(encoded, &txn) != nil {
		return nil
	}
	code := r.tryReconfigure(&txn)
	if code == wire.OK {
		return nil
	}
	txn.Body = wire.AppendInt(nil, int32(code))
	return tree.AppendTransaction(nil, &txn)
}

// tryReconfigure checks in ZooKeeper's order.
func (r *Replica) tryReconfigure(txn *tree.Transaction) wire.ErrorCode {
	var req wire.ReconfigRequest
	body := wire.NewReader(txn.Body)
	req.Decode(&body)
	cfg := r.core.Configuration()
	switch {
	case !body.OK():
		return wire.ErrMarshalling
	case !r.opt.Reconfig.Enabled:
		return wire.ErrReconfigDisabled
	case r.opt.Reconfig.Standalone:
		return wire.ErrUnimplemented
	case len(r.core.InForce(nil)) > 1:
		return wire.ErrReconfigInProgress
	case req.ConfigID != -1 && zxid.Zxid(req.ConfigID) != r.state.ConfigZxid:
		return wire.ErrBadVersion
	}
	members, ok := nextMembers(cfg.Members, &req)
	voters := 0
	for _, m := range members {
		if m.Voter {
			voters++
		}
	}
	if !ok || voters < max(1, r.opt.Reconfig.VotersMin) {
		return wire.ErrBadArguments
	}
	if r.core.CheckReconfigure(members) != nil {
		return wire.ErrNewConfigNoQuorum
	}
	if code := r.state.Tree.CheckReconfig(txn, r.opt.Settings); code != wire.OK {
		return code
	}
	err := r.core.Reconfigure(members, txn.Origin, txn.Request)
	assert(err == nil, "reconfigure: %v", err)
	return wire.OK
}

// nextMembers is the membership that a reconfig asks for: a whole list, or the
// present one without who leaves and with who joins, who may take the place of a
// member with the same number.
func nextMembers(now []zab.Member, req *wire.ReconfigRequest) ([]zab.Member, bool) {
	next := slices.Clone(now)
	text := string(req.Joining)
	if len(req.NewMembers) > 0 {
		if len(req.Joining) > 0 || len(req.Leaving) > 0 {
			return nil, false
		}
		next, text = nil, string(req.NewMembers)
	}
	leaving := strings.FieldsFunc(string(req.Leaving), func(c rune) bool { return c == ',' || c == ' ' })
	if len(leaving) > membersMax {
		return nil, false
	}
	for _, number := range leaving {
		id, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return nil, false
		}
		next = slices.DeleteFunc(next, func(m zab.Member) bool { return m.ID == zxid.ServerID(id) })
	}
	joining, ok := parseMembers(text)
	if !ok {
		return nil, false
	}
	for _, m := range joining {
		next = slices.DeleteFunc(next, func(o zab.Member) bool { return o.ID == m.ID })
		next = append(next, m)
	}
	slices.SortFunc(next, func(a, b zab.Member) int { return int(int64(a.ID) - int64(b.ID)) })
	return next, distinctAddresses(next)
}

// membersMax bounds what a reconfig may name; a node table has no more rows.
const membersMax = 1000

func parseMembers(text string) ([]zab.Member, bool) {
	var out []zab.Member
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == '\n' || c == '\r' }) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "version=") {
			continue
		}
		s, err := wire.ParseEnsembleServer(line)
		if err != nil || len(out) == membersMax || slices.ContainsFunc(out, func(m zab.Member) bool { return m.ID == zxid.ServerID(s.Number) }) {
			return nil, false
		}
		out = append(out, zab.Member{ID: zxid.ServerID(s.Number), Voter: !s.Observer, Address: s.String()})
	}
	return out, true
}

// distinctAddresses refuses two servers with a port in common.
func distinctAddresses(members []zab.Member) bool {
	used := map[string]bool{}
	for _, m := range members {
		s, err := wire.ParseEnsembleServer("server.1=" + m.Address)
		if err != nil {
			continue // from a node table without addresses
		}
		for _, a := range []string{s.QuorumAddress(), s.ElectionAddress(), s.ClientAddress()} {
			if a != "" && used[a] {
				return false
			}
			used[a] = true
		}
	}
	return true
}
