package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// run is one run of a measure on a peer.
type run struct {
	Measure string  `json:"measure"`
	Peer    string  `json:"peer"`
	Round   int     `json:"round"` // from 1
	At      string  `json:"at"`
	Commit  string  `json:"commit"`
	Seconds float64 `json:"seconds"`          // of measured load, where a measure does not say otherwise
	Others  float64 `json:"others"`           // the share of the machine that others used; the most in the run
	Values  values  `json:"values,omitempty"` // by row
	Error   string  `json:"error,omitempty"`
}

// summary is what the runs say about a row.
type summary struct {
	Row     string             `json:"row"`
	Title   string             `json:"title"`
	Unit    string             `json:"unit,omitempty"`
	Medians map[string]float64 `json:"medians"`          // by peer
	Ratio   float64            `json:"ratio,omitempty"`  // zabkeeper's to ZooKeeper's, the median of the rounds; 0 without
	Must    float64            `json:"must,omitempty"`   // of the ratio, or of zabkeeper's figure
	Aim     float64            `json:"aim,omitempty"`    // likewise
	OfRatio bool               `json:"target_is_ratio"`  // what must and aim are of
	Verdict string             `json:"verdict"`          // aim, must, missed, or nothing
	Failed  map[string]string  `json:"failed,omitempty"` // by peer
}

// report is latest.json.
type report struct {
	Machine machine   `json:"machine"`
	Rows    []summary `json:"rows"`
	Runs    []run     `json:"runs"`
}

// median of a list that is not empty; of an even number, the mean of the middle two.
func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// summarize computes the rows from the runs.
func (p *report) summarize() {
	p.Rows = nil
	for _, r := range rows() {
		if s, any := summaryOf(&r, p.Runs); any {
			p.Rows = append(p.Rows, s)
		}
	}
}

// summaryOf is what the runs say about one row, if they say anything.
func summaryOf(r *tableRow, runs []run) (s summary, any bool) {
	s = summary{Row: r.id, Title: r.title, Unit: r.unit, Medians: map[string]float64{}, Must: r.target.must, Aim: r.target.aim, OfRatio: r.target.ratio}
	figures := map[string][]float64{}
	for _, u := range runs {
		if u.Measure != r.measure {
			continue
		}
		any = true
		if u.Error != "" {
			if s.Failed == nil {
				s.Failed = map[string]string{}
			}
			s.Failed[u.Peer] = u.Error
		}
		if v, there := u.Values[r.id]; there {
			figures[u.Peer] = append(figures[u.Peer], v)
		}
	}
	for peer, list := range figures {
		s.Medians[peer] = median(list)
	}
	s.Ratio = ratioOf(figures[zabkeeper], figures[zooKeeper])
	if v, there := s.Medians[zabkeeper]; there && !s.OfRatio {
		s.Verdict = r.judge(v)
	} else if s.Ratio != 0 && s.OfRatio {
		s.Verdict = r.judge(s.Ratio)
	}
	return s, any
}

// ratioOf is the median of the rounds' ratios, or the ratio of the medians where
// a round is missing; 0 where there is nothing to compare.
func ratioOf(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 || slices.Contains(b, 0) {
		return 0
	}
	if len(a) != len(b) {
		return median(a) / median(b)
	}
	var ratios []float64
	for i := range a {
		ratios = append(ratios, a[i]/b[i])
	}
	return median(ratios)
}

// keep adds the runs of an earlier report whose measures were not run again. Those
// of another machine say nothing about this one.
func (p *report) keep(earlier *report) {
	if !earlier.Machine.same(&p.Machine) {
		return
	}
	p.Runs = slices.Clone(p.Runs) // the caller goes on with its own
	var again []string
	for _, u := range p.Runs {
		again = append(again, u.Measure)
	}
	for _, u := range earlier.Runs {
		if !slices.Contains(again, u.Measure) {
			p.Runs = append(p.Runs, u)
		}
	}
	slices.SortStableFunc(p.Runs, func(a, b run) int {
		return slices.Index(measureIDs(), a.Measure) - slices.Index(measureIDs(), b.Measure)
	})
}

// readReport reads a report; where there is none it is empty.
func readReport(path string) (*report, error) {
	var p report
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &p, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return nil, fmt.Errorf("the earlier report: %w; remove it or mend it", err)
	}
	return &p, nil
}

func (p *report) write(path string) error {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
