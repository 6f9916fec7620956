"""A Harbor task for an image of the host's busybox, so that no registry is asked."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from selfchal.core.errors import SandboxUnavailableError
from selfchal.strangers.containers import ContainerEngine, open_engine
from tests.audit.harbor_tasks import SOUND

BASE = "selfchal-audit-test/busybox"
APPLETS = ("sh", "cat", "echo", "mkdir", "sleep", "wget", "touch", "ln", "yes", "head")
TEXTS = {
    **SOUND,
    "environment/Dockerfile": f"FROM {BASE}:1\nRUN mkdir -p /app\nCOPY numbers.txt /app/\n",
    "solution/solve.sh": "#!/bin/sh\necho 7 > /app/sum.txt\n",
    "tests/test.sh": '#!/bin/sh\nif [ "$(cat /app/sum.txt)" = 7 ]; then echo 1 > /logs/verifier/reward.txt\n'
    "else echo 0 > /logs/verifier/reward.txt\nfi\n",
}
del TEXTS["tests/test_outputs.py"]


@contextmanager
def using_busybox_image() -> Iterator[ContainerEngine]:
    """The engine, with an image of the host's busybox; the test is skipped where one of them is missing."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("there is no busybox on this machine (apt-get install busybox-static)")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    try:
        with open_engine(network=False) as opened:
            opened.client.api.import_image_from_data(packed.getvalue(), repository=BASE, tag="1")
            yield opened
            opened.client.images.remove(f"{BASE}:1", force=True)
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
