package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/config"
)

// serverStatus is one row of the table.
type serverStatus struct {
	Number      uint32 `json:"number,omitempty"`
	Address     string `json:"address"`
	Role        string `json:"role"`
	Epoch       int64  `json:"epoch"`
	Counter     int64  `json:"counter"`
	Connections int    `json:"connections"`
	Version     string `json:"version,omitempty"`
	Problem     string `json:"problem,omitempty"`
}

// The roles that no server reports itself.
const (
	roleDown   = "down"
	roleNoVote = "not serving"
)

func newStatusCommand(env *environment) *cobra.Command {
	var nodes, output string
	var timeout, interval time.Duration
	var watch bool
	cmd := &cobra.Command{
		Use:   "status [HOST:PORT[,HOST:PORT...]]...",
		Short: "Show each server's role, epoch and last transaction, and who leads",
		Long: `Asks every server with the four-letter word srvr. The servers are given as
addresses or by their node table; without either, localhost:2181 is asked.

With --watch it goes on, on a terminal with a table that is always up to date,
otherwise with a line for every change: who looks for a leader, follows or leads,
since which epoch, and why.

Exit status 1 says that no server leads.`,
		Example: "  zabkeeper status 10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181\n  zabkeeper status --nodes nodes.txt\n  zabkeeper status --nodes nodes.txt --watch",
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output is text or json, not %q", output)
			}
			servers, err := statusServers(args, nodes)
			if err != nil {
				return err
			}
			if watch {
				w := &statusWatch{env: env, servers: servers, timeout: timeout, interval: interval}
				return w.run(cmd.Context())
			}
			askServers(cmd.Context(), servers, timeout)
			leader := leaderOf(servers)
			if output == "json" {
				err = json.NewEncoder(env.stdout).Encode(map[string]any{"servers": servers, "leader": leader})
			} else {
				err = printStatus(env, servers, leader)
			}
			if err == nil && leader == nil {
				return exit(statusFailed, errors.New("no server leads"))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&nodes, "nodes", "", "node table to take the servers from")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on, and show what changes")
	cmd.Flags().DurationVar(&interval, "interval", 300*time.Millisecond, "with --watch: how often the servers are asked")
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait for a server")
	return cmd
}

func statusServers(args []string, nodes string) ([]serverStatus, error) {
	var servers []serverStatus
	if nodes != "" {
		if len(args) > 0 {
			return nil, errors.New("give either addresses or --nodes")
		}
		table, err := config.LoadTable(nodes)
		if err != nil {
			return nil, err
		}
		for i := range table.Rows {
			servers = append(servers, serverStatus{Number: table.Rows[i].ID, Address: table.Rows[i].ClientAddress()})
		}
		return servers, nil
	}
	if len(args) == 0 {
		args = []string{"localhost"}
	}
	for _, arg := range args {
		addresses, _, err := client.ParseConnectString(arg)
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			servers = append(servers, serverStatus{Address: a})
		}
	}
	return servers, nil
}

func askServers(ctx context.Context, servers []serverStatus, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var all sync.WaitGroup
	for i := range servers {
		all.Go(func() {
			s := &servers[i]
			answer, err := client.FourLetterWord(ctx, s.Address, "srvr")
			if err != nil {
				s.Role, s.Problem = roleDown, err.Error()
				return
			}
			s.parse(answer)
		})
	}
	all.Wait()
}

// parse takes in the answer to srvr. A server without a leader answers with a
// sentence instead.
func (s *serverStatus) parse(answer string) {
	s.Role = roleNoVote
	for line := range strings.Lines(answer) {
		key, value, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found {
			continue
		}
		switch key {
		case "Mode":
			s.Role = value
		case "Zookeeper version", "Zabkeeper version":
			s.Version = value
		case "Connections":
			s.Connections, _ = strconv.Atoi(value) // 0 from a server that lies
		case "Zxid":
			zxid, _ := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 64)
			s.Epoch, s.Counter = int64(zxid>>32), int64(zxid&(1<<32-1))
		}
	}
	if s.Role == roleNoVote {
		s.Problem, _, _ = strings.Cut(answer, "\n")
	}
}

// leaderOf returns the server that leads. Two may believe so for a moment; the
// newer epoch is right.
func leaderOf(servers []serverStatus) *serverStatus {
	var leader *serverStatus
	for i := range servers {
		s := &servers[i]
		if (s.Role == "leader" || s.Role == "standalone") && (leader == nil || s.Epoch > leader.Epoch) {
			leader = s
		}
	}
	return leader
}

func printStatus(env *environment, servers []serverStatus, leader *serverStatus) error {
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SERVER\tROLE\tEPOCH\tLAST ZXID\tCONNECTIONS\t")
	for i := range servers {
		s := &servers[i]
		name := s.Address
		if s.Number != 0 {
			name = fmt.Sprintf("%d %s", s.Number, s.Address)
		}
		if s.Problem != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\t-\t-\t-\t%s\n", name, s.Role, s.Problem)
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d/%d\t%d\t\n", name, s.Role, s.Epoch, s.Epoch, s.Counter, s.Connections)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if leader != nil {
		_, _ = fmt.Fprintf(env.stdout, "%s leads epoch %d\n", leader.Address, leader.Epoch)
	}
	return nil
}
