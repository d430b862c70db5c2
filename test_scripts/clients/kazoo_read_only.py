"""kazoo at a server without a leader, given as HOST:PORT.

Prints "start" when the others are to come back, and ends with "finished". Any
surprise is an exception.
"""
import sys
import time

from kazoo.client import KazooClient
from kazoo.exceptions import NotReadOnlyCallError
from kazoo.protocol.states import KeeperState

client = KazooClient(hosts=sys.argv[1], timeout=6.0, read_only=True)
client.start(timeout=30)
assert client.client_state == KeeperState.CONNECTED_RO, client.client_state
assert client.get("/seen")[0] == b"here"
assert set(client.get_children("/")) == {"seen", "zookeeper"}
for call in (lambda: client.create("/new", b""), lambda: client.set("/seen", b"x"), lambda: client.delete("/seen"),
             lambda: client.sync("/seen")):
    try:
        call()
    except NotReadOnlyCallError:
        continue
    raise AssertionError("a read-only server did it")
print("start", flush=True)
sys.stdin.readline()
deadline = time.monotonic() + 60
while client.client_state != KeeperState.CONNECTED:
    assert time.monotonic() < deadline, client.client_state
    time.sleep(0.02)
client.retry(client.create, "/new", b"", ephemeral=True)
client.stop()
print("finished", flush=True)
