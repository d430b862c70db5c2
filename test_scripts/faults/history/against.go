package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrLines is of lines that are not those of zabkeeper history --json.
var ErrLines = errors.New("not a history of a server")

// entry is a line of a server's history.
type entry struct {
	Op      string
	Zxid    string
	Session string
	step
	Ops []step

	zxid    int64
	session int64
	text    string
}

type step struct {
	Op   string
	Path string
	Data []byte
}

// CheckAgainst checks the record against the order that a server has: lines of
// zabkeeper history --json, read when the server had applied and logged
// everything. Every write that was answered with success stands there once, at
// the zxid of its answer; one of unknown outcome at most once; nothing that nobody
// asked for stands there; and the order respects real time, now also for those
// writes whose answer did not tell a zxid. What is older than the first line is
// left out.
func (h *History) CheckAgainst(lines []string) error {
	a := &account{h: h, at: map[int64]*entry{}, count: map[string]int{}, asked: map[string]int{}, one: map[string]*entry{}}
	if err := a.read(lines); err != nil {
		return err
	}
	all := h.all()
	for _, o := range all {
		if o.kind.writes() {
			a.asked[o.key()]++
		}
	}
	for _, e := range a.entries {
		if key, ours := e.key(h.root); ours && a.count[key] > a.asked[key] {
			return fmt.Errorf("%w: %d transactions for %d requests: %s", ErrViolation, a.count[key], a.asked[key], e.text)
		}
	}
	for _, o := range all {
		if o.kind.writes() && o.ok() {
			if err := a.find(o); err != nil {
				return err
			}
		}
	}
	return checkOrderBy(all, a.place)
}

// account compares requests with transactions.
type account struct {
	h       *History
	entries []*entry
	first   int64
	at      map[int64]*entry
	count   map[string]int    // transactions by key
	asked   map[string]int    // requests by key
	one     map[string]*entry // the transaction of a key; the last one where there are several
}

func (a *account) read(lines []string) error {
	last := int64(-1)
	for i, line := range lines {
		e := &entry{text: line}
		if err := json.Unmarshal([]byte(line), e); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrLines, i+1, err)
		}
		var err error
		if e.zxid, err = strconv.ParseInt(e.Zxid, 0, 64); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrLines, i+1, err)
		}
		if session, err := strconv.ParseUint(e.Session, 0, 64); err == nil {
			e.session = int64(session)
		}
		if e.zxid <= last {
			return fmt.Errorf("%w: the zxid 0x%x stands behind 0x%x: %s", ErrViolation, e.zxid, last, line)
		}
		if i == 0 {
			a.first = e.zxid
		}
		last = e.zxid
		a.entries = append(a.entries, e)
		a.at[e.zxid] = e
		if key, ours := e.key(a.h.root); ours {
			a.count[key]++
			a.one[key] = e
		}
	}
	return nil
}

// find looks for the transaction of a write that was answered with success.
func (a *account) find(o *operation) error {
	if o.zxid == 0 {
		if a.h.whole(a.first) && a.count[o.key()] == 0 {
			return violation("a write that was answered is in no transaction", o)
		}
		return nil
	}
	if o.zxid < a.first {
		return nil
	}
	e := a.at[o.zxid]
	if e == nil {
		return violation("a write that was answered is not at its zxid", o)
	}
	if key, _ := e.key(a.h.root); key != o.key() || o.session != 0 && e.session != o.session {
		return violation("another transaction has the zxid of a write that was answered: "+e.text, o)
	}
	return nil
}

// whole reports whether a history that begins there has everything of the record.
func (h *History) whole(first int64) bool {
	for _, journal := range h.journals {
		for _, o := range journal {
			if o.kind.answerable() && o.zxid > 0 && o.zxid < first {
				return false
			}
		}
	}
	return true
}

// place is the zxid of a write: that of its answer or that of its transaction.
// Deletions look alike, and cannot be told apart.
func (a *account) place(o *operation) int64 {
	if o.zxid != 0 || !o.kind.writes() || o.kind == kindDelete {
		return o.zxid
	}
	if e := a.one[o.key()]; e != nil {
		return e.zxid
	}
	return 0
}

// key names what a transaction does; values are written once, so that it names
// one request unless that is a deletion.
func (e *entry) key(root string) (key string, ours bool) {
	e.step.Op = e.Op
	if e.Op != "multi" {
		return e.step.key(), e.Path == root || strings.HasPrefix(e.Path, root+"/")
	}
	for _, s := range e.Ops {
		key += s.key()
		ours = ours || strings.HasPrefix(s.Path, root+"/")
	}
	return key, ours
}

func (s step) key() string {
	op := s.Op
	if strings.HasPrefix(op, "create") {
		op = "create"
	}
	return stepKey(op, s.Path, string(s.Data))
}

func stepKey(op, path, data string) string { return fmt.Sprintf("%s %s %q;", op, path, data) }

// key is that of the transaction of a write.
func (o *operation) key() string {
	switch o.kind {
	case kindCreate, kindSequence:
		return stepKey("create", o.path, o.value)
	case kindSet:
		return stepKey("setData", o.path, o.value)
	case kindDelete:
		return stepKey("delete", o.path, "")
	case kindOpenBank:
		return stepKey("create", o.path, o.value) + stepKey("create", o.path2, o.value2)
	case kindTransfer:
		return stepKey("setData", o.path, o.value) + stepKey("setData", o.path2, o.value2)
	case kindFence:
		return stepKey("check", o.path2, "") + stepKey("setData", o.path, o.value)
	}
	return ""
}
