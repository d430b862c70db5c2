package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// zooIgnored are keys of ZooKeeper that need nothing here.
var zooIgnored = []string{
	"dataLogDir", "initLimit", "syncLimit", "connectToLearnerMasterLimit", "clientPortListenBacklog",
	"electionAlg", "leaderServes", "preAllocSize", "commitLogCount",
	"snapshotSizeFactor", "autopurge.purgeInterval", "forceSync", "fsync.warningthresholdms", "flushDelay",
	"maxWriteQueuePollTime", "maxBatchSize", "snapshot.compression.method", "snapshot.trust.empty",
	"serializeLastProcessedZxid.enabled", "digest.enabled", "syncEnabled", "observer.syncEnabled", "db.autocreate",
	"closeSessionTxn.enabled", "jute.maxbuffer.extrasize", "enableEagerACLCheck", "emulate353TTLNodes",
	"clientTcpKeepAlive", "watchManagerName", "bitHashCacheSize", "maxInProcessingDeadWatchers", "cnxTimeout",
	"quorumCnxnTimeoutMs", "electionPortBindRetry", "tcpKeepAlive", "learner.asyncSending",
	"learner.closeSocketAsync", "observerMasterPort", "oraclePath", "maxResponseCacheSize",
	"maxGetChildrenResponseCacheSize", "serverCnxnFactory", "secureClientPort",
	"secureClientPortAddress", "sslQuorum",
	"portUnification", "sslQuorumReloadCertFiles", "client.portUnification",
}

// zooIgnoredPrefixes begin families of such keys.
var zooIgnoredPrefixes = []string{
	"ssl.", "metricsProvider.", "audit.", "jvm.", "quorum.", "kerberos.",
	"X509AuthenticationProvider.", "IPAuthenticationProvider.", "DigestAuthenticationProvider.",
	"multiAddress.", "leader.", "observer.", "fastleader.", "commitProcessor.", "nio.", "netty.",
	"requestThrottleStallTime", "requestThrottleDropStale", "requestStale", "watcherClean", "znode.container.", "admin.", "java.",
}

// server takes the value of server.N:
// host:quorumPort:electionPort[:role][|more addresses][;[clientHost:]clientPort].
func (z *zooCfg) server(p property, number string) {
	const form = "write server.N=host:quorumPort:electionPort[:participant|observer][;[host:]clientPort]"
	r := Row{Weight: 1, Line: p.line, valid: true}
	id, err := strconv.ParseUint(number, 10, 31)
	if err != nil || id == 0 {
		z.problem(p, "not a server number", fmt.Sprintf("write server.N with N from 1 to %d", ServerNumberMax))
		return
	}
	r.ID = uint32(id)
	addresses, client, hasClient := strings.Cut(p.value, ";")
	address, more, several := strings.Cut(addresses, "|")
	if several {
		z.warn(p, "only the first address is used, not "+more, "")
	}
	host, parts, ok := splitHost(address)
	if !ok || len(parts) < 2 || len(parts) > 3 {
		z.problem(p, "not an address with two ports", form)
		return
	}
	if host == "0.0.0.0" || host == "::" {
		// Widespread in containers, each of which writes it for itself.
		r.Host = host
		z.warn(p, "other servers cannot connect to "+host, "write the address, and quorumListenOnAllIPs=true to bind all")
	} else {
		r.Host = parseHost(z.file, p.line, host, &z.problems)
	}
	r.LeaderPort = parsePort(z.file, p.line, parts[0], "quorumPort", &z.problems)
	r.ServerPort = parsePort(z.file, p.line, parts[1], "electionPort", &z.problems)
	if len(parts) == 3 {
		switch strings.ToLower(parts[2]) {
		case "participant":
		case "observer":
			r.Observer = true
		default:
			z.problem(p, "no such role: "+parts[2], "write participant or observer")
		}
	}
	if hasClient {
		if i := strings.LastIndexByte(client, ':'); i >= 0 {
			r.clientHost, client = strings.Trim(client[:i], "[]"), client[i+1:]
		}
		r.ClientPort = parsePort(z.file, p.line, client, "clientPort", &z.problems)
	}
	if i := slices.IndexFunc(z.t.Rows, func(o Row) bool { return o.ID == r.ID }); i >= 0 {
		z.t.Rows[i] = r // the last one counts, as the warning says
		return
	}
	z.t.Rows = append(z.t.Rows, r)
}

