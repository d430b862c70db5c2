package history

import "github.com/zabkeeper/zabkeeper/wire"

// accounts is the state of a bank.
type accounts struct{ first, second register }

// bankRules are those of two accounts that change together or not at all.
var bankRules = rules{
	initial: accounts{},
	about: func(o *operation) bool {
		return o.kind == kindOpenBank || o.kind == kindTransfer || o.kind == kindPair && o.synced && o.ok()
	},
	step: func(state any, o *operation) (bool, any) {
		s := state.(accounts)
		if o.kind == kindPair {
			return s.first.equals(o.got) && s.second.equals(o.got2), s
		}
		next, code := s.write(o)
		if o.ok() && o.kind == kindTransfer && (next.first.version != o.got.version || next.second.version != o.got2.version) {
			return false, s
		}
		return judge(o, s, next, code)
	},
}

func (s register) equals(n node) bool {
	return s.present == n.present && (!s.present || s.version == n.version && s.value == n.value)
}

// write carries out both halves, or none, as the first refusal says.
func (s accounts) write(o *operation) (accounts, wire.ErrorCode) {
	k := kindSet
	if o.kind == kindOpenBank {
		k = kindCreate
	}
	first, code := s.first.write(&operation{kind: k, value: o.value, version: o.version})
	if code != wire.OK {
		return s, code
	}
	second, code := s.second.write(&operation{kind: k, value: o.value2, version: o.version2})
	if code != wire.OK {
		return s, code
	}
	return accounts{first, second}, wire.OK
}
