package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ErrEnsembleServer is wrapped by every failure to read a server line.
var ErrEnsembleServer = errors.New("wire: not a server of an ensemble")

// EnsembleServer is one server as /zookeeper/config, reconfig and zoo.cfg write
// it: server.N=host:quorumPort:electionPort[:role][;[clientHost:]clientPort].
type EnsembleServer struct {
	Number       uint32
	Host         string
	QuorumPort   uint16 // leader_port of the node table
	ElectionPort uint16 // server_port of the node table
	Observer     bool
	ClientHost   string // empty: every address
	ClientPort   uint16 // 0: not given
}

// String returns the line behind "server.N=".
func (s *EnsembleServer) String() string {
	role := "participant"
	if s.Observer {
		role = "observer"
	}
	text := fmt.Sprintf("%s:%d:%d:%s", bracketed(s.Host), s.QuorumPort, s.ElectionPort, role)
	switch {
	case s.ClientPort == 0:
		return text
	case s.ClientHost == "":
		return text + ";" + strconv.Itoa(int(s.ClientPort))
	}
	return text + ";" + joinPort(s.ClientHost, s.ClientPort)
}

// Line returns the whole line, which ParseEnsembleServer reads.
func (s *EnsembleServer) Line() string { return fmt.Sprintf("server.%d=%s", s.Number, s) }

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// QuorumAddress is where the server's leader_port is.
func (s *EnsembleServer) QuorumAddress() string { return joinPort(s.Host, s.QuorumPort) }

// ElectionAddress is where the server's server_port is.
func (s *EnsembleServer) ElectionAddress() string { return joinPort(s.Host, s.ElectionPort) }

// ClientAddress is where clients connect, empty where the line does not say it. A
// server that listens on every address is reached by the one that the others use.
func (s *EnsembleServer) ClientAddress() string {
	if s.ClientPort == 0 {
		return ""
	}
	if a, err := netip.ParseAddr(s.ClientHost); s.ClientHost == "" || err == nil && a.IsUnspecified() {
		return joinPort(s.Host, s.ClientPort)
	}
	return joinPort(s.ClientHost, s.ClientPort)
}

func joinPort(host string, port uint16) string {
	return bracketed(host) + ":" + strconv.Itoa(int(port))
}

// ParseEnsembleServer reads "server.N=…".
func ParseEnsembleServer(line string) (EnsembleServer, error) {
	key, value, found := strings.Cut(strings.TrimSpace(line), "=")
	number, prefixed := strings.CutPrefix(strings.TrimSpace(key), "server.")
	n, err := strconv.ParseUint(number, 10, 31)
	if !found || !prefixed || err != nil || n == 0 {
		return EnsembleServer{}, fmt.Errorf("%w: %.200q, want server.N=host:port:port", ErrEnsembleServer, line)
	}
	s, err := parseEnsembleAddress(strings.TrimSpace(value))
	s.Number = uint32(n)
	return s, err
}

// parseEnsembleAddress reads what stands behind "server.N=".
func parseEnsembleAddress(value string) (s EnsembleServer, err error) {
	bad := func(why string) (EnsembleServer, error) {
		return EnsembleServer{}, fmt.Errorf("%w: %.200q: %s", ErrEnsembleServer, value, why)
	}
	address, client, hasClient := strings.Cut(value, ";")
	rest := ""
	if v6, ok := strings.CutPrefix(address, "["); ok {
		s.Host, rest, ok = strings.Cut(v6, "]:")
		if _, err := netip.ParseAddr(s.Host); !ok || err != nil {
			return bad("no IPv6 address in the brackets")
		}
	} else {
		s.Host, rest, _ = strings.Cut(address, ":")
	}
	parts := strings.Split(rest, ":")
	if s.Host == "" || strings.ContainsAny(s.Host, " \t|,=/") || len(parts) < 2 || len(parts) > 3 {
		return bad("want host:quorumPort:electionPort[:role]")
	}
	var ok1, ok2 bool
	s.QuorumPort, ok1 = parseEnsemblePort(parts[0])
	s.ElectionPort, ok2 = parseEnsemblePort(parts[1])
	if !ok1 || !ok2 {
		return bad("a port is a number from 1 to 65535")
	}
	if len(parts) == 3 {
		switch strings.ToLower(parts[2]) {
		case "participant":
		case "observer":
			s.Observer = true
		default:
			return bad("a role is participant or observer")
		}
	}
	if hasClient {
		if i := strings.LastIndexByte(client, ':'); i >= 0 {
			s.ClientHost, client = strings.Trim(client[:i], "[]"), client[i+1:]
		}
		if s.ClientPort, ok1 = parseEnsemblePort(client); !ok1 {
			return bad("the client port is a number from 1 to 65535")
		}
	}
	return s, nil
}

func parseEnsemblePort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0
}

// ParseEnsemble reads the servers of a configuration text, one a line; other
// lines, like the version, are passed over. Commas separate like newlines.
func ParseEnsemble(text string) ([]EnsembleServer, error) {
	var out []EnsembleServer
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == ',' || r == '\r' }) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "server.") {
			continue
		}
		s, err := ParseEnsembleServer(line)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
