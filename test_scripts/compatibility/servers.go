package compatibility

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// zooKeeperJars are Debian's; the first names its dependencies in its manifest.
var zooKeeperJars = []string{"/usr/share/java/zookeeper.jar", "/usr/share/java/slf4j-simple.jar"}

// ZooKeeperInstalled reports whether there is a ZooKeeper to compare with.
func ZooKeeperInstalled() bool {
	_, err := os.Stat(zooKeeperJars[0])
	_, java := exec.LookPath("java")
	return err == nil && java == nil
}

// SuperPassword belongs to the user super of every server that is started here.
const SuperPassword = "super:secret"

// superDigest is the identity of SuperPassword.
const superDigest = "super:lK75jTNcA+U9vtVEw5vB51mj/w4="

// TickMs is short, so that sessions expire while a test waits.
const TickMs = 300

// MinSessionMs and MaxSessionMs bound the timeouts of sessions.
const (
	MinSessionMs = 2 * TickMs
	MaxSessionMs = 30_000
)

// Server is a process that serves clients, alone or as one of an Ensemble.
type Server struct {
	Name    string
	Address string
	dir     string
	command []string
	log     string
	cmd     *exec.Cmd
	done    chan struct{}

	// Of several servers in one: Address is the first one's.
	members []*Server
	turn    atomic.Int64
	latest  atomic.Int64 // the highest zxid that a reply has shown
}

// Configuration is what a server has beyond the settings that all have.
type Configuration struct {
	Lines string // of zoo.cfg
	Host  string // where clients connect; empty for 127.0.0.1
	JAAS  string // the file with the users; empty for none
	// Number is the server's in the ensemble that Lines name; 0 for one alone.
	Number int
	Java   []string // of ZooKeeper's command line
}

func (c *Configuration) host() string {
	if c.Host == "" {
		return "127.0.0.1"
	}
	return c.Host
}

// StartZooKeeper starts a ZooKeeper in dir.
func StartZooKeeper(dir string, port int, c Configuration) (*Server, error) {
	cfg, err := writeConfiguration(dir, port, c)
	if err != nil {
		return nil, err
	}
	// Containers and TTL nodes are never reaped while sequences are compared; the
	// log is not forced to the disk, because nobody pulls the plug here.
	s := &Server{Name: "ZooKeeper", command: []string{"java", "-Xmx512m", "-Dzookeeper.forceSync=no",
		"-Dznode.container.checkIntervalMs=86400000", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", strings.Join(zooKeeperJars, ":"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg}}
	s.command = slices.Insert(s.command, 1, c.Java...)
	if c.JAAS != "" {
		s.command = slices.Insert(s.command, 1, "-Djava.security.auth.login.config="+filepath.Join(dir, jaasName))
	}
	s.place(dir, c.host(), port)
	return s, s.Start()
}

// StartZabkeeper starts zabkeeper in dir.
func StartZabkeeper(binary, dir string, port int, c Configuration) (*Server, error) {
	if c.JAAS != "" {
		c.Lines += "java.security.auth.login.config=" + jaasName + "\n"
	}
	s, err := newZabkeeper(binary, dir, port, c)
	if err != nil {
		return nil, err
	}
	return s, s.Start()
}

func newZabkeeper(binary, dir string, port int, c Configuration) (*Server, error) {
	cfg, err := writeConfiguration(dir, port, c)
	if err != nil {
		return nil, err
	}
	s := &Server{Name: "zabkeeper", command: []string{binary, "serve", "--log-level", "warn", "--zoocfg", cfg}}
	s.place(dir, c.host(), port)
	return s, nil
}

// jaasName is the file with the users.
const jaasName = "jaas.conf"

func writeConfiguration(dir string, port int, c Configuration) (string, error) {
	data := filepath.Join(dir, "data")
	text := fmt.Sprintf("tickTime=%d\nminSessionTimeout=%d\nmaxSessionTimeout=%d\ndataDir=%s\nclientPort=%d\nclientPortAddress=%s\n"+
		"maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=*\nextendedTypesEnabled=true\nenforceQuota=true\n"+
		"DigestAuthenticationProvider.superDigest=%s\nnio.sessionlessCnxnTimeout=2000\nznode.container.checkIntervalMs=86400000\n", TickMs, MinSessionMs, MaxSessionMs, data, port, c.host(), superDigest)
	text += c.Lines
	cfg := filepath.Join(dir, "zoo.cfg")
	err := errors.Join(os.MkdirAll(data, 0o755), os.WriteFile(cfg, []byte(text), 0o644))
	if c.JAAS != "" {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, jaasName), []byte(c.JAAS), 0o600))
	}
	if c.Number != 0 {
		err = errors.Join(err, os.WriteFile(filepath.Join(data, "myid"), strconv.AppendInt(nil, int64(c.Number), 10), 0o644))
	}
	return cfg, err
}

func (s *Server) place(dir, host string, port int) {
	s.dir = dir
	s.Address = net.JoinHostPort(host, strconv.Itoa(port))
	s.log = filepath.Join(dir, "log")
}

// Start starts the process, again after Kill, and waits until it serves.
func (s *Server) Start() error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.await()
}

func (s *Server) launch() error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	done := make(chan struct{})
	s.cmd, s.done = cmd, done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	return nil
}

func (s *Server) await() error {
	for deadline := time.Now().Add(time.Minute); !strings.Contains(s.Word("srvr"), "Mode: "); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.done:
			return fmt.Errorf("%s ended at once: %s", s.Name, s.LogTail())
		default:
		}
		if time.Now().After(deadline) {
			s.Kill()
			return fmt.Errorf("%s does not serve: %s", s.Name, s.LogTail())
		}
	}
	return nil
}

// PID is the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Word sends a four-letter word; a server that is not reached answers nothing.
func (s *Server) Word(word string) string {
	nc, err := net.DialTimeout("tcp", s.Address, time.Second)
	if err != nil {
		return ""
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := nc.Write([]byte(word)); err != nil {
		return ""
	}
	var text strings.Builder
	b := make([]byte, 4096)
	for {
		n, err := nc.Read(b)
		text.Write(b[:n])
		if err != nil {
			return text.String()
		}
	}
}

// Kill ends the process at once.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		<-s.done
		s.cmd = nil
	}
}

// Alive reports whether the process runs.
func (s *Server) Alive() bool {
	select {
	case <-s.done:
		return false
	default:
		return s.cmd != nil
	}
}

// LogTail returns the end of what the server has logged.
func (s *Server) LogTail() string {
	b, _ := os.ReadFile(s.log)
	return string(b[max(0, len(b)-2000):])
}
