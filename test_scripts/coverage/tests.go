package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// showing is a test that shows a feature.
type showing struct{ id, test string }

type fuzzTarget struct{ pkg, name, bound string }

type found struct {
	shown []showing
	fuzz  []fuzzTarget
}

// declaration is something at the top of a package's tests.
type declaration struct {
	name     string
	doc      string
	test     bool
	mentions map[string]bool
	rows     []string
}

// findTests reads every test of the module.
func findTests(root string) (*found, error) {
	packages := map[string][]*declaration{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		packages[dir] = append(packages[dir], declarations(file)...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("coverage: %w", err)
	}
	out := &found{}
	var problems []error
	for dir, all := range packages {
		for _, d := range all {
			problems = append(problems, out.add(dir, d, all))
		}
	}
	slices.SortFunc(out.fuzz, func(a, b fuzzTarget) int { return strings.Compare(a.pkg+" "+a.name, b.pkg+" "+b.name) })
	return out, errors.Join(problems...)
}

func declarations(file *ast.File) []*declaration {
	var out []*declaration
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			test := strings.HasPrefix(d.Name.Name, "Test") || strings.HasPrefix(d.Name.Name, "Fuzz")
			out = append(out, newDeclaration(d.Name.Name, d.Doc.Text(), test && d.Recv == nil, d))
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok {
					out = append(out, newDeclaration(v.Names[0].Name, "", false, v))
				}
			}
		}
	}
	return out
}

func newDeclaration(name, doc string, test bool, node ast.Node) *declaration {
	d := &declaration{name: name, doc: doc, test: test, mentions: map[string]bool{}}
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			d.mentions[n.Name] = true
		case *ast.CompositeLit:
			d.rows = append(d.rows, rowNames(n)...)
		}
		return true
	})
	return d
}

// rowNames are the first strings of the elements of a []row.
func rowNames(list *ast.CompositeLit) []string {
	array, ok := list.Type.(*ast.ArrayType)
	if !ok {
		return nil
	}
	if element, ok := array.Elt.(*ast.Ident); !ok || element.Name != "row" {
		return nil
	}
	var names []string
	for _, e := range list.Elts {
		if r, ok := e.(*ast.CompositeLit); ok && len(r.Elts) > 0 {
			value := r.Elts[0]
			if pair, ok := value.(*ast.KeyValueExpr); ok {
				value = pair.Value
			}
			if literal, ok := value.(*ast.BasicLit); ok {
				if name, err := strconv.Unquote(literal.Value); err == nil {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// add notes what a declaration shows.
func (f *found) add(dir string, d *declaration, all []*declaration) error {
	if len(d.rows) > 0 {
		runners := reaching(d, all)
		if len(runners) == 0 {
			return fmt.Errorf("%w: no test of %s runs the rows of %s", errFeatures, dir, d.name)
		}
		for _, name := range d.rows {
			id := featureID.FindString(name)
			if id == "" {
				continue
			}
			for _, r := range runners {
				f.shown = append(f.shown, showing{id, path.Join(dir, r) + " " + name})
			}
		}
	}
	for line := range strings.Lines(d.doc) {
		ids, ok := strings.CutPrefix(strings.TrimSpace(line), "covers: ")
		if !ok {
			continue
		}
		if !d.test {
			return fmt.Errorf("%w: %s of %s covers %s, and is no test", errFeatures, d.name, dir, ids)
		}
		for id := range strings.SplitSeq(ids, ",") {
			f.shown = append(f.shown, showing{strings.TrimSpace(id), path.Join(dir, d.name)})
		}
	}
	if d.test && strings.HasPrefix(d.name, "Fuzz") {
		f.fuzz = append(f.fuzz, fuzzTarget{dir, d.name, bound(d)})
	}
	return nil
}

// bound says how a fuzz target watches memory.
func bound(d *declaration) string {
	switch {
	case d.mentions["AllocsPerRun"]:
		return "no allocation"
	case d.mentions["allocation"]:
		return "bytes allocated, by the length of the input"
	}
	return ""
}

// reaching are the names of the tests that mention d, directly or through others.
func reaching(d *declaration, all []*declaration) []string {
	reached := map[string]bool{d.name: true}
	queue := []string{d.name}
	var tests []string
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		for _, other := range all {
			if reached[other.name] || !other.mentions[name] {
				continue
			}
			reached[other.name] = true
			if other.test {
				tests = append(tests, other.name)
			} else {
				queue = append(queue, other.name)
			}
		}
	}
	slices.Sort(tests)
	return tests
}
