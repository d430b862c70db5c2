package history

// checkSight checks what sessions saw: no answer is older than the one before
// it, no znode goes back, and what a read shows is the state at its zxid as far
// as answered writes tell it.
func checkSight(r *record) error {
	for _, journal := range r.journals {
		s := newSeer(r)
		for _, o := range journal {
			if err := s.see(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// seer walks along one journal.
type seer struct {
	r       *record
	session int64
	newest  *operation
	nodes   map[string]*operation // the last one that showed a path
}

func newSeer(r *record) *seer { return &seer{r: r, nodes: map[string]*operation{}} }

func (s *seer) see(o *operation) error {
	if !o.kind.answerable() || o.outcome == outcomeUnknown {
		return nil
	}
	if o.session == 0 || o.session != s.session {
		s.session, s.newest = o.session, nil
		clear(s.nodes)
	}
	if o.zxid != 0 {
		if s.newest != nil && o.zxid < s.newest.zxid {
			return violation("a session was shown an older zxid after a newer one", s.newest, o)
		}
		s.newest = o
	}
	for _, seen := range o.sights() {
		if err := s.r.checkState(o, seen); err != nil {
			return err
		}
		if err := s.compare(o, seen); err != nil {
			return err
		}
	}
	return nil
}

// nodeAt is what an operation showed of a path.
func (o *operation) nodeAt(path string) node {
	if path == o.path2 {
		return o.got2
	}
	return o.got
}

// compare checks that a path does not go back within a session.
func (s *seer) compare(o *operation, seen sight) error {
	n := seen.node
	if !n.present || o.session == 0 {
		return nil
	}
	if last := s.nodes[seen.path]; last != nil {
		was := last.nodeAt(seen.path)
		switch {
		case n.mzxid < was.mzxid || n.czxid < was.czxid || n.pzxid < was.pzxid && n.czxid == was.czxid:
			return violation("a session saw a znode go back", last, o)
		case n.czxid == was.czxid && (n.version < was.version || n.cversion < was.cversion):
			return violation("a session saw a version go back", last, o)
		}
	}
	s.nodes[seen.path] = o
	return nil
}

// checkState compares what a read showed with the writes up to its zxid.
func (r *record) checkState(o *operation, seen sight) error {
	n, changes := seen.node, r.data[seen.path]
	if !n.present {
		if before := upTo(changes, o.zxid); o.zxid != 0 && len(before) > 0 && before[len(before)-1].present && !r.mortal[seen.path] {
			return violation("a read does not show a znode that nobody deleted", before[len(before)-1].by, o)
		}
		return nil
	}
	if o.zxid == 0 {
		return nil
	}
	if n.mzxid > o.zxid || n.czxid > n.mzxid {
		return violation("an answer shows a change that is newer than itself", o)
	}
	if c, ok := between(changes, n.mzxid, o.zxid); ok {
		return violation("a read lacks a write that is older than its zxid", c.by, o)
	}
	if o.kind == kindChildren {
		if c, ok := between(r.children[seen.path], n.pzxid, o.zxid); ok {
			return violation("a list of children lacks a change that is older than its zxid", c.by, o)
		}
	}
	return nil
}

// checkValues checks that every value that was read was written, by the write
// that its zxid and version say.
func checkValues(r *record) error {
	for _, o := range r.all {
		if o.kind != kindGet && o.kind != kindPair {
			continue
		}
		for _, seen := range o.sights() {
			if !seen.node.present {
				continue
			}
			by := r.writers[seen.path+"\x00"+seen.node.value]
			switch {
			case by == nil:
				return violation("a read shows a value that nobody wrote", o)
			case !by.possible():
				return violation("a read shows a value whose write was refused", by, o)
			case by.invoke > o.ret:
				return violation("a read shows a value that was written later", by, o)
			case by.ok() && by.zxid != 0 && by.zxid != seen.node.mzxid:
				return violation("a read shows a value with another zxid than that of its write", by, o)
			}
			if wrote := by.nodeAt(seen.path); by.ok() && by.kind == kindSet && wrote.version != seen.node.version {
				return violation("a read shows a value with another version than its write was told", by, o)
			}
		}
	}
	return nil
}

// checkSums checks that what the accounts of a bank hold together never changes.
func checkSums(r *record) error {
	for _, o := range r.all {
		if o.kind != kindPair || !o.ok() || !o.got.present && !o.got2.present {
			continue
		}
		if o.got.present != o.got2.present {
			return violation("a transaction of two creations was seen halfway", o)
		}
		if amount(o.got.value)+amount(o.got2.value) != bankSum {
			return violation("the sum of two accounts was seen to change", r.writers[o.path+"\x00"+o.got.value], r.writers[o.path2+"\x00"+o.got2.value], o)
		}
	}
	return nil
}

// checkCounters checks that no two increments were confirmed for one number: one
// of them would be lost.
func checkCounters(r *record) error {
	type number struct {
		part *part
		n    int
	}
	confirmed := map[number]*operation{}
	for _, o := range r.all {
		if o.part == nil || o.part.model != modelCounter || o.kind != kindSet || !o.ok() {
			continue
		}
		key := number{o.part, amount(o.value)}
		if other := confirmed[key]; other != nil {
			return violation("two increments were confirmed for one number: an update is lost", other, o)
		}
		confirmed[key] = o
	}
	return nil
}
