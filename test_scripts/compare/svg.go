package main

import (
	"fmt"
	"html"
	"strings"
)

// The measures of a chart, in its own units.
const (
	chartWidth  = 760
	chartMargin = 12
	labelWidth  = 300 // left of the bars
	valueWidth  = 110 // right of the longest bar
	barHeight   = 13
	barGap      = 2
	groupGap    = 12
	headHeight  = 58
)

// chartStyle has the colours for light and dark. The background is the chart's own:
// a page may be dark where the system is light.
const chartStyle = `<style>
text{font:12px system-ui,sans-serif;fill:#1f2328}
.page{fill:#fff}
.title{font-size:14px;font-weight:600}
.faint{fill:#59636e}
.zabkeeper{fill:#0969da}.zookeeper{fill:#bc6c00}.etcd{fill:#6e7781}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}text{fill:#e6edf3}.faint{fill:#9198a1}
.zabkeeper{fill:#4493f8}.zookeeper{fill:#db9a3c}.etcd{fill:#9aa4af}
}
</style>
`

// chart draws the medians of a section, if there are any. Every row has its own
// scale, so that rows of any size can be read.
func chart(s *section, p *report) (string, bool) {
	var b strings.Builder
	y := headHeight
	peers := p.peers()
	for _, r := range s.rows {
		if sum, there := p.row(r.id); there && len(sum.Medians) > 0 {
			y = chartGroup(&b, &r, sum, peers, y)
		}
	}
	if b.Len() == 0 {
		return "", false
	}
	height := y - groupGap + chartMargin
	var head strings.Builder
	fmt.Fprintf(&head, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		chartWidth, height, chartWidth, height, html.EscapeString(s.title))
	head.WriteString(chartStyle)
	fmt.Fprintf(&head, `<rect class="page" width="%d" height="%d" rx="6"/>`+"\n", chartWidth, height)
	text(&head, "title", chartMargin, 20, s.title)
	x := chartMargin
	for _, peer := range peers {
		fmt.Fprintf(&head, `<rect class="%s" x="%d" y="31" width="10" height="10"/>`+"\n", peer, x)
		text(&head, "", x+15, 40, peerTitle(peer))
		x += 95
	}
	text(&head, "faint", x, 40, "Each group has its own scale.")
	return head.String() + b.String() + "</svg>\n", true
}

// chartGroup draws a row from y down and returns where the next one begins.
func chartGroup(b *strings.Builder, r *tableRow, s *summary, peers []string, y int) int {
	most := 0.0
	for _, v := range s.Medians {
		most = max(most, v)
	}
	title := r.title
	if r.less {
		title += " (less is better)"
	}
	text(b, "", chartMargin, y+barHeight-2, title)
	for _, peer := range peers {
		v, there := s.Medians[peer]
		if !there {
			continue
		}
		width := 1.0
		if most > 0 {
			width = max(width, v/most*(chartWidth-labelWidth-valueWidth))
		}
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`+"\n", peer, labelWidth, y, width, barHeight)
		text(b, "", labelWidth+int(width)+6, y+barHeight-2, r.show(v))
		y += barHeight + barGap
	}
	return y + groupGap
}

func text(b *strings.Builder, class string, x, y int, s string) {
	if class != "" {
		class = fmt.Sprintf(` class="%s"`, class)
	}
	fmt.Fprintf(b, `<text%s x="%d" y="%d">%s</text>`+"\n", class, x, y, html.EscapeString(s))
}
