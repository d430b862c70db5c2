package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatIsWrittenByHandStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z |\n#<>!-]{0,60}`)
		before, old, behind, fresh := text.Draw(t, "before"), text.Draw(t, "old"), text.Draw(t, "behind"), text.Draw(t, "new")
		page := before + markerBegin + old + markerEnd + behind
		got, err := replaceGenerated(page, fresh)
		if err != nil || !strings.HasPrefix(got, before+markerBegin) || !strings.HasSuffix(got, markerEnd+behind) || !strings.Contains(got, strings.TrimSpace(fresh)) {
			t.Fatalf("%v: %q became %q", err, page, got)
		}
		if again, err := replaceGenerated(got, fresh); err != nil || again != got {
			t.Fatalf("%v: not the same the second time: %q, %q", err, got, again)
		}
	})
	for _, page := range []string{"", markerBegin, markerEnd, markerEnd + markerBegin, markerBegin + markerEnd + markerEnd, markerBegin + markerBegin + markerEnd} {
		if got, err := replaceGenerated(page, "x"); !errors.Is(err, errMarkers) {
			t.Errorf("%q became %q, %v", page, got, err)
		}
	}
}

func TestMarkdown(t *testing.T) {
	text := markdown(sample(), map[string]string{"set-p99": "Batches wait for the sync."})
	for _, want := range []string{
		"| | zabkeeper | ZooKeeper | to ZooKeeper | must | aim | |\n|---|---|---|---|---|---|---|\n",
		"| set 50x10 | 200,000/s | 20,000/s | 10x | 5x | 8x | aim met |\n",
		"| set 50x10, p99 | 10.0 ms | 8.0 ms | 1.2x | 1/5 | 1/12 | **not met** |\n",
		"| get 50x10 | 1,000,000/s | failed |  | 5x | 10x |  |\n",
		"- **set 50x10, p99**: misses its target and is behind ZooKeeper. Batches wait for the sync.\n",
		"- ZooKeeper, get, round 1: `it | 'broke' quite`\n",
		"on 2026-01-02. 2 cores of a <CPU>", "zabkeeper `abc`", "on version 17", "Up to 3 rounds of 5 s",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := markdown(sample(), nil); !strings.Contains(text, "is behind ZooKeeper. Why is not known yet.") {
		t.Errorf("a row without a note is passed over:\n%s", text)
	}
}

func TestFiguresAndRatiosAsText(t *testing.T) {
	for v, want := range map[float64]string{0: "", 1.0 / 12: "1/12", 0.2: "1/5", 0.15: "1/6.7", 0.6: "0.60", 5.83: "5.8x", 5: "5x", 19.6: "20x"} {
		if got := ratioText(v); got != want {
			t.Errorf("ratio %v: %q, want %q", v, got, want)
		}
	}
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{{999, 0, "999"}, {1000, 0, "1,000"}, {-1234567.89, 1, "-1,234,567.9"}, {0.0371, 3, "0.037"}} {
		if got := grouped(c.v, c.digits); got != c.want {
			t.Errorf("%v: %q, want %q", c.v, got, c.want)
		}
	}
}

// TestChartsAreWellFormed parses every chart, with bars of every size.
func TestChartsAreWellFormed(t *testing.T) {
	p := sample()
	drawn := 0
	for _, s := range sections {
		text, any := chart(&s, p)
		if !any {
			continue
		}
		drawn++
		mustBeWellFormed(t, text)
		if !strings.Contains(text, "prefers-color-scheme:dark") || !strings.Contains(text, `class="zookeeper"`) {
			t.Errorf("%s: no colours for dark pages, or no bar for ZooKeeper:\n%s", s.chart, text)
		}
	}
	if drawn != 2 {
		t.Errorf("%d charts of two sections with figures", drawn)
	}
	odd := section{title: `<&">`, chart: "odd", rows: []tableRow{{id: "set", title: "a < b & c"}}}
	p.Rows[0].Medians = map[string]float64{zabkeeper: 0, zooKeeper: -1}
	text, _ := chart(&odd, p)
	mustBeWellFormed(t, text)
}

func mustBeWellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		e, is := token.(xml.StartElement)
		for _, a := range e.Attr {
			if is && strings.HasPrefix(a.Value, "-") {
				t.Errorf("%s has %s=%s", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

func TestPublish(t *testing.T) {
	out := t.TempDir()
	page := filepath.Join(out, "benchmarks.md")
	hand := "\n## What the profiles said\n\nBy hand.\n"
	if err := os.WriteFile(page, []byte("# Title\n"+markerBegin+"\noutdated figures\n"+markerEnd+hand), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := publish(out, sample(), nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(page)
	if text := string(b); err != nil || !strings.HasPrefix(text, "# Title\n") || !strings.HasSuffix(text, hand) || strings.Contains(text, "outdated figures") {
		t.Errorf("%v:\n%s", err, b)
	}
	files, err := filepath.Glob(filepath.Join(out, "benchmarks", "*"))
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if want := []string{"latency.svg", "latest.json", "throughput.svg"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("%v, %v; want %v", files, err, want)
	}
	// Every picture that the page shows is there.
	for line := range strings.Lines(string(b)) {
		if _, rest, is := strings.Cut(line, "](benchmarks/"); is && !slices.Contains(files, strings.TrimSuffix(strings.TrimSpace(rest), ")")) {
			t.Errorf("no picture for %s", line)
		}
	}
}

func TestThePageOfTheRepository(t *testing.T) {
	b, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replaceGenerated(string(b), "x"); err != nil {
		t.Error(err)
	}
	if _, err := readNotes("../../docs/benchmarks/notes.txt"); err != nil {
		t.Error(err)
	}
}

func TestNotes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	for text, wrong := range map[string]bool{
		"# why\n\nset: it is so: yes\n": false, "sett: x\n": true, "set\n": true, "set:\n": true, "set: x\nset: y\n": true,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		notes, err := readNotes(path)
		if errors.Is(err, errNotes) != wrong || !wrong && notes["set"] != "it is so: yes" {
			t.Errorf("%q: %v, %v", text, notes, err)
		}
	}
	if notes, err := readNotes(path + "-none"); err != nil || len(notes) != 0 {
		t.Errorf("%v, %v", notes, err)
	}
}
