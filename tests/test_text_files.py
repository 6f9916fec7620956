"""Files that somebody else made are read by one function."""

from __future__ import annotations

import ast
import codecs
from pathlib import Path

import selfchal as package
from selfchal.text_files import read_text_file

# They read what this package wrote or ships.
OWN_FILES = {
    "sandbox/runner/boot.py", "judging/guest_program.py", "builtin_synthesizers/prompting.py",
    "builtin_models/ledger.py", "report/page.py", "pipeline/store.py", "builtin_watchers/metrics_file.py",
    "cli/examples.py", "pipeline/examples.py", "builtin_envs/service/sources.py", "rollout/agent.py", "plugins/scaffold.py",
    "audit/report.py", "view/app.py", "view/rendering.py", "sandbox/docker/image.py", "builtin_envs/mcp/pipes.py", "builtin_envs/mcp/disk.py", "testing/attacks/traps.py", "testing/conformance/engines.py",
    "api/launching.py",
}  # fmt: skip
# JSON is decoded by json itself there, which knows the mark.
OWN_DECODERS = {"builtin_envs/service/files.py"}
# It copies the bytes of a file, and reads nothing in them.
COPIES = {"builtin_models/saved_model.py"}


def test_a_text_has_newlines_alone_and_no_mark(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(codecs.BOM_UTF8 + "é\r\nb".encode())
    assert read_text_file(file) == "é\nb"


def test_whatever_reads_a_file_of_somebody_else_reads_it_this_way() -> None:
    root = Path(package.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("read_text", "read_bytes"):
                found.add(path.relative_to(root).as_posix())
    assert found == OWN_FILES | OWN_DECODERS | COPIES
