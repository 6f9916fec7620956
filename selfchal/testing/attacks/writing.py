"""Code that writes, deletes or fills what is not its own."""

from __future__ import annotations

from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.source import caught

_SOURCES = {
    "a new file": """
open(host['folder'] + '/new', 'w').write('x')
return 'wrote it'
""",
    "over a file": """
open(host['secret'], 'w').write('x')
return 'wrote it'
""",
    "at the end of a file": """
open(host['secret'], 'a').write('x')
return 'wrote it'
""",
    "a shorter file": """
import os
os.truncate(host['secret'], 0)
return 'cut it'
""",
    "deleting": """
import os
os.unlink(host['secret'])
return 'deleted it'
""",
    "renaming": """
import os
os.rename(host['secret'], host['secret'] + '2')
return 'renamed it'
""",
    "a folder": """
import os
os.mkdir(host['folder'] + '/inner')
return 'made it'
""",
    "a link": """
import os
os.symlink('/', host['folder'] + '/link')
return 'made it'
""",
    "a pipe": """
import os
os.mkfifo(host['folder'] + '/pipe')
return 'made it'
""",
    "a device": """
import os, stat
os.mknod(host['folder'] + '/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))
return 'made it'
""",
    "permissions": """
import os
os.chmod(host['secret'], 0o4777)
return 'changed them'
""",
    "the owner": """
import os
os.chown(host['secret'], 0, 0)
return 'changed it'
""",
    "the date": """
import os
os.utime(host['secret'], (0, 0))
return 'changed it'
""",
    "an attribute": """
import os
os.setxattr(host['secret'], 'user.x', b'x')
return 'set it'
""",
    "the standard library": """
import os
open(os.path.dirname(os.__file__) + '/selfchal_attack.py', 'w').write('x')
return 'wrote it'
""",
    "the program itself": """
open(host['package'] + '/selfchal_attack.py', 'w').write('x')
return 'wrote it'
""",
    "a lock on a shared file": """
import fcntl, os
fcntl.flock(open(os.__file__), fcntl.LOCK_EX)
return 'locked it'
""",
}
_FILL = """
import os
def attack(host):
    own = ('.', '/tmp', '/var/tmp', '/dev/shm', '/run', '/scratch', os.path.expanduser('~'))
    for folder in (*own, host['folder']):
        written = 0
        path = f'{folder}/selfchal-fill'
        try:
            with open(path, 'wb') as file:
                for _ in range(128):
                    written += file.write(bytes(2 ** 20))
        except OSError:
            pass
        if os.path.exists(path):
            os.unlink(path)
        if written > 64 * 2 ** 20:
            return f'wrote {written} bytes to {folder}'
"""
_ANONYMOUS = """
import os
def attack(host):
    fd = os.memfd_create('fill')
    written = 0
    for _ in range(512):
        written += os.write(fd, bytes(2 ** 20))
    return f'wrote {written} bytes to memory that no limit counts'
"""

ATTACKS = [
    Attack(name, "writing", "file_writes", "refused, and the host's files stay as they are", caught(body))
    for name, body in _SOURCES.items()
] + [
    Attack("filling the disk", "writing", "file_writes", "at most a small private folder fills", _FILL),
    Attack("filling an anonymous file", "writing", "memory", "refused", _ANONYMOUS),
]
