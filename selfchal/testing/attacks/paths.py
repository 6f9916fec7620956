"""Code that looks for where selfchal is installed, which mostly tells the user's name.

It is told nothing of the host: what it prints is compared with the truth.
"""

from __future__ import annotations

from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.source import caught

_NOTE = """
def note(value):
    if isinstance(value, bytes):
        value = value.decode('latin-1')
    for word in str(value).replace(chr(0), ' ').split():
        if 'selfchal' in word or 'runner' in word:
            print(word[:500])
"""
_PLACES = {
    "its arguments": "import sys\nnote(sys.argv)\nnote(sys.orig_argv)",
    "the search path": "import sys\nnote(sys.path)\nnote(sys.executable)\nnote(sys.path_importer_cache)",
    "its environment": "import os\nnote(dict(os.environ))\nnote(os.getcwd())",
    "its command line": "note(open('/proc/self/cmdline').read())",
    "its memory map": "note(open('/proc/self/maps').read())",
    "its mounts": "note(open('/proc/self/mountinfo').read())",
    "the modules": "import sys\nfor module in list(sys.modules.values()):\n    note(vars(module))",
    "the files of modules": (
        "import sys\nfor module in list(sys.modules.values()):\n"
        "    note(getattr(module, '__file__', ''))\n    note(getattr(module, '__spec__', ''))"
    ),
    "the code of functions": (
        "import gc\nfor thing in gc.get_objects():\n    if hasattr(thing, '__code__'):\n"
        "        note(thing.__code__.co_filename)"
    ),
    "the frames below": (
        "import sys\nframe = sys._getframe()\nwhile frame:\n    note(frame.f_code.co_filename)\n"
        "    note(frame.f_globals.get('__file__'))\n    frame = frame.f_back"
    ),
    "a traceback": (
        "import traceback\ntry:\n    echo(object())\nexcept TypeError:\n    note(traceback.format_exc())"
    ),
    "its arguments in memory": """
import ctypes
count, values = ctypes.c_int(), ctypes.POINTER(ctypes.c_wchar_p)()
ctypes.pythonapi.Py_GetArgcArgv(ctypes.byref(count), ctypes.byref(values))
for number in range(count.value):
    note(values[number])
""",
    "its stack": """
import ctypes
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')
start = ctypes.cast(environ, ctypes.c_void_p).value
note(ctypes.string_at(start, 4096))
""",
}

ATTACKS = [
    Attack(name, "paths", "secrets", "selfchal's folder does not come back", _NOTE + caught(body), blind=True)
    for name, body in _PLACES.items()
]
