package config

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Text returns the table in its canonical form, which ParseTable reads and
// which is the same for equal tables.
func (t *Table) Text() string {
	var b strings.Builder
	for i := range t.Rows {
		b.WriteString(t.Rows[i].text() + "\n")
	}
	return b.String()
}

func (r *Row) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", r.ID, r.Host)
	for _, port := range [...]uint16{r.ServerPort, r.LeaderPort, r.ClientPort} {
		if port == 0 {
			b.WriteString(" -")
		} else {
			fmt.Fprintf(&b, " %d", port)
		}
	}
	if r.Observer {
		b.WriteString(" role=observer")
	}
	if r.AdminPort != 0 {
		fmt.Fprintf(&b, " admin=%d", r.AdminPort)
	}
	if r.Weight != 1 {
		fmt.Fprintf(&b, " weight=%d", r.Weight)
	}
	if r.Group != 0 {
		fmt.Fprintf(&b, " group=%d", r.Group)
	}
	return b.String()
}

// Hash returns a number that is the same for equal tables.
func (t *Table) Hash() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Text()))
	return h.Sum64()
}

// Differences compares this server's table with another server's and names
// every row that is not the same.
func Differences(own, other *Table) []Problem {
	var d Problems
	for i := range own.Rows {
		r := &own.Rows[i]
		o := other.Row(r.ID)
		if o == nil {
			d.add(own.Name, r.Line, r.text(), "this row is missing in "+other.Name, "make the tables equal")
		} else if o.text() != r.text() {
			d.add(own.Name, r.Line, r.text(), fmt.Sprintf("%s has %q", other.place(o), o.text()), "make the tables equal")
		}
	}
	for i := range other.Rows {
		if r := &other.Rows[i]; own.Row(r.ID) == nil {
			d.add(own.Name, 0, r.text(), "this row is only in "+other.place(r), "make the tables equal")
		}
	}
	return d
}

func (t *Table) place(r *Row) string {
	if r.Line == 0 {
		return t.Name
	}
	return fmt.Sprintf("%s:%d", t.Name, r.Line)
}
