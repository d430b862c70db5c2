package history

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

func line(zxid int64, session int64, op, path, data string) string {
	return fmt.Sprintf(`{"op":%q,"zxid":"0x%x","session":"0x%x","path":%q,"data":%q}`, op, zxid, uint64(session), path, base64.StdEncoding.EncodeToString([]byte(data)))
}

func TestCheckAgainst(t *testing.T) {
	p := register1()
	s := &script{zxid: 10}
	s.ok(0, create(p, "a"))
	s.ok(1, set(p, "b", anyVersion, 1))
	s.unknown(2, set(p, "c", anyVersion, 0))
	s.add(3, operation{part: p, kind: kindSet, path: p.path, value: "d", version: anyVersion, outcome: outcomeOK}) // its library does not tell
	s.zxid = 13
	s.ok(0, operation{part: p, kind: kindDelete, path: p.path, version: anyVersion})
	s.refused(0, wire.ErrNoNode, set(p, "e", anyVersion, 0))
	epoch := `{"op":"epoch","zxid":"0xa"}`
	a, b, d, gone := line(11, 100, "create2", "/r/a", "a"), line(12, 101, "setData", "/r/a", "b"), line(13, 3, "setData", "/r/a", "d"), line(14, 100, "delete", "/r/a", "")
	other := line(15, 7, "create", "/else", "x")
	late := line(16, 102, "setData", "/r/a", "c")
	refused := line(17, 100, "setData", "/r/a", "e")
	for _, c := range []struct {
		name, rule string
		lines      []string
	}{
		{"all", "", []string{epoch, a, b, d, gone, other}},
		{"unknown one took effect late, refused one has its place", "", []string{epoch, a, b, d, gone, other, late, refused}},
		{"begins later", "", []string{b, d, gone}},
		{"lost write", "is not at its zxid", []string{epoch, a, d, gone}},
		{"lost write without a zxid", "is in no transaction", []string{epoch, a, b, gone}},
		{"write of somebody else at its zxid", "another transaction has the zxid", []string{epoch, a, line(12, 101, "setData", "/r/a", "c"), d, gone}},
		{"write of another session", "another transaction has the zxid", []string{epoch, a, line(12, 109, "setData", "/r/a", "b"), d, gone}},
		{"twice", "2 transactions for 1 requests", []string{epoch, a, b, d, gone, line(18, 101, "setData", "/r/a", "b")}},
		{"unknown one twice", "2 transactions for 1 requests", []string{epoch, a, b, d, gone, late, line(18, 102, "setData", "/r/a", "c")}},
		{"nobody asked", "1 transactions for 0 requests", []string{epoch, a, b, d, gone, line(18, 1, "setData", "/r/a", "z")}},
		{"unknown one before it was sent", "older than a write that was answered before", []string{line(9, 102, "setData", "/r/a", "c"), epoch, a, b, d, gone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := (&History{journals: s.journals, root: "/r"}).CheckAgainst(c.lines)
			if c.rule == "" && err != nil || c.rule != "" && (!errors.Is(err, ErrViolation) || !strings.Contains(err.Error(), c.rule)) {
				t.Errorf("got %v, want %q", err, c.rule)
			}
		})
	}
	for _, bad := range []string{"create 1 2", `{"op":"create"}`} {
		if err := (&History{}).CheckAgainst([]string{bad}); !errors.Is(err, ErrLines) {
			t.Errorf("%s: got %v, want %v", bad, err, ErrLines)
		}
	}
}
