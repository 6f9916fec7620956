"""A process sandbox whose walls are missing on some nodes: the real canaries find it out there."""

from __future__ import annotations

import os
import sys
from typing import ClassVar

from selfchal.sandbox import canaries
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox
from selfchal.sandbox.unsafe_subprocess.sandbox import UnsafeSubprocessConfig, UnsafeSubprocessSandbox

MARK = "SELFCHAL_TEST_NODE_WITHOUT_WALLS"  # set where a node is to have none


GREETING = "here is a sandbox of the tests"


class LeakySandbox(ProcessSandbox):
    name: ClassVar[str] = "leaky"

    def __init__(self, config: ProcessConfig) -> None:
        print(GREETING, file=sys.stderr)
        if MARK in os.environ:
            os.environ["SELFCHAL_ALLOW_UNSAFE"] = "1"
            bare = UnsafeSubprocessSandbox(UnsafeSubprocessConfig(allow=True))
            try:
                canaries.release(bare)
            finally:
                bare.close()
        super().__init__(config)
