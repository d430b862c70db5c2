"""Logs in with Kerberos by kazoo, at HOST:PORT, as NAME; prints "finished"."""
import sys

from kazoo.client import KazooClient
from kazoo.security import make_acl

client = KazooClient(hosts=sys.argv[1], timeout=6.0, sasl_options={"mechanism": "GSSAPI", "service": "zookeeper"},
                     connection_retry={"max_tries": 1}, command_retry={"max_tries": 1})
client.start(timeout=30)
client.create("/kazoo", b"secret", acl=[make_acl("sasl", sys.argv[2], all=True)])
assert client.get("/kazoo")[0] == b"secret"
client.stop()
print("finished", flush=True)
