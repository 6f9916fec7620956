"""What the service and its workers have to agree about."""

from __future__ import annotations

import struct

HEADER = struct.Struct("!I")  # before each message: its length in bytes
CPU_SECONDS = 0.5  # that one source may take; honest code of the longest length takes a tenth
