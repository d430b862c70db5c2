"""Rows of the feature table, driven by kazoo: prints what the library shows, a
line each, without names that a server may choose. The same program runs against
several servers, and its output is compared.

Prints "drop" to have every connection cut, and waits for a line.
"""
import queue
import sys

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.security import ACL, Id, make_acl, make_digest_acl

HOSTS = sys.argv[1]
ROOT = "/kazoo"


def connect(timeout=20.0):
    client = KazooClient(hosts=HOSTS, timeout=timeout)
    client.start(timeout=30)
    return client


def say(row, *what):
    print("ROW", row, *what, flush=True)


def stat(s, session=None):
    owner = "none" if s.ephemeralOwner == 0 else "own" if s.ephemeralOwner == session else "other"
    return "version=%d cversion=%d aversion=%d length=%d children=%d owner=%s new=%s times=%s" % (
        s.version, s.cversion, s.aversion, s.dataLength, s.numChildren, owner, s.czxid == s.mzxid, s.ctime <= s.mtime)


def outcome(call, *args, **kwargs):
    try:
        result = call(*args, **kwargs)
    except KazooException as e:
        return type(e).__name__
    except ValueError:
        return "ValueError"
    return repr(result)


class Events:
    """Collects what watches tell."""

    def __init__(self):
        self.queue = queue.Queue()

    def __call__(self, event):
        self.queue.put("%s %s" % (event.type, event.path))

    def take(self, n):
        return [self.queue.get(timeout=20) for _ in range(n)]

    def none(self, client):
        client.sync("/")
        return self.queue.empty()


def creates(zk):
    session = zk.client_id[0]
    for ephemeral in (False, True):
        for sequence in (False, True):
            path, s = zk.create(ROOT + "/c%d-" % ephemeral, b"abc", ephemeral=ephemeral, sequence=sequence, include_data=True)
            say("D02", path, stat(s, session))
    say("D01", zk.create(ROOT + "/p"), zk.create(ROOT + "/p/q/r", b"x", makepath=True))
    say("D03", zk.get(ROOT + "/p")[0], zk.exists(ROOT + "/p").dataLength)
    for path, options in ((ROOT, {}), (ROOT + "/no/x", {}), (ROOT + "/c1-/x", {}), (ROOT + "/p/\x01", {}), (ROOT + "/e", {"ephemeral": True}),
                          (ROOT + "/e/x", {}), (ROOT + "/bad", {"acl": [ACL(31, Id("nonesuch", "x"))]})):
        say("D04", repr(path), outcome(zk.create, path, **options))
    say("D16", outcome(zk.create, ROOT + "/\u6f22\u5b57 \u00fc"), sorted(zk.get_children(ROOT)))
    say("Q01", [zk.create(ROOT + "/p/s-", sequence=True) for _ in range(3)])
    say("Q04", zk.create(ROOT + "/p/", sequence=True))


def data(zk):
    path = ROOT + "/d"
    zk.create(path, b"one")
    say("D10", stat(zk.set(path, b"two", version=0)), outcome(zk.set, path, b"x", version=0), outcome(zk.set, path + "x", b""))
    say("D09", zk.get(path)[0], stat(zk.get(path)[1]))
    say("D11", stat(zk.set(path, b"two")))
    say("D08", zk.exists(path + "/x"), stat(zk.exists(path)))
    children, s = zk.get_children(ROOT + "/p", include_data=True)
    say("D12", sorted(children), stat(s))
    for p, version in ((ROOT + "/p/q", -1), (path, 7), (path, 2), (path, -1), ("/zookeeper", -1)):
        say("D06", p, outcome(zk.delete, p, version))
    say("D19", zk.sync(ROOT), zk.sync("/no/such/path"))
    big = b"x" * 1000000
    zk.create(ROOT + "/big", big)
    say("D13", zk.get(ROOT + "/big")[0] == big)


def transactions(zk):
    t = zk.transaction()
    t.create(ROOT + "/m", b"1")
    t.create(ROOT + "/m/s-", sequence=True)
    t.check(ROOT + "/m", 0)
    t.set_data(ROOT + "/m", b"2", version=0)
    t.delete(ROOT + "/m/s-0000000000")
    results = t.commit()
    say("M01", results[0], results[1], results[2], stat(results[3]), results[4])
    t = zk.transaction()
    t.create(ROOT + "/m/never")
    t.check(ROOT + "/m", 9)
    t.set_data(ROOT + "/m", b"3")
    say("M02", [type(r).__name__ for r in t.commit()], zk.exists(ROOT + "/m/never"))
    say("M07", zk.transaction().commit())


