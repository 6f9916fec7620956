"""Servers that are asked while the weights change here: turns of one version, and no half of an update.

The servers are ours (tests/support/vllm_protocol.py), with real sockets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.fleet import State
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.builtin_models.vllm_server import Server as Face
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Message, Sampling
from selfchal.core.updating import updating
from tests.patience import SOON
from tests.support.vllm_protocol import ClockSampler, Server, read_record

pytestmark = pytest.mark.torch

SAMPLING = Sampling(max_tokens=20, seed=5)
LENGTH, STEP = 20, 0.02  # so a turn takes 0.4 s


@contextmanager
def serving(record: Path, port: int = 0) -> Iterator[Server]:
    server = Server(ClockSampler(rows=8, step=STEP, length=LENGTH), port, record)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.end()


@contextmanager
def opening(tiny_path: Any, server: Server) -> Iterator[VllmModel]:
    address = f"http://127.0.0.1:{server.server_address[1]}"
    given = {"path": str(tiny_path("llama")), "device": "cpu", "servers": [address]}
    model = VllmModel(VllmConfig.model_validate(given))
    try:
        yield model
    finally:
        model.close()


class Asking(threading.Thread):
    """Asks for a turn in a thread of its own."""

    def __init__(self, model: VllmModel) -> None:
        super().__init__()
        self.model, self.said = model, list[Generation]()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        talk = self.model.render_prompt([Message("user", "Find it")])
        try:
            self.said = self.model.generate([talk], SAMPLING)
        except Exception as error:  # noqa: BLE001 — the test looks at it
            self.error = error


def change(model: VllmModel) -> None:
    with torch.no_grad():
        next(model.network.parameters()).add_(0.5)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + SOON
    while not happened():
        assert time.monotonic() < until, what
        time.sleep(0.005)


def test_new_weights_wait_for_the_turns_under_way(tiny_path: Any, tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    with serving(record) as server, opening(tiny_path, server) as model:
        sampler = model.open_sampler()
        first = sampler.take_weights()
        asking = Asking(model)
        asked = "/v1/completions"
        wait_until(lambda: any(row["path"] == asked for row in read_record(record)), "nothing was asked")
        with updating(model):
            change(model)
        model.on_weights_updated()
        assert sampler.take_weights() == first + 1
        asking.join()
        assert asking.said[0].weights_version == first
        rows = read_record(record)
        began = next(row["time"] for row in rows if row["path"] == asked)
        sent = [row["time"] for row in rows if row["path"] == "/collective_rpc"][-1]
        assert sent - began >= LENGTH * STEP, "the weights changed under a turn"
        again = Asking(model)
        again.join()
        assert again.said[0].weights_version == first + 1
        assert again.said[0].ids != asking.said[0].ids


class Straight:
    """Weights that are sent as they stand here, as over NCCL."""

    kept = False

    def __init__(self, model: VllmModel) -> None:
        self.model, self.sent = model, list[float]()

    def publish(self) -> None:
        """They are sent as they stand."""

    def send(self, server: Face) -> None:
        self.sent.append(float(next(self.model.network.parameters()).sum()))


def test_a_server_that_comes_back_amid_an_update_is_sent_no_half_of_it(
    tiny_path: Any, tmp_path: Path
) -> None:
    record = tmp_path / "record.jsonl"
    with serving(record) as server, opening(tiny_path, server) as model:
        fleet = model._loaded.samplers
        fleet.weights = straight = Straight(model)
        with updating(model):
            server.end()
            fleet.leave_out(fleet.members[0], ModelError("it gave no answer"))
            with serving(record, server.server_address[1]):
                wait_until(lambda: fleet.members[0].state is State.UP, "the server was not found again")
                asking = Asking(model)
                time.sleep(0.5)
                change(model)
                assert (asking.error, straight.sent) == (None, [])
                assert asking.is_alive(), "it waits for weights that are whole"
                model._loaded.end_update()
                asking.join(SOON)
                assert (asking.error, len(asking.said)) == (None, 1)
                assert len(straight.sent) == 1
