package wire

import "testing"

func TestCheckPath(t *testing.T) {
	for path, valid := range map[string]bool{
		"/": true, "/a": true, "/a/b": true, "/a..": true, "/.a": true, "/..a": true, "/a b": true, "/...": true,
		"/\u4e2d\u6587": true, "/\uf900": true, "/\uffef": true, "/\u00a0": true,
		"": false, "a": false, "a/b": false, "/a/": false, "//": false, "//a": false, "/a//b": false,
		"/.": false, "/..": false, "/a/./b": false, "/a/../b": false, "/a/.": false, "/a/..": false,
		"/a\x00": false, "/a\x01": false, "/\x1f": false, "/\x7f": false, "/\u0085": false, "/\u009f": false,
		"/\U0001f600": false, "/\ue000": false, "/\uf8ff": false, "/\ufff0": false, "/\uffff": false,
		"/\xff": false, "/\xed\xa0\x80": false, "/a\xc3": false,
	} {
		if got := CheckPath(path) == OK; got != valid {
			t.Errorf("path %q: got %v, want %v", path, got, valid)
		}
		if got := CheckPath([]byte(path)) == OK; got != valid {
			t.Errorf("path bytes %q: got %v, want %v", path, got, valid)
		}
	}
}

func TestParentAndBase(t *testing.T) {
	for path, want := range map[string][2]string{
		"/": {"", ""}, "/a": {"/", "a"}, "/a/b": {"/a", "b"}, "a": {"", "a"}, "": {"", ""}, "/a/b/c": {"/a/b", "c"},
	} {
		if got := [2]string{Parent(path), Base(path)}; got != want {
			t.Errorf("path %q: got %q, want %q", path, got, want)
		}
	}
}

func TestCheckPathDoesNotAllocate(t *testing.T) {
	path := []byte("/some/\u4e2d/path")
	if n := testing.AllocsPerRun(100, func() { CheckPath(path) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