// splitHost cuts "host:a:b" and "[v6]:a:b".
func splitHost(s string) (host string, parts []string, ok bool) {
	s = strings.TrimSpace(s)
	if rest, v6 := strings.CutPrefix(s, "["); v6 {
		host, s, ok = strings.Cut(rest, "]")
		s, found := strings.CutPrefix(s, ":")
		return host, strings.Split(s, ":"), ok && found
	}
	host, s, ok = strings.Cut(s, ":")
	return host, strings.Split(s, ":"), ok
}

// applyGroups gives the rows their group.G=1:2:3 and weight.N=W.
func (z *zooCfg) applyGroups() {
	row := func(number string) *Row {
		id, err := strconv.ParseUint(number, 10, 31)
		i := slices.IndexFunc(z.t.Rows, func(r Row) bool { return err == nil && r.ID == uint32(id) })
		if i < 0 {
			return nil
		}
		return &z.t.Rows[i]
	}
	for _, p := range z.groups {
		if number, ok := strings.CutPrefix(p.key, "weight."); ok {
			w, err := strconv.ParseUint(p.value, 10, 10)
			r := row(number)
			if r == nil || err != nil || w > 1000 {
				z.problem(p, "not a weight of a server", "write weight.N=0 to 1000 for a server.N")
				continue
			}
			r.Weight = int(w)
			continue
		}
		g, err := strconv.ParseUint(strings.TrimPrefix(p.key, "group."), 10, 10)
		if err != nil || g == 0 || g > 1000 {
			z.problem(p, "not a group number", "write group.1 to group.1000")
			continue
		}
		for _, number := range strings.Split(p.value, ":") {
			if r := row(number); r != nil {
				r.Group = int(g)
			} else {
				z.problem(p, "no server "+number, "list the numbers of server lines, separated by colons")
			}
		}
	}
}

// clientAddress settles where this server's clients connect: clientPort, or what
// its server line says, on all addresses unless one is named.
func (z *zooCfg) clientAddress() {
	host, port := z.clientHost, z.clientPort
	if i := slices.IndexFunc(z.t.Rows, func(r Row) bool { return r.ID == z.c.ID }); i >= 0 && z.t.Rows[i].ClientPort > 0 {
		host, port = z.t.Rows[i].clientHost, strconv.Itoa(int(z.t.Rows[i].ClientPort))
	}
	switch {
	case port == "" && z.clientHost != "":
		z.problems.add(z.file, z.seen["clientPortAddress"], z.clientHost, "clientPortAddress without clientPort", "set clientPort")
	case port == "":
		z.problems.add(z.file, 0, "clientPort", "no client port", "set clientPort")
	case !portNumber(port, 1):
		z.problems.add(z.file, z.clientLine, port, "not a port", "write a number from 1 to 65535")
	default:
		z.c.ClientAddress = net.JoinHostPort(host, port)
	}
}

// finishTable checks the table, or makes one for a server on its own.
func (z *zooCfg) finishTable() {
	if len(z.t.Rows) == 0 {
		port, _ := strconv.ParseUint(z.clientPort, 10, 16)
		z.t.Rows = []Row{{ID: z.c.ID, Host: "127.0.0.1", ClientPort: uint16(port), Weight: 1, valid: true}}
		return
	}
	z.t.check(&z.problems)
	if r := z.t.Row(z.c.ID); r != nil && z.peerType == "observer" && !r.Observer {
		z.warnings.add(z.file, z.seen["peerType"], "peerType=observer", "the server line says participant, and it counts", "add :observer to the server line")
	}
}
