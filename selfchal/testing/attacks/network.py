"""Code that reaches for the network or for other programs through sockets."""

from __future__ import annotations

from selfchal.core.sandbox import Level
from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.source import caught

_TRIES = {
    "a port of the host": """
import socket
socket.create_connection(('127.0.0.1', host['port']), 0.5).close()
return 'connected'
""",
    "a port of the host by UDP": """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', host['udp_port']))
""",
    "a port of the host by HTTP": """
import urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{host['port']}/", timeout=0.5)
return 'connected'
""",
    "a unix socket of the host": """
import socket
socket.socket(socket.AF_UNIX).connect(host['unix'])
return 'connected'
""",
    "an abstract socket of the host": """
import socket
socket.socket(socket.AF_UNIX).connect(chr(0) + host['abstract'])
return 'connected'
""",
    "an address on the network": """
import socket
socket.create_connection(('192.0.2.1', 80), 0.3)
return 'connected'
""",
    "a cloud's metadata": """
import socket
socket.create_connection(('169.254.169.254', 80), 0.3)
return 'connected'
""",
    "a name": """
import socket
return socket.gethostbyname('example.com')
""",
}
# Families that reach the kernel itself: there the socket alone is too much.
_FAMILIES = {
    "netlink": "16, 3, 0",
    "packet": "17, 3, 0",
    "raw": "2, 3, 1",
    "vsock": "40, 1, 0",
    "kernel crypto": "38, 5, 0",
    "bluetooth": "31, 3, 1",
    "can": "29, 3, 1",
    "key management": "15, 3, 2",
    "tipc": "30, 1, 0",
    "xdp": "44, 3, 0",
}

ATTACKS = [
    Attack(name, "network", "network", "no connection, no message", caught(body))
    for name, body in _TRIES.items()
] + [
    Attack(
        f"a {name} socket",
        "network",
        "kernel_surface",
        "refused",
        caught(f"import socket\nsocket.socket({numbers})\nreturn 'made it'"),
        needs=Level.FULL,
    )
    for name, numbers in _FAMILIES.items()
]
