import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Rows of the feature table, driven by ZooKeeper's own client: prints what the
 * library shows, a line each, without names that a server may choose. "drop" has
 * every connection cut, and waits for a line.
 */
public final class ClientRows {
    static final String ROOT = "/java";
    static final List<ACL> OPEN = ZooDefs.Ids.OPEN_ACL_UNSAFE;

    interface Call {
        Object run() throws Exception;
    }

    /** Collects what watches tell about nodes. */
    static final class Events implements Watcher {
        final LinkedBlockingQueue<String> queue = new LinkedBlockingQueue<>();

        @Override
        public void process(WatchedEvent e) {
            if (e.getType() != Event.EventType.None) {
                queue.add(e.getType() + " " + e.getPath());
            }
        }

        List<String> take(int n) throws Exception {
            List<String> all = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                String s = queue.poll(20, TimeUnit.SECONDS);
                if (s == null) {
                    throw new IllegalStateException("no event behind " + all);
                }
                all.add(s);
            }
            return all;
        }

        boolean none(ZooKeeper zk) throws Exception {
            sync(zk);
            return queue.isEmpty();
        }
    }

    static String hosts;

    static ZooKeeper connect() throws Exception {
        ZooKeeper zk = new ZooKeeper(hosts, 20000, new Events());
        sync(zk);
        return zk;
    }

    static void sync(ZooKeeper zk) throws Exception {
        for (int tries = 0; ; tries++) {
            LinkedBlockingQueue<Integer> done = new LinkedBlockingQueue<>();
            zk.sync("/", (rc, path, ctx) -> done.add(rc), null);
            int rc = done.take();
            if (rc == 0) {
                return;
            }
            if (rc != KeeperException.Code.CONNECTIONLOSS.intValue() || tries > 100) {
                throw KeeperException.create(KeeperException.Code.get(rc));
            }
        }
    }

    static void say(String row, Object... what) {
        StringBuilder b = new StringBuilder("ROW " + row);
        for (Object o : what) {
            b.append(' ').append(o);
        }
        System.out.println(b.toString().replaceAll("\\s+", " "));
    }

    static String outcome(Call call) throws Exception {
        try {
            Object o = call.run();
            return o instanceof Stat ? text((Stat) o, 0) : o instanceof byte[] ? new String((byte[]) o) : String.valueOf(o);
        } catch (KeeperException e) {
            return e.code().toString();
        } catch (IllegalArgumentException e) {
            return "refused by the client";
        }
    }

    static String text(Stat s, long session) {
        String owner = s.getEphemeralOwner() == 0 ? "none" : s.getEphemeralOwner() == session ? "own" : "other";
        return "version=" + s.getVersion() + " cversion=" + s.getCversion() + " aversion=" + s.getAversion() + " length=" + s.getDataLength()
            + " children=" + s.getNumChildren() + " owner=" + owner + " new=" + (s.getCzxid() == s.getMzxid());
    }

    static void creates(ZooKeeper zk) throws Exception {
        for (CreateMode mode : CreateMode.values()) {
            Stat stat = new Stat();
            String path = ROOT + "/" + mode + "-";
            say("D02", mode, outcome(() -> zk.create(path, "abc".getBytes(), OPEN, mode, stat, mode.isTTL() ? 100000 : -1)), text(stat, zk.getSessionId()));
        }
        for (long ttl : new long[] {0, -1, 1L << 40, (1L << 40) - 1}) {
            say("N06", ttl, outcome(() -> zk.create(ROOT + "/ttl", null, OPEN, CreateMode.PERSISTENT_WITH_TTL, new Stat(), ttl)));
        }
        say("D03", outcome(() -> zk.create(ROOT + "/null", null, OPEN, CreateMode.PERSISTENT)), zk.getData(ROOT + "/null", false, null) == null);
        for (String path : new String[] {ROOT, ROOT + "/no/x", ROOT + "/EPHEMERAL-/x", ROOT + "/\uf900", ROOT + "/\ufff0", ROOT + "/ok."}) {
            say("D04", path.length(), outcome(() -> zk.create(path, null, OPEN, CreateMode.PERSISTENT)));
        }
        say("D17", zk.getAllChildrenNumber(ROOT));
        say("D18", new TreeSet<>(zk.getEphemerals()), zk.getEphemerals(ROOT + "/EPHEMERAL_"), zk.getEphemerals("/none"));
    }

    static void data(ZooKeeper zk) throws Exception {
        String path = ROOT + "/d";
        zk.create(path, "one".getBytes(), OPEN, CreateMode.PERSISTENT);
        say("D10", outcome(() -> zk.setData(path, "two".getBytes(), 0)), outcome(() -> zk.setData(path, null, 0)), outcome(() -> zk.setData(path + "x", null, -1)));
        say("D09", outcome(() -> zk.getData(path, false, new Stat())), outcome(() -> zk.exists(path, false)), outcome(() -> zk.exists(path + "x", false)));
        Stat stat = new Stat();
        List<String> children = zk.getChildren(ROOT, false, stat);
        Collections.sort(children);
        say("D12", children, text(stat, 0));
        for (String p : new String[] {ROOT, path + "x", "/zookeeper", "/zookeeper/config"}) {
            say("D06", p, outcome(() -> { zk.delete(p, -1); return "deleted"; }));
        }
        say("D06", outcome(() -> { zk.delete(path, 7); return "deleted"; }), outcome(() -> { zk.delete(path, 1); return "deleted"; }));
    }

    static String results(List<OpResult> all) {
        StringBuilder b = new StringBuilder();
        for (OpResult r : all) {
            b.append('[').append(r.getType());
            if (r instanceof OpResult.CreateResult) {
                b.append(' ').append(((OpResult.CreateResult) r).getPath()).append(((OpResult.CreateResult) r).getStat() != null);
            } else if (r instanceof OpResult.SetDataResult) {
                b.append(' ').append(text(((OpResult.SetDataResult) r).getStat(), 0));
            } else if (r instanceof OpResult.ErrorResult) {
                b.append(' ').append(((OpResult.ErrorResult) r).getErr());
            } else if (r instanceof OpResult.GetDataResult) {
                b.append(' ').append(new String(((OpResult.GetDataResult) r).getData()));
            } else if (r instanceof OpResult.GetChildrenResult) {
                b.append(' ').append(new TreeSet<>(((OpResult.GetChildrenResult) r).getChildren()));
            }
            b.append(']');
        }
        return b.toString();
    }

    static void multis(ZooKeeper zk) throws Exception {
        String m = ROOT + "/m";
        say("M01", results(zk.multi(Arrays.asList(Op.create(m, "1".getBytes(), OPEN, CreateMode.PERSISTENT),
            Op.create(m + "/s-", null, OPEN, CreateMode.PERSISTENT_SEQUENTIAL), Op.check(m, 0), Op.setData(m, "2".getBytes(), 0), Op.delete(m + "/s-0000000000", -1)))));
        say("M05", results(zk.multi(Arrays.asList(Op.create(m + "/c", null, OPEN, CreateMode.CONTAINER),
            Op.create(m + "/t", null, OPEN, CreateMode.PERSISTENT_WITH_TTL, 100000), Op.create(m + "/e", null, OPEN, CreateMode.EPHEMERAL)))));
        try {
            zk.multi(Arrays.asList(Op.create(m + "/never", null, OPEN, CreateMode.PERSISTENT), Op.check(m, 9), Op.delete(m + "/e", -1)));
        } catch (KeeperException e) {
            say("M02", e.code(), results(e.getResults()), zk.exists(m + "/never", false));
        }
        say("M07", results(zk.multi(new ArrayList<>())));
        say("M09", results(zk.multi(Arrays.asList(Op.getData(m), Op.getData(m + "/none"), Op.getChildren(m)))));
    }

    static void watches(ZooKeeper zk, ZooKeeper other) throws Exception {
        String w = ROOT + "/w";
        Events once = new Events();
        say("W02", zk.exists(w, once));
        other.create(w, null, OPEN, CreateMode.PERSISTENT);
        say("W02", once.take(1));
        zk.getData(w, once, null);
        other.setData(w, null, -1);
        say("W01", once.take(1));
        zk.getChildren(w, once);
        other.create(w + "/a", null, OPEN, CreateMode.PERSISTENT);
        say("W03", once.take(1));
        zk.getData(w + "/a", once, null);
        zk.getChildren(w + "/a", once);
        other.delete(w + "/a", -1);
        say("W04", once.take(1), once.none(zk));

        Events lasting = new Events();
        zk.addWatch(w + "/p", lasting, AddWatchMode.PERSISTENT);
        Events all = new Events();
        zk.addWatch(w + "/r", all, AddWatchMode.PERSISTENT_RECURSIVE);
        for (String p : new String[] {w + "/p", w + "/r"}) {
            other.create(p, null, OPEN, CreateMode.PERSISTENT);
            other.setData(p, null, -1);
            other.create(p + "/c", null, OPEN, CreateMode.PERSISTENT);
            other.setData(p + "/c", null, -1);
            other.delete(p + "/c", -1);
            other.delete(p, -1);
        }
        say("W15", lasting.take(5), lasting.none(zk));
        say("W16", all.take(6), all.none(zk));
        zk.removeWatches(w + "/p", lasting, Watcher.WatcherType.Any, false);
        say("W14", outcome(() -> { zk.removeWatches(w + "/p", lasting, Watcher.WatcherType.Any, false); return "removed"; }));
        zk.removeAllWatches(w + "/r", Watcher.WatcherType.Any, false);
        List<String> told = new ArrayList<>(lasting.take(1));
        told.addAll(all.take(1)); // the library tells the watcher that it is gone
        other.create(w + "/p", null, OPEN, CreateMode.PERSISTENT);
        other.create(w + "/r", null, OPEN, CreateMode.PERSISTENT);
        say("W14", told, lasting.none(zk), all.none(zk));
    }

    static void acls(ZooKeeper zk, ZooKeeper other) throws Exception {
        String path = ROOT + "/acl";
        zk.addAuthInfo("digest", "bob:pw".getBytes());
        zk.create(path, null, ZooDefs.Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        sync(other);
        say("A06", zk.getACL(path, new Stat()).toString().trim());
        say("A03", outcome(() -> other.getData(path, false, null)), outcome(() -> other.setData(path, null, -1)), outcome(() -> other.getACL(path, null)),
            outcome(() -> other.create(path + "/x", null, OPEN, CreateMode.PERSISTENT)), outcome(() -> other.setACL(path, OPEN, -1)));
        say("A09", outcome(() -> zk.setACL(path, ZooDefs.Ids.READ_ACL_UNSAFE, 0)), outcome(() -> zk.setACL(path, OPEN, 0)));
        say("A07", outcome(() -> zk.setACL(ROOT, Arrays.asList(new ACL(31, new Id("digest", "nocolon"))), -1)), outcome(() -> zk.setACL(ROOT, new ArrayList<>(), -1)));
        TreeSet<String> ids = new TreeSet<>();
        for (ClientInfo c : zk.whoAmI()) {
            ids.add(c.getAuthScheme() + ":" + c.getUser());
        }
        say("A15", ids);
    }

    static void sessions(ZooKeeper zk, ZooKeeper other) throws Exception {
        long id = zk.getSessionId();
        Events once = new Events();
        Events lasting = new Events();
        zk.create(ROOT + "/live", null, OPEN, CreateMode.EPHEMERAL);
        zk.create(ROOT + "/changes", null, OPEN, CreateMode.PERSISTENT);
        zk.exists(ROOT + "/changes", once);
        zk.exists(ROOT + "/comes", once);
        zk.addWatch(ROOT + "/changes", lasting, AddWatchMode.PERSISTENT);
        System.out.println("drop");
        System.in.read();
        sync(zk);
        sync(other);
        say("C08", zk.getSessionId() == id, text(zk.exists(ROOT + "/live", false), id));
        other.create(ROOT + "/comes", null, OPEN, CreateMode.PERSISTENT);
        say("W11", once.take(1));
        other.setData(ROOT + "/changes", null, -1);
        say("W18", once.take(1), lasting.take(1), once.none(zk));
        ZooKeeper again = new ZooKeeper(hosts, 20000, new Events(), id, zk.getSessionPasswd());
        sync(again);
        say("S10", again.getSessionId() == id, text(again.exists(ROOT + "/live", false), id));
        Events gone = new Events();
        other.exists(ROOT + "/live", gone);
        again.close();
        say("S05", gone.take(1), other.exists(ROOT + "/live", false));
        zk.close();
    }

    static void quotas(ZooKeeper zk) throws Exception {
        String q = ROOT + "/quota";
        String quota = "/zookeeper/quota" + q;
        zk.create(q, "12345".getBytes(), OPEN, CreateMode.PERSISTENT);
        for (String p : new String[] {"/zookeeper/quota" + ROOT, quota}) {
            zk.create(p, null, OPEN, CreateMode.PERSISTENT);
        }
        zk.create(quota + "/zookeeper_limits", "count=-1,bytes=-1=;byteHardLimit=8;countHardLimit=2".getBytes(), OPEN, CreateMode.PERSISTENT);
        zk.create(quota + "/zookeeper_stats", "count=0,bytes=0".getBytes(), OPEN, CreateMode.PERSISTENT);
        zk.create(q + "/a", "1".getBytes(), OPEN, CreateMode.PERSISTENT);
        say("U01", outcome(() -> zk.getData(quota + "/zookeeper_stats", false, null)));
        say("U03", outcome(() -> zk.create(q + "/b", null, OPEN, CreateMode.PERSISTENT)), outcome(() -> zk.setData(q + "/a", "12345".getBytes(), -1)));
        zk.delete(quota + "/zookeeper_limits", -1);
        say("U04", outcome(() -> zk.create(q + "/b", null, OPEN, CreateMode.PERSISTENT)));
    }

    static void configuration(ZooKeeper zk) throws Exception {
        Events changed = new Events();
        say("Y02", zk.getConfig(changed, new Stat()) != null, outcome(() -> zk.setData("/zookeeper/config", null, -1)));
        try (ZooKeeperAdmin admin = new ZooKeeperAdmin(hosts, 20000, new Events())) {
            sync(admin);
            say("G07", outcome(() -> admin.reconfigure("server.9=127.0.0.1:1:2;3", null, null, -1, new Stat())));
        }
    }

    public static void main(String[] args) throws Exception {
        hosts = args[0];
        ZooKeeper zk = connect();
        ZooKeeper other = connect();
        zk.create(ROOT, null, OPEN, CreateMode.PERSISTENT);
        sync(other);
        creates(zk);
        data(zk);
        multis(zk);
        watches(zk, other);
        acls(zk, other);
        quotas(other);
        configuration(other);
        sessions(zk, other);
        other.close();
        System.out.println("finished");
        System.exit(0);
    }
}