def watches(zk, other):
    zk.create(ROOT + "/w")
    other.sync("/")
    data_events, child_events, absent = Events(), Events(), Events()
    zk.get(ROOT + "/w", watch=data_events)
    zk.get_children(ROOT + "/w", watch=child_events)
    zk.exists(ROOT + "/w/a", watch=absent)
    other.set(ROOT + "/w", b"x")
    other.set(ROOT + "/w", b"y")
    say("W01", data_events.take(1), data_events.none(zk))
    other.create(ROOT + "/w/a")
    other.create(ROOT + "/w/b")
    say("W02", absent.take(1), absent.none(zk))
    say("W03", child_events.take(1), child_events.none(zk))
    zk.get(ROOT + "/w/a", watch=data_events)
    zk.get_children(ROOT + "/w/a", watch=child_events)
    other.delete(ROOT + "/w/a")
    say("W04", data_events.take(1), child_events.take(1))
    say("W08", outcome(zk.get, ROOT + "/w/a", watch=data_events), data_events.none(zk))


def acls(zk, other):
    say("A02", [(a.perms, a.id.scheme, a.id.id) for a in zk.get_acls("/")[0]])
    path = ROOT + "/acl"
    zk.add_auth("digest", "bob:pw")
    zk.create(path, b"s", acl=[make_digest_acl("bob", "pw", all=True), make_acl("world", "anyone", read=True)])
    other.sync("/")
    say("A03", outcome(other.set, path, b""), outcome(other.create, path + "/x"), outcome(other.set_acls, path, [make_acl("world", "anyone", all=True)]))
    say("A08", [(a.perms, a.id.scheme, a.id.id) for a in other.get_acls(path)[0]], [(a.perms, a.id.id) for a in zk.get_acls(path)[0]])
    say("A05", outcome(zk.get, path)[:6], other.get(path)[0])
    say("A09", stat(zk.set_acls(path, [make_acl("auth", "", all=True)], version=0)), outcome(zk.set_acls, path, [make_acl("auth", "", all=True)], version=0))
    say("A06", [(a.perms, a.id.scheme, a.id.id) for a in zk.get_acls(path)[0]], outcome(other.get, path))
    say("A07", outcome(zk.set_acls, path, [ACL(31, Id("digest", "nocolon"))]), outcome(zk.set_acls, path, []))
    say("A10", outcome(zk.create, ROOT + "/ip", acl=[make_acl("ip", "127.0.0.0/8", all=True)]), outcome(zk.get, ROOT + "/ip")[:4])
    lost = connect()
    say("A13", outcome(lost.add_auth, "nonesuch", "x"))
    lost.stop()
    lost.close()


def sessions(zk, other):
    session, events = zk.client_id, Events()
    zk.create(ROOT + "/live", ephemeral=True)
    zk.create(ROOT + "/changes")
    for path in ("/live", "/changes", "/comes"):
        zk.exists(ROOT + path, watch=events)
    print("drop", flush=True)
    sys.stdin.readline()
    for client in (zk, other):
        client.retry(client.sync, "/")
    say("C08", zk.client_id == session, stat(zk.exists(ROOT + "/live"), session[0]))
    other.set(ROOT + "/changes", b"x")
    say("W11", events.take(1))
    other.create(ROOT + "/comes")
    say("W11", events.take(1))
    other.delete(ROOT + "/live")
    say("E02", events.take(1), events.none(zk))
    short = connect()
    short.create(ROOT + "/short", ephemeral=True)
    zk.sync("/")
    zk.exists(ROOT + "/short", watch=events)
    short.stop()
    short.close()
    say("S05", events.take(1), zk.exists(ROOT + "/short"))


def quotas(zk):
    zk.create(ROOT + "/quota", b"12345")
    quota = "/zookeeper/quota" + ROOT + "/quota"
    zk.create(quota, makepath=True)
    zk.create(quota + "/zookeeper_limits", b"count=-1,bytes=-1=;byteHardLimit=8;countHardLimit=2")
    zk.create(quota + "/zookeeper_stats", b"count=0,bytes=0")
    say("U01", zk.get(quota + "/zookeeper_stats")[0])
    zk.create(ROOT + "/quota/a", b"1")
    say("U01", zk.get(quota + "/zookeeper_stats")[0])
    # No hard limit is passed: kazoo 2.8 does not know that error, and its thread dies.
    zk.delete(quota, recursive=True)


def configuration(zk):
    say("Y01", sorted(zk.get_children("/zookeeper")), stat(zk.exists("/zookeeper/quota"))[:9])
    say("Y02", outcome(zk.set, "/zookeeper/config", b""), outcome(zk.create, "/zookeeper/config/x"))
    say("F01", repr(zk.command(b"ruok")), repr(zk.command(b"isro")), zk.server_version()[0])


def main():
    zk, other = connect(), connect()
    zk.create(ROOT)
    for step, args in ((creates, (zk,)), (data, (zk,)), (transactions, (zk,)), (watches, (zk, other)), (acls, (zk, other)),
                       (sessions, (zk, other)), (quotas, (zk,)), (configuration, (zk,))):
        step(*args)
    say("T02", stat(zk.exists(ROOT)))
    for client in (zk, other):
        client.stop()
        client.close()
    print("finished", flush=True)


main()
