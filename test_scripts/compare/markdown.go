package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// verdictWords are how the table says what is met.
var verdictWords = map[string]string{aimMet: "aim met", mustMet: "must met", notMet: "**not met**", noTarget: ""}

// markdown is the generated part of the page.
func markdown(p *report, notes map[string]string) string {
	var b strings.Builder
	peers := p.peers()
	writeConditions(&b, p)
	for _, s := range sections {
		var lines []string
		for _, r := range s.rows {
			if sum, there := p.row(r.id); there {
				lines = append(lines, tableLine(&r, sum, peers))
			}
		}
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n", s.title)
		if _, any := chart(&s, p); any {
			fmt.Fprintf(&b, "![%s](benchmarks/%s.svg)\n\n", s.title, s.chart)
		}
		b.WriteString("| |")
		for _, peer := range peers {
			b.WriteString(" " + peerTitle(peer) + " |")
		}
		b.WriteString(" to ZooKeeper | must | aim | |\n|---|" + strings.Repeat("---|", len(peers)+4) + "\n")
		b.WriteString(strings.Join(lines, ""))
	}
	writeNotes(&b, p, notes)
	writeFailures(&b, p)
	return b.String()
}

func tableLine(r *tableRow, s *summary, peers []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |", r.title)
	for _, peer := range peers {
		v, there := s.Medians[peer]
		switch {
		case there:
			b.WriteString(" " + r.show(v) + " |")
		case s.Failed[peer] != "":
			b.WriteString(" failed |")
		default:
			b.WriteString(" |")
		}
	}
	shown := func(v float64) string {
		switch {
		case v == 0:
			return ""
		case s.OfRatio:
			return ratioText(v)
		}
		return r.show(v)
	}
	fmt.Fprintf(&b, " %s | %s | %s | %s |\n", ratioText(s.Ratio), shown(s.Must), shown(s.Aim), verdictWords[s.Verdict])
	return b.String()
}

// ratioText is a ratio as people say it: 5.8x, 0.70, 1/12.
func ratioText(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 0.45:
		return "1/" + strconv.FormatFloat(1/v, 'g', 2, 64)
	case v < 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 10:
		return strconv.FormatFloat(v, 'g', 2, 64) + "x"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + "x"
}

// show is a figure of the row with its unit.
func (r *tableRow) show(v float64) string {
	switch text := grouped(v, r.digits); r.unit {
	case "", perSecondUnit:
		return text + r.unit
	default:
		return text + " " + r.unit
	}
}

// grouped is a number with commas, and with digits behind the point.
func grouped(v float64, digits int) string {
	whole, rest, point := strings.Cut(strconv.FormatFloat(v, 'f', digits, 64), ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		rest = "." + rest
	}
	return sign + whole + rest
}

// writeConditions says how the figures came about.
func writeConditions(b *strings.Builder, p *report) {
	m := &p.Machine
	fmt.Fprintf(b, "Measured by `make bench-compare` on %s. %s, at most %d open files for a process.\n", dates(p), m.String(), m.Files)
	fmt.Fprintf(b, "Versions: zabkeeper %s, built with %s", strings.Join(commits(p), " and "), m.Versions["go"])
	if v := m.Versions[zooKeeper]; v != "" {
		fmt.Fprintf(b, "; ZooKeeper %s (Debian) with its default heap on %s", v, strings.ReplaceAll(m.Versions["java"], `"`, ""))
	}
	if v := m.Versions[etcd]; v != "" {
		fmt.Fprintf(b, "; etcd %s (Debian), reads linearizable, with its own client", v)
	}
	b.WriteString(".\n\nThree servers of each kind and the load generator share the machine. Under load the peers take turns, measure by\n" +
		"measure and round by round, each on an ensemble that was warmed up and stays up, idle, between its turns.\n" +
		"zabkeeper and ZooKeeper run from the same `zoo.cfg`: the defaults, and any number of connections. Values have 100 bytes\n" +
		"unless a row says otherwise. Figures are medians, ratios the medians of the rounds' ratios; memory is that of the server\n" +
		"that has the most; a cold start finds its files in the page cache.\n")
	rounds, seconds, others := 0, 0.0, 0.0
	for _, u := range p.Runs {
		if m, known := measureOf(u.Measure); known && m.when != alone {
			rounds, seconds = max(rounds, u.Round), max(seconds, u.Seconds)
			others = max(others, u.Others) // elsewhere servers are killed, and what they used has no owner
		}
	}
	if rounds > 0 {
		fmt.Fprintf(b, "Up to %d rounds of %g s of load. ", rounds, seconds)
	}
	fmt.Fprintf(b, "What neither servers nor load generator used of the machine was %.0f %% at the most.\n", 100*others)
	b.WriteString("\"Must\" and \"aim\" are what zabkeeper is to reach: of the ratio to ZooKeeper where they are ratios, else of its own figure.\n")
}

