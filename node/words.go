package node

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// defaultTraceMask is ZooKeeper's.
const defaultTraceMask = 306

const notServing = "This ZooKeeper instance is not currently serving requests\n"

// serveWord answers a four-letter word and closes.
func (c *clientConn) serveWord(word string, in *inputBuffer) {
	n := c.n
	in.skip(4)
	var answer string
	switch {
	case !n.wordAllowed(word):
		answer = word + " is not executed because it is not in the whitelist.\n"
	case word == "stmk":
		for len(in.bytes()) < 8 {
			if in.fill(8) != nil {
				return
			}
		}
		mask := int64(binary.BigEndian.Uint64(in.bytes()))
		n.traceMask.Store(mask)
		answer = strconv.FormatInt(mask, 10)
	case word == "oper":
		line, ok := readOperatorLine(in)
		if !ok {
			return
		}
		answer = n.operate(c.host, line)
	default:
		answer = n.word(word, c)
	}
	c.mu.Lock()
	c.grow()
	c.out = append(c.out, answer...)
	c.closing = true
	c.mu.Unlock()
	c.flush()
	c.linger(in)
}

func (n *Node) wordAllowed(word string) bool {
	return word == "srvr" || word == "isro" && n.opt.ReadOnly || word == "self" || word == "oper" || slices.Contains(n.opt.FourLetterWords, "*") || slices.Contains(n.opt.FourLetterWords, word)
}

func (n *Node) word(word string, c *clientConn) string {
	switch word {
	case "ruok":
		return "imok"
	case "isro":
		return [...]string{modeClosed: "null", modeReadWrite: "rw", modeReadOnly: "ro"}[n.mode()]
	case "gtmk":
		return strconv.FormatInt(n.traceMask.Load(), 10)
	case "envi":
		return n.wordEnvi()
	case "self":
		return n.wordSelf()
	}
	if n.mode() == modeClosed && word != "mntr" {
		return notServing
	}
	switch word {
	case "srvr":
		return n.wordVersion() + n.wordServer()
	case "stat":
		return n.wordVersion() + n.wordClients(c) + n.wordServer()
	case "mntr":
		return n.wordMonitor()
	case "conf":
		return n.wordConf()
	case "cons":
		return n.wordConnections()
	case "crst":
		n.clients.each(func(c *clientConn) {
			c.mu.Lock()
			c.stats = connStats{}
			c.mu.Unlock()
		})
		return "Connection stats reset.\n"
	case "srst":
		n.counters.readLatency.reset()
		n.counters.writeLatency.reset()
		return "Server stats reset.\n"
	case "dirs":
		snapshots, log := n.disk.DirBytes()
		return fmt.Sprintf("datadir_size: %d\nlogdir_size: %d\n", snapshots, log)
	case "dump":
		return n.wordDump()
	case "wchs", "wchc", "wchp":
		return n.wordWatches(word)
	case "hash":
		return n.wordHash()
	}
	return ""
}

// wordHash lists digests by zxid. They are this program's own and cannot be
// compared with ZooKeeper's.
func (n *Node) wordHash() string {
	n.tree.RLock()
	noted := n.replica.State().Tree.NotedDigests()
	n.tree.RUnlock()
	var b strings.Builder
	for _, d := range noted {
		fmt.Fprintf(&b, "%x: %d\n", uint64(d.Zxid), int64(d.Digest))
	}
	return b.String()
}

// wordConf is the settings, and the members as the configuration has them.
func (n *Node) wordConf() string {
	lines := slices.Clone(n.opt.Conf)
	if !n.opt.alone() {
		lines = append(lines, "membership: ")
		n.ask(func() {
			if cfg := n.replica.Core().Configuration(); cfg != nil {
				for _, m := range cfg.Members {
					lines = append(lines, fmt.Sprintf("server.%d=%s", m.ID, m.Address))
				}
			}
		})
	}
	return strings.Join(lines, "\n") + "\n"
}

func (n *Node) wordVersion() string {
	return "Zookeeper version: " + n.opt.Version + "\n"
}

// latencies returns reads and writes taken together.
func (n *Node) latencies() latency {
	l := n.counters.readLatency.get()
	l.merge(n.counters.writeLatency.get())
	return l
}

