"""What the docs say of runs is what is stored of them: `make results`."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.benchmarks.loading import FOLDER

RESULTS = FOLDER.parent / "docs" / "results"

ROUND_TRIP = """
import json, sys
from store_results import read_samples, write_samples
rows = {"b": [1.0, None], "a": [0.0, 1.0]}
text = write_samples(rows)
print(json.dumps([text, list(read_samples(text).values())]))
"""
TAMPERED = """
import json
from write_results import fill
page = "<!-- results quickstart.table -->\\n| run | 99.9 |\\n<!-- end -->\\nrest"
print(json.dumps(fill(page)))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """From the folder of the benchmarks, as its programs import one another."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER)


@pytest.mark.torch  # the benchmarks import selfchal's whole loop
def test_the_docs_say_what_is_stored() -> None:
    done = run("write_results.py", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.torch
def test_a_figure_that_was_edited_by_hand_is_written_anew() -> None:
    page = json.loads(run("-c", TAMPERED).stdout)
    assert "99.9" not in page
    assert "| seed 0 | 13.5 |" in page
    assert page.endswith("<!-- end -->\nrest")


@pytest.mark.torch
def test_samples_come_back_as_they_were_stored_task_by_task() -> None:
    text, rows = json.loads(run("-c", ROUND_TRIP).stdout)
    assert (text, rows) == ("01 1-", [[0.0, 1.0], [1.0, None]])


def test_no_result_names_a_folder_of_the_machine_that_it_was_made_on() -> None:
    found = [
        f"{path.relative_to(RESULTS)}: {named}"
        for path in sorted(RESULTS.rglob("*"))
        if path.is_file()
        for named in re.findall(r"(?<![\w.>/])/(?:tmp|home|root|work|Users|var)/\S*", path.read_text("utf-8"))
    ]
    assert found == []
