package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/config"
	"github.com/zabkeeper/zabkeeper/wire"
)

// serverSelf is what a server answers to the word self.
type serverSelf struct {
	Number    uint32   `json:"number"`
	Row       string   `json:"row"`
	Mode      string   `json:"mode"`
	Phase     string   `json:"phase"`
	Leader    uint32   `json:"leader"`
	Epoch     uint32   `json:"epoch"`
	Zxid      string   `json:"zxid"`
	Cluster   string   `json:"cluster"`
	Member    bool     `json:"member"`
	Voter     bool     `json:"voter"`
	Serving   bool     `json:"serving"`
	Why       string   `json:"why"`
	Version   string   `json:"version"`
	Members   []string `json:"members"`
	Followers []struct {
		Number   uint32 `json:"number"`
		Member   bool   `json:"member"`
		Voter    bool   `json:"voter"`
		UpToDate bool   `json:"up_to_date"`
		Zxid     string `json:"zxid"`
		Row      string `json:"row"`
	} `json:"followers"`
}

// askTime bounds one question to one server.
const askTime = 3 * time.Second

// askSelf asks the server at address about itself.
func askSelf(ctx context.Context, address string) (*serverSelf, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	text, err := client.FourLetterWord(ctx, address, "self")
	if err != nil {
		return nil, err
	}
	var s serverSelf
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("%s does not answer like a server of zabkeeper: %.80q", address, text)
	}
	return &s, nil
}

// members returns where the members of s's cluster are.
func (s *serverSelf) members() []wire.EnsembleServer {
	servers, err := wire.ParseEnsemble(strings.Join(s.Members, "\n"))
	if err != nil {
		return nil // of a later version
	}
	return servers
}

// joinFile is where a server that joined keeps what it joined with, beside its
// data directory, in the form of a node table.
func joinFile(data string) string { return filepath.Clean(data) + ".nodes" }

// join finds the cluster at one of the addresses in f.join and makes up what a
// node table would say: the members, and a row for this server. What was made up
// is kept for the next start.
func join(ctx context.Context, f serveFlags, c *config.Config) (*config.Table, error) {
	if f.nodes != "" || f.zoocfg != "" {
		return nil, errors.New("--join stands in place of a node table: the cluster says who its members are")
	}
	if c.Data != "" {
		t, err := config.LoadTable(joinFile(c.Data))
		if err == nil {
			return ownRow(t, f, c)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	addresses, _, err := client.ParseConnectString(f.join)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, address := range addresses {
		self, err := askSelf(ctx, address)
		if err == nil && len(self.Members) == 0 {
			err = fmt.Errorf("%s is a server on its own, without ports for others; start it with a node table", address)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		return f.makeTable(ctx, address, self, c)
	}
	return nil, fmt.Errorf("no server of the cluster answers at %s: %w", f.join, errors.Join(problems...))
}

// ownRow finds this server in the table that an earlier start made.
func ownRow(t *config.Table, f serveFlags, c *config.Config) (*config.Table, error) {
	name := t.Name
	for i := range t.Rows {
		if t.Rows[i].Line == 1 {
			c.ID = t.Rows[i].ID
		}
	}
	if f.id != 0 && f.id != c.ID {
		return nil, fmt.Errorf("--id %d: this data directory joined as server %d, see %s", f.id, c.ID, name)
	}
	return t, nil
}

// makeTable writes the table of a server that joins for the first time.
func (f serveFlags) makeTable(ctx context.Context, address string, self *serverSelf, c *config.Config) (*config.Table, error) {
	servers := self.members()
	own := wire.EnsembleServer{Number: f.id}
	if own.Number == 0 {
		own.Number = freeNumber(ctx, servers, self)
	}
	for _, s := range servers {
		if s.Number == own.Number {
			return nil, fmt.Errorf("--id %d: the cluster has a server with this number, %s; leave --id out to get a free one", own.Number, s.String())
		}
	}
	if err := f.place(address, servers, self, &own); err != nil {
		return nil, err
	}
	c.ID = own.Number
	if c.Data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("--data is missing, and there is no home directory to put it in: %w", err)
		}
		c.Data = filepath.Join(home, fmt.Sprintf(".zabkeeper-%d", own.Number))
	}
	var b bytes.Buffer
	writeRow(&b, &own)
	for _, s := range servers {
		writeRow(&b, &s)
	}
	b.WriteString("# Made when this server joined its cluster; the first row is its own. Once it is a\n# member the configuration in the log rules.\n")
	if err := ensureParent(c.Data); err != nil {
		return nil, err
	}
	if err := os.WriteFile(joinFile(c.Data), b.Bytes(), 0o644); err != nil {
		return nil, err
	}
	return config.ParseTable(joinFile(c.Data), b.Bytes())
}

func writeRow(b *bytes.Buffer, s *wire.EnsembleServer) {
	client := "-"
	if s.ClientPort != 0 {
		client = strconv.Itoa(int(s.ClientPort))
	}
	fmt.Fprintf(b, "%d %s %d %d %s", s.Number, s.Host, s.ElectionPort, s.QuorumPort, client)
	if s.Observer {
		b.WriteString(" role=observer")
	}
	b.WriteString("\n")
}

// freeNumber is one above all that the cluster knows, servers that wait to be
// added included.
func freeNumber(ctx context.Context, servers []wire.EnsembleServer, self *serverSelf) uint32 {
	highest := uint32(0)
	for _, s := range servers {
		highest = max(highest, s.Number)
		if s.Number == self.Leader && self.Leader != self.Number {
			if leader, err := askSelf(ctx, s.ClientAddress()); err == nil {
				self = leader
			}
		}
	}
	for _, f := range self.Followers {
		highest = max(highest, f.Number)
	}
	return highest + 1
}

// place settles the address and ports of the new server: what the flags say, or
// the address from which the cluster is reached and the ports that its members
// use, or free ones where those are taken.
func (f serveFlags) place(address string, servers []wire.EnsembleServer, self *serverSelf, own *wire.EnsembleServer) error {
	own.Host = f.host
	if own.Host == "" {
		conn, err := net.DialTimeout("tcp", address, askTime)
		if err != nil {
			return err
		}
		own.Host, _, _ = net.SplitHostPort(conn.LocalAddr().String())
		_ = conn.Close()
	}
	own.ClientHost = own.Host
	ports := f.ports
	if len(ports) == 0 {
		ports = []int{0, 0, 0}
		for _, s := range servers {
			if s.Number == self.Number {
				ports = []int{int(s.ElectionPort), int(s.QuorumPort), int(s.ClientPort)}
			}
		}
	}
	if len(ports) != 3 {
		return fmt.Errorf("--ports has %d numbers, want server_port,leader_port,client_port", len(ports))
	}
	for i, place := range []*uint16{&own.ElectionPort, &own.QuorumPort, &own.ClientPort} {
		port, err := bindable(own.Host, ports[i], len(f.ports) > 0)
		if err != nil {
			return err
		}
		*place = port
	}
	return nil
}

// bindable returns port if this host can listen there. Otherwise it is an error
// where the port was asked for, and a free one elsewhere.
func bindable(host string, port int, asked bool) (uint16, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil && asked {
		return 0, fmt.Errorf("--ports: %w", err)
	}
	if err != nil {
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return 0, fmt.Errorf("--host %s: %w", host, err)
		}
	}
	_, text, _ := net.SplitHostPort(l.Addr().String())
	got, err := strconv.ParseUint(text, 10, 16)
	return uint16(got), errors.Join(err, l.Close())
}