func dates(p *report) string {
	var days []string
	for _, u := range p.Runs {
		if day, _, ok := strings.Cut(u.At, "T"); ok {
			days = append(days, day)
		}
	}
	if len(days) == 0 {
		return p.Machine.Date
	}
	if a, z := slices.Min(days), slices.Max(days); a != z {
		return a + " to " + z
	}
	return days[0]
}

func commits(p *report) []string {
	var list []string
	for _, u := range p.Runs {
		list = append(list, "`"+u.Commit+"`")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// writeNotes says why figures are what they are. A row that misses its target or
// is behind a peer is named also when nobody knows why.
func writeNotes(b *strings.Builder, p *report, notes map[string]string) {
	var lines []string
	for _, r := range rows() {
		s, there := p.row(r.id)
		if !there {
			continue
		}
		text := notes[r.id]
		var lost []string
		if s.Verdict == notMet {
			lost = append(lost, "misses its target")
		}
		if peer := behind(&r, s); peer != "" {
			lost = append(lost, "is behind "+peerTitle(peer))
		}
		if text == "" && len(lost) > 0 {
			text = "Why is not known yet."
		}
		if len(lost) > 0 {
			text = fmt.Sprintf("%s. %s", strings.Join(lost, " and "), text)
		}
		if text != "" {
			lines = append(lines, fmt.Sprintf("- **%s**: %s\n", r.title, text))
		}
	}
	if len(lines) > 0 {
		b.WriteString("\n### Where zabkeeper is behind, and why\n\n" + strings.Join(lines, ""))
	}
}

// behind names a peer whose figure is better than ours.
func behind(r *tableRow, s *summary) string {
	v, there := s.Medians[zabkeeper]
	for _, peer := range peerNames {
		if o, measured := s.Medians[peer]; there && measured && peer != zabkeeper && r.better(o, v) {
			return peer
		}
	}
	return ""
}

// failureChars bounds what the page says about a failure; latest.json has it all.
const failureChars = 300

func writeFailures(b *strings.Builder, p *report) {
	var lines []string
	for _, u := range p.Runs {
		if u.Error == "" {
			continue
		}
		text := strings.Join(strings.Fields(u.Error), " ")
		if len(text) > failureChars {
			text = strings.ToValidUTF8(text[:failureChars], "") + "..."
		}
		lines = append(lines, fmt.Sprintf("- %s, %s, round %d: `%s`\n", peerTitle(u.Peer), u.Measure, u.Round, strings.ReplaceAll(text, "`", "'")))
	}
	if len(lines) > 0 {
		b.WriteString("\n### Failed runs\n\n" + strings.Join(lines, ""))
	}
}

func (p *report) row(id string) (*summary, bool) {
	i := slices.IndexFunc(p.Rows, func(s summary) bool { return s.Row == id })
	if i < 0 {
		return nil, false
	}
	return &p.Rows[i], true
}

// peers are those that any run is of, in the order of the table.
func (p *report) peers() []string {
	return slices.DeleteFunc(slices.Clone(peerNames), func(peer string) bool {
		return !slices.ContainsFunc(p.Runs, func(u run) bool { return u.Peer == peer })
	})
}

func measureOf(id string) (measure, bool) {
	i := slices.Index(measureIDs(), id)
	if i < 0 {
		return measure{}, false
	}
	return measures[i], true
}

func peerTitle(peer string) string {
	if peer == zooKeeper {
		return "ZooKeeper"
	}
	return peer
}
