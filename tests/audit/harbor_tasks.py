"""A sound Harbor task of a stranger, as texts, to plant faults in."""

from __future__ import annotations

from pathlib import Path

SOUND = {
    "instruction.md": "Write the sum of the numbers in /app/numbers.txt into /app/sum.txt.\n",
    "task.toml": 'schema_version = "1.4"\n\n[task]\nname = "someone/sum"\n\n[verifier]\ntimeout_sec = 60.0\n',
    "environment/Dockerfile": "FROM python:3.12-slim\nWORKDIR /app\nCOPY numbers.txt /app/\n",
    "environment/numbers.txt": "3\n4\n",
    "solution/solve.sh": "#!/bin/bash\nawk '{s += $1} END {print s}' /app/numbers.txt > /app/sum.txt\n",
    "tests/test.sh": "#!/bin/bash\npytest /tests/test_outputs.py\n"
    "if [ $? -eq 0 ]; then\n  echo 1 > /logs/verifier/reward.txt\n"
    "else\n  echo 0 > /logs/verifier/reward.txt\nfi\n",
    "tests/test_outputs.py": "from pathlib import Path\n\n\ndef test_sum():\n"
    "    assert Path('/app/sum.txt').read_text().strip() == '7'\n",
}


def write_task(folder: Path, texts: dict[str, str]) -> Path:
    """Write the files of a task below a folder."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
