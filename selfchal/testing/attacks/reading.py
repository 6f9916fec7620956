"""Code that reads the host's files, its processes, or what another execution held."""

from __future__ import annotations

from selfchal.core.sandbox import Level
from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.source import caught, system_call

# Whatever is read is printed: a trap looks for the secret in everything that comes back.
_FILES = {
    "a file of the host": "print(open(host['secret']).read())",
    "a file of the host through a link": """
import os
os.symlink(host['secret'], '/tmp/link')
print(open('/tmp/link').read())
""",
    "a file of the host by hard link": """
import os
os.link(host['secret'], host['folder'] + '/hard')
print(open(host['folder'] + '/hard').read())
""",
    "a file of the host from C": """
import ctypes, os
libc = ctypes.CDLL(None)
fd = libc.open(host['secret'].encode(), 0)
print(os.read(fd, 1000))
""",
    "a file of the host by linecache": """
import linecache
print(linecache.getlines(host['secret']))
""",
    "a file of the host as a module": """
import sys
sys.path.insert(0, host['folder'])
import secret
return 'imported it'
""",
    "a file of the host as a database": """
import sqlite3
print(sqlite3.connect('file:' + host['secret'] + '?mode=ro', uri=True).execute('select 1').fetchall())
return None
""",
    "a folder of the host": """
import os
return f"listed {os.listdir(host['folder'])}"
""",
    "where it was started": """
import os
if os.path.basename(host['secret']) in os.listdir('.'):
    return 'stands in a folder of the host'
""",
    "the program's own source": "return open(host['package'] + '/core/sandbox.py').read()[:40]",
    "the host's users": """
import hashlib
if hashlib.sha256(open('/etc/passwd', 'rb').read()).hexdigest() == host['passwd_sha256']:
    return 'read /etc/passwd of the host'
""",
    "the host's password hashes": "return 'read ' + open('/etc/shadow').read()[:9]",
    "the home folder": """
import hashlib, os
if hashlib.sha256(ascii(sorted(os.listdir(host['home']))).encode()).hexdigest() == host['home_sha256']:
    return 'listed it'
""",
    "the environment of the host": """
print(open(f"/proc/{host['pid']}/environ").read())
return 'read it'
""",
    "the command line of the host": """
text = open(f"/proc/{host['pid']}/cmdline").read()
if host['command'] in text:
    return 'read it'
""",
    "the memory of the host": """
open(f"/proc/{host['pid']}/mem", 'rb').seek(0)
return 'opened it'
""",
    "the memory map of the host": """
if host['package'] in open(f"/proc/{host['pid']}/maps").read():
    return 'read it'
""",
    "the descriptors of the host": """
import os
folder = f"/proc/{host['pid']}/fd/"
if host['secret'] in [os.readlink(folder + fd) for fd in os.listdir(folder)]:
    return 'listed them'
""",
    "the root of the host": """
import os
print(open(f"/proc/{host['pid']}/root" + host['secret']).read())
""",
    "the environment of process 1": """
text = open('/proc/1/environ').read()
print(text)
""",
    "the memory of the machine": """
open('/dev/mem', 'rb')
return 'opened it'
""",
    "the disks": """
import glob
for disk in glob.glob('/dev/[vsn][dv]*'):
    open(disk, 'rb')
    return f'opened {disk}'
""",
    "the kernel's messages": """
open('/dev/kmsg')
return 'opened it'
""",
    "the kernel's addresses": """
text = open('/proc/kallsyms').read(100)
if text and not text.startswith('0000000000000000'):
    return 'read them'
""",
    "the container engine's socket": """
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('/var/run/docker.sock')
return 'connected'
""",
}
_SECRETS = {
    "the environment": """
import hashlib, os
for name, value in os.environ.items():
    if hashlib.sha256(value.encode()).hexdigest() in host['environment_sha256']:
        return f'saw {name} of the host'
""",
    "its own environment in /proc": """
import hashlib
for part in open('/proc/self/environ').read().split(chr(0)):
    if hashlib.sha256(part.partition('=')[2].encode()).hexdigest() in host['environment_sha256']:
        return f'saw {part[:20]}'
""",
    "inherited descriptors": """
import os
for fd in range(3, 1024):
    try:
        os.lseek(fd, 0, 0)
        print(os.read(fd, 1000))
    except OSError:
        pass
""",
    "the objects in memory": """
import gc
for thing in gc.get_objects():
    if isinstance(thing, dict) and thing is not host:
        for item in list(thing.values()):
            if isinstance(item, str) and 'selfchal/core/' in item and 'attack' not in item:
                return 'found an object of the host'
""",
    "the frames below": """
import sys
frame = sys._getframe()
while frame:
    for name, item in list(frame.f_locals.items()):
        if type(item).__name__ in ('Answers', 'Execution', 'ToolHost', 'World', 'Traps'):
            return f'found {name}'
    frame = frame.f_back
""",
}
_LEFTOVERS = """
import gc
def attack(host):
    mark = 'left' + '-by-' + 'another'
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            for item in list(thing.values()):
                if isinstance(item, str) and mark in item and item != mark:
                    if item.startswith('a secret'):
                        return 'found the text of another execution'
"""
_PEEK = """
import ctypes, os
def attack(host):
    libc = ctypes.CDLL(None, use_errno=True)
    class Vector(ctypes.Structure):
        _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
    buffer = ctypes.create_string_buffer(8)
    mine = Vector(ctypes.addressof(buffer), 8)
    theirs = Vector(host['address'], 8)
    if libc.process_vm_readv(host['pid'], ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) > 0:
        return 'read the memory of the host'
"""
_STAT = """
import os
os.stat(host['secret'])
return 'saw its size and date'
"""

ATTACKS = (
    [
        Attack(name, "reading", "file_reads", "nothing of the host comes back", caught(body))
        for name, body in _FILES.items()
    ]
    + [
        Attack("the metadata of a file", "reading", "file_reads", "refused", caught(_STAT), needs=Level.FULL),
        Attack(
            "a file by its handle", "reading", "file_reads", "refused", system_call(304, 265, "-100, None, 0")
        ),
    ]
    + [
        Attack(name, "secrets", "secrets", "nothing of the host comes back", caught(body))
        for name, body in _SECRETS.items()
    ]
    + [
        Attack("the memory of the host by system call", "secrets", "secrets", "refused", _PEEK),
        Attack(
            "the text of another execution",
            "secrets",
            "secrets",
            "not to be found",
            _LEFTOVERS,
            first="""
kept = 'a secret left-by-another execution'
def attack(host):
    return None
""",
        ),
    ]
)
