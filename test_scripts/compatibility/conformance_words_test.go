package compatibility

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

var wordRows = []row{
	{"A16b", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for _, token := range [][]byte{{}, []byte("x")} {
			answer, code := u.token(token)
			equal(t, "without users", fmt.Sprint(answer == nil, code), fmt.Sprint(true, wire.OK))
		}
	}},
	{"F09", "", func(t *testing.T, s *Server) {
		equal(t, "gtmk", s.Word("gtmk"), "306")
		for _, mask := range []int64{-5, 0, 1 << 40, 306} {
			want := strconv.FormatInt(mask, 10)
			equal(t, "stmk", s.Word("stmk"+string(wire.AppendLong(nil, mask))), want)
			equal(t, "gtmk", s.Word("gtmk"), want)
		}
		equal(t, "stmk without a mask", s.Word("stmk"), "")

		u := connect(t, s)
		path := home(t, u)
		for range 300 {
			u.set(path, "x", -1)
		}
		last, lines := uint64(0), 0
		for line := range strings.Lines(s.Word("hash")) {
			zxid, digest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			z, err := strconv.ParseUint(zxid, 16, 64)
			if _, wrong := strconv.ParseInt(digest, 10, 64); !ok || err != nil || wrong != nil || z%128 != 0 || z <= last {
				t.Errorf("hash: line %q behind zxid %x", line, last)
			}
			last, lines = z, lines+1
		}
		if lines < 2 {
			t.Errorf("hash: %d lines after more than 256 transactions", lines)
		}
	}},
}