func (n *Node) packets() (received, sent uint64, outstanding int) {
	n.clients.each(func(c *clientConn) {
		c.mu.Lock()
		received += c.stats.received
		sent += c.stats.sent
		outstanding += c.queue.len()
		c.mu.Unlock()
	})
	return received + n.counters.received.Load(), sent + n.counters.sent.Load(), outstanding
}

func (n *Node) wordServer() string {
	role := n.roleText.Load()
	received, sent, outstanding := n.packets()
	l := n.latencies()
	n.tree.RLock()
	nodes := n.replica.State().Tree.NodeCount()
	n.tree.RUnlock()
	s := ""
	if n.mode() == modeReadOnly {
		s = "READ-ONLY mode; serving only read-only clients\n"
	}
	s += fmt.Sprintf("Latency min/avg/max: %d/%s/%d\nReceived: %d\nSent: %d\nConnections: %d\nOutstanding: %d\nZxid: %s\nMode: %s\nNode count: %d\n",
		l.min.Milliseconds(), decimal(l.mean()), l.max.Milliseconds(), received, sent, n.clients.count(), outstanding,
		n.applied(), role.mode, nodes)
	if role.mode == "leader" {
		s += "Proposal sizes last/min/max: -1/-1/-1\n"
	}
	return s
}

