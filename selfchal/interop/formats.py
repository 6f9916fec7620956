"""The formats by name. One more is a function that writes an ``Export`` into a directory, and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from selfchal.interop.exporting import Write
from selfchal.interop.harbor import write_harbor
from selfchal.interop.hugging_face import write_hugging_face
from selfchal.interop.inspect_tasks import write_inspect
from selfchal.interop.trl import write_trl
from selfchal.interop.verifiers import write_verifiers

TARGETS: Mapping[str, Write] = {
    "harbor": write_harbor,
    "hf": write_hugging_face,
    "inspect": write_inspect,
    "trl": write_trl,
    "verifiers": write_verifiers,
}
