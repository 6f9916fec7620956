"""Strangers' Harbor tasks in real containers: what passes is seen, and nothing gets out.

They need a container engine and a static busybox, of which the base image is made: no registry is asked.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfchal.audit.auditing import Audit, audit
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.audit.task_sets import AuditRequest
from selfchal.strangers.containers import ContainerEngine
from tests.audit.harbor_tasks import write_task
from tests.support.busybox_tasks import BASE, TEXTS, using_busybox_image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def engine() -> Iterator[ContainerEngine]:
    with using_busybox_image() as opened:
        yield opened


def _run(tmp_path: Path, changes: dict[str, str]) -> Audit:
    return audit(write_task(tmp_path / "one", {**TEXTS, **changes}), AuditRequest(run=True))


def _find(found: Audit) -> dict[CheckName, Grade]:
    (task,) = found.tasks
    return {
        finding.check: finding.grade for finding in task.findings if finding.grade is not Grade.NOT_CHECKED
    }


@pytest.mark.usefixtures("engine")
def test_a_sound_task_is_sound(tmp_path: Path) -> None:
    found = _run(tmp_path, {})
    assert found.verdicts == {TaskVerdict.SOUND: 1}, found.tasks[0].findings


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"tests/test.sh": TEXTS["tests/test.sh"].replace('sum.txt)" = 7', 'numbers.txt)" != 7')},
            {CheckName.NO_OP: Grade.CERTAIN},
        ),
        ({"solution/solve.sh": "#!/bin/sh\necho 8 > /app/sum.txt\n"}, {CheckName.ORACLE: Grade.CERTAIN}),
        (
            {"tests/test.sh": TEXTS["tests/test.sh"].replace("echo 0", "echo 0.5")},
            {CheckName.NO_OP: Grade.DOUBTFUL},
        ),
        (
            {"tests/test.sh": "#!/bin/sh\nln -s /app/numbers.txt /logs/verifier/reward.txt\n"},
            {
                CheckName.NO_OP: Grade.DOUBTFUL,
                CheckName.ORACLE: Grade.CERTAIN,
                CheckName.VACUOUS: Grade.DOUBTFUL,
            },
        ),
        (
            {
                "tests/test.sh": "#!/bin/sh\nyes\necho $? > /logs/verifier/reward.txt\n",
                "task.toml": "[verifier]\ntimeout_sec = 2\n",
            },
            {CheckName.NO_OP: Grade.DOUBTFUL, CheckName.ORACLE: Grade.CERTAIN},
        ),
    ],
    ids=["doing nothing passes", "the solution fails", "half a reward", "a link", "without end"],
)
def test_what_runs_show_is_found(
    tmp_path: Path, changes: dict[str, str], expected: dict[CheckName, Grade]
) -> None:
    assert _find(_run(tmp_path, changes)) == expected


@pytest.mark.usefixtures("engine")
def test_nothing_phones_home(tmp_path: Path) -> None:
    called = threading.Event()

    class Home(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            called.set()

    with socketserver.TCPServer(("0.0.0.0", 0), Home) as home:
        threading.Thread(target=home.serve_forever, daemon=True).start()
        port = home.server_address[1]
        phone = f"for at in 127.0.0.1 172.17.0.1 10.0.2.2; do wget -T 2 -O - http://$at:{port}/; done\n"
        changes = {
            "environment/Dockerfile": f"{TEXTS['environment/Dockerfile']}RUN {phone}".replace(
                "done", "done; true"
            ),
            "solution/solve.sh": f"{TEXTS['solution/solve.sh']}{phone}",
            "tests/test.sh": TEXTS["tests/test.sh"].replace("#!/bin/sh\n", f"#!/bin/sh\n{phone}"),
        }
        assert _find(_run(tmp_path, changes)).get(CheckName.ORACLE) is None
        home.shutdown()
    assert not called.is_set()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("dockerfile", "why"),
    [
        (f"FROM {BASE}:1\nADD http://127.0.0.1:9/x /x\n", "adds a file from the network"),
        ("FROM nobody.invalid/image:1\n", "is not on this machine"),
        (f"FROM {BASE}:1\nCOPY --from=nobody.invalid/image:1 /x /x\n", "is not on this machine"),
        (f"FROM {BASE}:1\nRUN exit 3\n", "cannot be built"),
    ],
)
def test_an_image_that_would_be_fetched_or_fails_is_named_as_not_run(
    tmp_path: Path, dockerfile: str, why: str
) -> None:
    found = _run(tmp_path, {"environment/Dockerfile": dockerfile})
    assert {check for check, reason, _ in found.not_checked if why in reason} >= {
        CheckName.ORACLE,
        CheckName.NO_OP,
    }


def test_containers_and_images_are_removed(engine: ContainerEngine, tmp_path: Path) -> None:
    _run(tmp_path, {})
    assert engine.client.containers.list(all=True, filters={"label": "selfchal=audit"}) == []
    assert [image.tags for image in engine.client.images.list("selfchal-audit")] == []