// decimal writes at least one and at most four digits behind the point.
func decimal(v float64) string {
	s := strings.TrimRight(fmt.Sprintf("%.4f", v), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

func (n *Node) wordClients(self *clientConn) string {
	var b strings.Builder
	b.WriteString("Clients:\n")
	n.clients.each(func(c *clientConn) {
		c.mu.Lock()
		ops := 1
		if c == self {
			ops = 0
		}
		fmt.Fprintf(&b, " /%s[%d](queued=%d,recved=%d,sent=%d)\n", c.nc.RemoteAddr(), ops, c.queue.len(), c.stats.received, c.stats.sent)
		c.mu.Unlock()
	})
	b.WriteString("\n")
	return b.String()
}

func (n *Node) wordConnections() string {
	var b strings.Builder
	n.clients.each(func(c *clientConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		st := &c.stats
		fmt.Fprintf(&b, " /%s[1](queued=%d,recved=%d,sent=%d", c.nc.RemoteAddr(), c.queue.len(), st.received, st.sent)
		if s := c.session.Load(); s != 0 {
			lop, lzxid := lastOpName(st.lastOp, st.received), st.lastZxid
			fmt.Fprintf(&b, ",sid=0x%x,lop=%s,est=%d,to=%d", s, lop, c.opened.UnixMilli(), c.timeoutMs)
			if st.lastXid > 0 {
				fmt.Fprintf(&b, ",lcxid=0x%x", st.lastXid)
			}
			if lop == "NA" {
				lzxid = ^zxid.Zxid(0)
			}
			fmt.Fprintf(&b, ",lzxid=0x%x,lresp=%d,llat=%d,minlat=%d,avglat=%d,maxlat=%d", uint64(lzxid), st.lastResponse/int64(time.Millisecond),
				st.lastLatency.Milliseconds(), st.latency.min.Milliseconds(), int64(st.latency.mean()), st.latency.max.Milliseconds())
		}
		b.WriteString(")\n")
	})
	b.WriteString("\n")
	return b.String()
}

// lastOpName is ZooKeeper's four-letter name of an operation.
func lastOpName(op wire.OpCode, received uint64) string {
	names := map[wire.OpCode]string{wire.OpPing: "PING", wire.OpMulti: "MULT", wire.OpMultiRead: "MLTR", wire.OpCreate: "CREA",
		wire.OpCreate2: "CREA", wire.OpCreateContainer: "CREA", wire.OpCreateTTL: "CREA", wire.OpDelete: "DELE", wire.OpSetData: "SETD",
		wire.OpReconfig: "RECO", wire.OpSetACL: "SETA", wire.OpCloseSession: "CLOS", wire.OpSync: "SYNC", wire.OpExists: "EXIS",
		wire.OpGetData: "GETD", wire.OpSetWatches: "SETW", wire.OpSetWatches2: "STW2", wire.OpAddWatch: "ADDW", wire.OpGetACL: "GETA",
		wire.OpGetChildren: "GETC", wire.OpGetChildren2: "GETC", wire.OpGetAllChildrenNumber: "GETACN", wire.OpCheckWatches: "CHKW",
		wire.OpRemoveWatches: "REMW", wire.OpWhoAmI: "HOMI", wire.OpGetEphemerals: "GETE",
		wire.OpLinearizable: "LINR", wire.OpListPage: "LSTP", wire.OpDeleteRecursive: "DELR", wire.OpCreateParents: "CREP",
		wire.OpSetReplyLimit: "RPLM"}
	if name := names[op]; name != "" && received > 0 {
		return name
	}
	if received > 0 && op == 0 {
		return "SESS"
	}
	return "NA"
}

func (n *Node) wordMonitor() string {
	var b strings.Builder
	put := func(key string, value any) { fmt.Fprintf(&b, "zk_%s\t%v\n", key, value) }
	role := n.roleText.Load()
	put("version", n.opt.Version)
	put("server_state", role.mode)
	if !n.opt.alone() {
		put("peer_state", peerState(role))
	}
	l := n.latencies()
	put("avg_latency", decimal(l.mean()))
	put("min_latency", l.min.Milliseconds())
	put("max_latency", l.max.Milliseconds())
	received, sent, outstanding := n.packets()
	put("packets_received", received)
	put("packets_sent", sent)
	put("num_alive_connections", n.clients.count())
	put("outstanding_requests", outstanding)
	put("uptime", time.Since(n.started).Milliseconds())
	n.monitorTree(put)
	put("open_file_descriptor_count", openFiles())
	put("max_file_descriptor_count", maxFiles())
	put("connection_rejected", n.counters.rejected.Load())
	put("auth_failed_count", n.counters.authFailed.Load())
	put("large_replies_refused", n.counters.replyRefused.Load())
	put("looking_count", n.counters.elections.Load())
	put("diff_count", n.counters.diffs.Load())
	put("snap_count", n.counters.snaps.Load())
	summary(put, "fsynctime", n.counters.fsync.get())
	summary(put, "snapshottime", n.counters.snapshotTime.get())
	summary(put, "pause_time_ms", n.counters.pauses.get())
	summary(put, "readlatency", n.counters.readLatency.get())
	summary(put, "updatelatency", n.counters.writeLatency.get())
	n.throttled.report(put)
	n.bucket.report(put)
	n.monitorQuorum(put, role)
	return b.String()
}

func summary(put func(string, any), name string, l latency) {
	put("avg_"+name, decimal(l.mean()))
	put("min_"+name, l.min.Milliseconds())
	put("max_"+name, l.max.Milliseconds())
	put("cnt_"+name, l.count)
	put("sum_"+name, l.sum.Milliseconds())
}

func (n *Node) monitorTree(put func(string, any)) {
	n.tree.RLock()
	defer n.tree.RUnlock()
	s := n.replica.State()
	put("znode_count", s.Tree.NodeCount())
	n.watchLock.Lock()
	put("watch_count", s.Watches.Count())
	n.watchLock.Unlock()
	put("ephemerals_count", s.Tree.EphemeralCount())
	put("approximate_data_size", s.Tree.DataBytes())
	put("global_sessions", s.Tree.SessionCount())
	put("local_sessions", n.locals.count())
}

func (n *Node) monitorQuorum(put func(string, any), role *roleStatus) {
	if n.opt.alone() {
		return
	}
	n.ask(func() {
		if cfg := n.replica.Core().Configuration(); cfg != nil {
			put("quorum_size", len(cfg.Voters()))
		}
		if role.mode != "leader" {
			return
		}
		synced, observers := 0, 0
		followers := n.replica.Core().Followers()
		for _, f := range followers {
			if f.UpToDate && f.Voter {
				synced++
			} else if f.UpToDate {
				observers++
			}
		}
		put("learners", len(followers))
		put("followers", len(followers))
		put("synced_followers", synced)
		put("synced_observers", observers)
		put("pending_syncs", len(followers)-synced-observers)
	})
}

func peerState(r *roleStatus) string {
	switch r.mode {
	case "leader":
		return "leading - " + r.phase
	case "follower":
		return "following - " + r.phase
	case "observer":
		return "observing - " + r.phase
	}
	return r.mode
}

func (n *Node) wordEnvi() string {
	host, _ := hostname()
	var b strings.Builder
	b.WriteString("Environment:\n")
	fmt.Fprintf(&b, "zookeeper.version=%s\nhost.name=%s\nos.name=%s\nos.arch=%s\ngo.version=%s\n",
		n.opt.Version, host, runtime.GOOS, runtime.GOARCH, runtime.Version())
	return b.String()
}

func (n *Node) wordDump() string {
	var b strings.Builder
	n.dumpSessions(&b)
	fmt.Fprintf(&b, "Connections dump:\nConnections Sets (1)/(%d):\n", n.clients.count())
	n.clients.each(func(c *clientConn) {
		fmt.Fprintf(&b, "\tip: /%s sessionId: 0x%x\n", c.nc.RemoteAddr(), c.session.Load())
	})
	return b.String()
}

func (n *Node) dumpSessions(b *strings.Builder) {
	n.tree.RLock()
	defer n.tree.RUnlock()
	t := n.replica.State().Tree
	b.WriteString("SessionTracker dump:\n")
	if n.opt.LocalSessions.Enabled || n.mode() == modeReadOnly {
		local := n.locals.list()
		fmt.Fprintf(b, "Local Sessions(%d):\n", len(local))
		for _, s := range local {
			fmt.Fprintf(b, "0x%x\t%dms\n", s.ID, s.TimeoutMs)
		}
	}
	fmt.Fprintf(b, "Global Sessions(%d):\n", t.SessionCount())
	type owner struct {
		id    uint64
		paths []string
	}
	var owners []owner
	t.ForEachSession(func(s tree.Session) bool {
		fmt.Fprintf(b, "0x%x\t%dms\n", s.ID, s.TimeoutMs)
		if p := t.Ephemerals(s.ID); len(p) > 0 {
			owners = append(owners, owner{s.ID, p})
		}
		return true
	})
	fmt.Fprintf(b, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n", len(owners))
	for _, o := range owners {
		fmt.Fprintf(b, "0x%x:\n", o.id)
		for _, p := range o.paths {
			fmt.Fprintf(b, "\t%s\n", p)
		}
	}
}

// dataWatch is one entry of the data-watch table.
type dataWatch struct {
	path    string
	session uint64
}

func (n *Node) dataWatches() (watches []dataWatch, summary string) {
	n.tree.RLock()
	n.watchLock.Lock()
	w := n.replica.State().Watches
	conns, paths, total := w.DataWatchCounts()
	var ids []uint64
	w.ForEachDataWatch(func(path string, id tree.WatcherID) {
		watches = append(watches, dataWatch{path: path})
		ids = append(ids, uint64(id))
	})
	n.watchLock.Unlock()
	n.tree.RUnlock()
	for i, id := range ids { // without those locks: the table of clients has its own
		watches[i].session = n.clients.sessionOf(id)
	}
	return watches, fmt.Sprintf("%d connections watching %d paths\nTotal watches:%d\n", conns, paths, total)
}

func (n *Node) wordWatches(word string) string {
	watches, summary := n.dataWatches()
	if word == "wchs" {
		return summary
	}
	byKey := map[string][]string{}
	var keys []string
	for _, w := range watches {
		key, value := w.path, fmt.Sprintf("0x%x", w.session)
		if word == "wchc" {
			key, value = value, key
		}
		if byKey[key] == nil {
			keys = append(keys, key)
		}
		byKey[key] = append(byKey[key], value)
	}
	var b strings.Builder
	for _, key := range keys {
		b.WriteString(key + "\n")
		for _, v := range byKey[key] {
			b.WriteString("\t" + v + "\n")
		}
	}
	return b.String() + "\n"
}

func (t *clientTable) sessionOf(id uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.conns[id]; c != nil {
		return c.session.Load()
	}
	return 0
}
