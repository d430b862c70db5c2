package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// drainTime bounds how long a request to drain may last.
const drainTime = 30 * time.Second

// Handler answers for operators:
//
//	GET  /                    the status as text, or as JSON for those who accept it
//	GET  /status.json         the status as JSON
//	GET  /leader              "NUMBER ADDRESS" of the server that leads; 503 when none does
//	GET  /health              200 while clients can be served, else 503
//	GET  /metrics             metrics in Prometheus' text format
//	POST /servers/N/drain     take the clients off server N; returns when it has none
//	POST /servers/N/undrain   let it have clients again
//
// It has no access control: listen where only operators are. Pages of other
// sites can't make a browser drain a server.
func (b *Balancer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", b.serveStatus)
	mux.HandleFunc("GET /status.json", b.serveJSON)
	mux.HandleFunc("GET /leader", b.serveLeader)
	mux.HandleFunc("GET /health", b.serveHealth)
	mux.HandleFunc("GET /metrics", b.serveMetrics)
	mux.HandleFunc("POST /servers/{id}/drain", b.serveDrain)
	mux.HandleFunc("POST /servers/{id}/undrain", b.serveDrain)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (b *Balancer) serveStatus(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		b.serveJSON(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	writeText(w, b.Status())
}

func writeText(out io.Writer, st Status) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SERVER\tSTATE\tROLE\tCLIENTS\tROUTED\tFAILURES\t")
	for i := range st.Servers {
		s := &st.Servers[i]
		role := s.Role
		if role == "" {
			role = "-"
		}
		_, _ = fmt.Fprintf(w, "%d %s\t%s\t%s\t%d\t%d\t%d\t%s\n", s.ID, s.Address, s.State, role, s.Clients, s.Routed, s.Failures, s.Problem)
	}
	_ = w.Flush() // a browser that is gone misses nothing
	serving := "serves"
	if !st.Serving {
		serving = "waits"
	}
	_, _ = fmt.Fprintf(out, "The router %s: %d servers up, %d expected, %d clients, %d refused.\n", serving, st.Healthy, st.Expected, st.Clients, st.Refused)
	if st.Leader != 0 {
		_, _ = fmt.Fprintf(out, "Server %d leads.\n", st.Leader)
	} else {
		_, _ = fmt.Fprintln(out, "No server is known to lead.")
	}
}

func (b *Balancer) serveJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(b.Status()) // likewise
}

func (b *Balancer) serveLeader(w http.ResponseWriter, _ *http.Request) {
	st := b.Status()
	for i := range st.Servers {
		if s := &st.Servers[i]; s.ID == st.Leader && st.Leader != 0 {
			_, _ = fmt.Fprintf(w, "%d %s\n", s.ID, s.Address)
			return
		}
	}
	http.Error(w, "no server is known to lead", http.StatusServiceUnavailable)
}

func (b *Balancer) serveHealth(w http.ResponseWriter, _ *http.Request) {
	if st := b.Status(); !st.Serving || st.Healthy == 0 {
		http.Error(w, "clients can't be served", http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}

func (b *Balancer) serveDrain(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err == nil {
		if strings.HasSuffix(r.URL.Path, "/undrain") {
			err = b.Undrain(uint32(id))
		} else {
			ctx, cancel := context.WithTimeout(r.Context(), drainTime)
			defer cancel()
			err = b.Drain(ctx, uint32(id))
		}
	}
	switch {
	case err == nil:
		writeText(w, b.Status())
	case errors.Is(err, ErrUnknownServer), errors.Is(err, strconv.ErrSyntax), errors.Is(err, strconv.ErrRange):
		http.Error(w, err.Error(), http.StatusNotFound)
	default:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// serveMetrics writes Prometheus' text format.
func (b *Balancer) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	st := b.Status()
	single := func(name, kind, help string, value uint64) {
		_, _ = fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %d\n", name, help, name, kind, name, value)
	}
	perServer := func(name, kind, help string, value func(*ServerStatus) uint64) {
		_, _ = fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		for i := range st.Servers {
			s := &st.Servers[i]
			_, _ = fmt.Fprintf(w, "%s{server=\"%d\",address=%q} %d\n", name, s.ID, s.Address, value(s))
		}
	}
	one := func(is bool) uint64 {
		if is {
			return 1
		}
		return 0
	}
	single("zabkeeper_balancer_serving", "gauge", "1 while clients are served.", one(st.Serving))
	single("zabkeeper_balancer_servers_expected", "gauge", "Servers that have to be up before clients are served.", uint64(st.Expected))
	single("zabkeeper_balancer_sessions", "gauge", "Sessions remembered.", uint64(st.Sessions))
	single("zabkeeper_balancer_refused_total", "counter", "Connections that found no server.", st.Refused)
	perServer("zabkeeper_balancer_server_up", "gauge", "1 while the server is healthy.", func(s *ServerStatus) uint64 { return one(s.State != "down" && s.State != "refused") })
	perServer("zabkeeper_balancer_server_leading", "gauge", "1 while the server leads.", func(s *ServerStatus) uint64 { return one(s.ID == st.Leader) })
	perServer("zabkeeper_balancer_server_clients", "gauge", "Connections to the server.", func(s *ServerStatus) uint64 { return uint64(s.Clients) })
	perServer("zabkeeper_balancer_server_routed_total", "counter", "Connections ever routed to the server.", func(s *ServerStatus) uint64 { return s.Routed })
	perServer("zabkeeper_balancer_server_failures_total", "counter", "How often the server went down.", func(s *ServerStatus) uint64 { return s.Failures })
}
