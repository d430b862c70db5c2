package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/zabkeeper/zabkeeper/"

// rings says what each package may import of this module, as prefixes; a
// package that is not listed does not belong here yet. Imports point down the
// rings of docs/architecture.md, never the other way.
var rings = map[string][]string{
	"":                            {"cli"},
	"zab/zxid":                    {},
	"zab/record":                  {"zab/zxid"},
	"wire":                        {},
	"storage/vfs":                 {},
	"zab":                         {"zab/zxid", "zab/record"},
	"election":                    {"zab/zxid"},
	"tree":                        {"zab/zxid", "wire"},
	"node/replica":                {"zab", "election", "tree", "wire"},
	"storage/wal":                 {"storage/vfs", "zab/zxid", "zab/record"},
	"storage/snapshot":            {"storage/vfs", "zab/zxid", "zab/record"},
	"storage/datadir":             {"storage/vfs", "zab/zxid"},
	"node/disk":                   {"node/replica", "storage", "tree", "zab"},
	"socket":                      {},
	"peer":                        {"socket", "zab", "election"},
	"config":                      {},
	"balancer":                    {"wire"},
	"node":                        {"node", "peer", "sasl", "socket", "storage", "tree", "wire", "zab", "election"},
	"sasl":                        {},
	"sasl/kerberos":               {"sasl"},
	"node/auth":                   {"sasl", "tree"},
	"client":                      {"sasl", "wire"},
	"client/clienttest":           {"sasl", "wire"},
	"client/recipes":              {"client", "wire"},
	"sim":                         {"node/replica", "node/disk", "storage", "tree", "wire", "zab", "election"},
	"test_scripts/compatibility":  {"sasl", "wire"},
	"test_scripts/processes":      {},
	"test_scripts/coverage":       {},
	"test_scripts/allocation":     {},
	"test_scripts/faults":         {"test_scripts/processes", "test_scripts/faults", "client"},
	"test_scripts/faults/network": {"test_scripts/processes"},
	"test_scripts/faults/groups":  {},
	"test_scripts/faults/disks":   {},
	"test_scripts/faults/history": {"client", "wire"},
	"test_scripts/clients":        {"client", "sasl", "test_scripts/compatibility", "test_scripts/processes"},
	"bench":                       {"bench/process", "socket", "wire"},
	"bench/process":               {},
	"test_scripts/compare":        {"bench", "wire"},
	"cli":                         {"balancer", "bench", "config", "node", "client", "sasl", "sim", "storage", "tree", "wire", "zab", "election", "peer"},
}

// pure packages hold no clock, goroutine, lock, I/O, logger or global random.
var pure = []string{"zab", "zab/zxid", "zab/record", "election", "tree", "wire", "node/replica"}

var impure = []string{"time", "net", "net/http", "os", "os/exec", "sync", "sync/atomic", "log", "log/slog", "context", "syscall", "crypto/rand", "io/ioutil"}

var refusedNames = []string{"util", "utils", "common", "helpers", "misc", "types", "base", "shared"}

const (
	fileLinesMax     = 500
	functionLinesMax = 70
)

type source struct {
	dir  string // of the package, relative to the module
	name string
	file *ast.File
	fset *token.FileSet
	test bool
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || hasModule(p)) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(p))
		if dir == "." {
			dir = ""
		}
		out = append(out, source{dir: dir, name: filepath.ToSlash(p), file: f, fset: fset, test: strings.HasSuffix(p, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func hasModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func allowed(ring []string, imported string) bool {
	for _, prefix := range ring {
		if imported == prefix || strings.HasPrefix(imported, prefix+"/") {
			return true
		}
	}
	return false
}

func TestImportsPointDownTheRings(t *testing.T) {
	for _, s := range sources(t) {
		ring, known := rings[s.dir]
		if !known {
			t.Errorf("%s: the package %q has no place in the rings; see docs/architecture.md", s.name, s.dir)
			continue
		}
		for _, spec := range s.file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			own, isOwn := strings.CutPrefix(imported, module)
			if isOwn && !s.test && own != s.dir && !allowed(ring, own) {
				t.Errorf("%s imports %s, which is not below it", s.name, own)
			}
			if slices.Contains(pure, s.dir) && !s.test && slices.Contains(impure, imported) {
				t.Errorf("%s imports %s; a pure package takes time, randomness and I/O as inputs", s.name, imported)
			}
		}
	}
}

func TestPureCodeStartsNothing(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !slices.Contains(pure, s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType:
				t.Errorf("%s: goroutines and channels do not belong into a pure package", s.fset.Position(n.Pos()))
			}
			return true
		})
	}
}

func TestFilesAndFunctionsStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if n := s.fset.File(s.file.Pos()).LineCount(); n > fileLinesMax {
			t.Errorf("%s has %d lines; at most %d: is it still one idea?", s.name, n, fileLinesMax)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > functionLinesMax {
				t.Errorf("%s: %s has %d lines; at most %d: tell it in named steps", s.fset.Position(f.Pos()), f.Name.Name, n, functionLinesMax)
			}
		}
	}
}

func TestEveryPackageStatesItsContract(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if _, seen := documented[s.dir]; !seen && !s.test {
			documented[s.dir] = false
		}
		if s.file.Doc != nil && !s.test {
			documented[s.dir] = true
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %q has no package comment", dir)
		}
	}
}

func TestNamesSayWhatIsInside(t *testing.T) {
	for _, s := range sources(t) {
		words := append(strings.Split(s.dir, "/"), strings.TrimSuffix(path.Base(s.name), ".go"))
		for _, w := range words {
			if slices.Contains(refusedNames, w) {
				t.Errorf("%s: %q says nothing about the content", s.name, w)
			}
		}
	}
}

// becomers are the only functions that assign role, phase or epoch in zab.
func TestOnlyTransitionsAssignTheRole(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir != "zab" || s.test || path.Base(s.name) == "transitions.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			if !ok {
				return true
			}
			for _, left := range a.Lhs {
				if sel, ok := left.(*ast.SelectorExpr); ok && (sel.Sel.Name == "role" || sel.Sel.Name == "phase") {
					t.Errorf("%s assigns %s; only transitions.go does", s.fset.Position(a.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}
