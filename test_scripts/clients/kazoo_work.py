"""What programs do with kazoo, against servers given as HOST:PORT,HOST:PORT,...

Prints "kill HOST:PORT" and "start HOST:PORT" and waits for a line after each;
ends with "finished". Any surprise is an exception.
"""
import subprocess
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import (BadVersionError, NoAuthError, NodeExistsError, NoNodeError, NotEmptyError,
                              RolledBackError)
from kazoo.security import make_digest_acl

HOSTS = sys.argv[1]


def connect(**options):
    client = KazooClient(hosts=HOSTS, timeout=options.pop("timeout", 6.0), **options)
    client.start(timeout=30)
    return client


def ask(verb, address):
    print(verb, address, flush=True)
    sys.stdin.readline()


def eventually(what, holds, seconds=30):
    end = time.time() + seconds
    while not holds():
        if time.time() > end:
            raise AssertionError("still not true: " + what)
        time.sleep(0.02)


def refuses(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError("%r was not refused with %s" % (args, error.__name__))


def nodes(zk):
    assert zk.create("/k", b"one") == "/k"
    data, stat = zk.get("/k")
    assert data == b"one" and stat.version == 0 and stat.czxid == stat.mzxid
    assert zk.set("/k", b"two", version=0).version == 1
    refuses(BadVersionError, zk.set, "/k", b"x", version=0)
    refuses(NodeExistsError, zk.create, "/k", b"")
    refuses(NoNodeError, zk.get, "/none")
    assert zk.create("/k/s-", sequence=True) == "/k/s-0000000000"
    assert zk.create("/k/s-", sequence=True, ephemeral=True) == "/k/s-0000000001"
    zk.create("/k/a/b/c", b"", makepath=True)
    assert sorted(zk.get_children("/k")) == ["a", "s-0000000000", "s-0000000001"]
    refuses(NotEmptyError, zk.delete, "/k/a")
    zk.delete("/k/a", recursive=True)
    assert zk.exists("/k/a") is None
    assert zk.sync("/k") == "/k"


def transactions(zk):
    t = zk.transaction()
    t.create("/k/t", b"1")
    t.check("/k/t", 0)
    t.set_data("/k/t", b"2")
    assert zk.get("/k/t")[0] == b"2" if not t.commit() is None else False
    t = zk.transaction()
    t.create("/k/u")
    t.delete("/none")
    results = t.commit()
    assert isinstance(results[0], RolledBackError) and isinstance(results[1], NoNodeError), results
    assert zk.exists("/k/u") is None


def watches(zk, other):
    seen = []
    zk.get("/k", watch=seen.append)
    zk.get_children("/k", watch=seen.append)
    zk.exists("/k/w", watch=seen.append)
    other.set("/k", b"three")
    eventually("data watch", lambda: [e.type for e in seen] == ["CHANGED"])
    other.create("/k/w")
    eventually("exists and child watch", lambda: sorted(e.type for e in seen) == ["CHANGED", "CHILD", "CREATED"])
    other.set("/k", b"four")
    other.delete("/k/w")
    zk.sync("/k")
    assert len(seen) == 3, seen


def acls(zk, other):
    zk.add_auth("digest", "bob:pw")
    zk.create("/k/secret", b"s", acl=[make_digest_acl("bob", "pw", all=True)])
    refuses(NoAuthError, other.get, "/k/secret")
    assert zk.get("/k/secret")[0] == b"s"
    assert zk.get_acls("/k/secret")[0][0].id.id == "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="


def recipes():
    inside, most = [0], [0]

    def worker(name):
        client = connect()
        lock = client.Lock("/k/lock", name)
        for _ in range(5):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.002)
                inside[0] -= 1
        client.stop()
        client.close()

    threads = [threading.Thread(target=worker, args=(str(i),)) for i in range(5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert most[0] == 1, "%d held the lock at once" % most[0]

    led = []
    zk = connect()
    zk.Election("/k/election", "me").run(lambda: led.append(1))
    assert led == [1]
    counter = zk.Counter("/k/counter")
    counter += 3
    assert counter.value == 3
    zk.stop()
    zk.close()


MORTAL = """
import sys, time
from kazoo.client import KazooClient
client = KazooClient(hosts=sys.argv[1], timeout=4.0)
client.start()
client.create("/k/mortal", ephemeral=True)
print("created", flush=True)
time.sleep(600)
"""


def expiry(zk):
    """A client that dies without a word loses its ephemeral nodes, and only then."""
    child = subprocess.Popen([sys.executable, "-c", MORTAL, HOSTS], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "created\n"
    zk.sync("/k")
    assert zk.exists("/k/mortal") is not None
    child.kill()
    child.wait()
    died = time.time()
    eventually("the ephemeral node of a dead client is gone", lambda: zk.exists("/k/mortal") is None)
    assert time.time() - died > 2, "its session ended before its time"


def failover(zk):
    """The session and its ephemeral node live through the death of their server."""
    zk.create("/k/live", ephemeral=True)
    session = zk.client_id[0]
    host, port = zk._connection._socket.getpeername()[:2]
    address = "%s:%d" % (host, port)
    ask("kill", address)
    assert zk.retry(zk.exists, "/k/live") is not None
    assert zk.client_id[0] == session
    ask("start", address)


def main():
    zk, other = connect(), connect()
    for step, args in ((nodes, (zk,)), (transactions, (zk,)), (watches, (zk, other)), (acls, (zk, other)),
                       (recipes, ()), (expiry, (zk,)), (failover, (zk,))):
        step(*args)
        print(step.__name__, "ok", flush=True)
    for client in (zk, other):
        client.stop()
        client.close()
    print("finished", flush=True)


main()
