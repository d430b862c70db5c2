"""Logs in with SASL DIGEST-MD5 by kazoo, at HOST:PORT.

Prints "finished" when a login works, its identity opens what belongs to it, and a
wrong password is refused.
"""
import sys

from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, NoAuthError
from kazoo.security import make_acl

HOSTS = sys.argv[1]


def login(password):
    client = KazooClient(hosts=HOSTS, timeout=6.0, sasl_options={"mechanism": "DIGEST-MD5", "username": "bob", "password": password},
                         connection_retry={"max_tries": 1}, command_retry={"max_tries": 1})
    client.start(timeout=30)
    return client


bob = login("pw")
bob.create("/kazoo", b"secret", acl=[make_acl("sasl", "bob", all=True)])
assert bob.get("/kazoo")[0] == b"secret"

stranger = KazooClient(hosts=HOSTS, timeout=6.0)
stranger.start(timeout=30)
try:
    stranger.get("/kazoo")
    raise AssertionError("a stranger reads what is bob's")
except NoAuthError:
    pass
stranger.stop()

try:
    login("wrong").get("/kazoo")
    raise AssertionError("a wrong password is taken")
except AuthFailedError:
    pass
bob.stop()
print("finished", flush=True)
