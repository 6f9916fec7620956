"""``selfchal validate`` asks the endpoints of a manifest whether they answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Selfchal
from tests.support.misbehaving import NO_PROMPT, serving

MANIFEST = "environment: {name: calculation}\nevaluation: {tasks: 1, samples: 1, baselines: false}\n"


def test_a_port_where_nobody_listens_is_named_beside_all_else_that_is_wrong(
    selfchal: Selfchal, tmp_path: Path
) -> None:
    path = tmp_path / "m.yaml"
    lost = "{name: openai, model: m, base_url: 'http://127.0.0.1:9/v1'}"
    keyless = "{name: openai, model: m, base_url: 'http://x/v1', api_key_env: NO_SUCH_KEY}"
    path.write_text(f"{MANIFEST}model: {lost}\nchallenger: {keyless}\nchallenge: {{tasks: 1}}\n")
    ended = selfchal("validate", str(path))
    assert ended.code == 2
    assert "model 'openai': http://127.0.0.1:9/v1/chat/completions does not answer" in ended.err
    assert "Is the server up, and is the address right?" in ended.err
    assert "challenger 'openai': api_key_env: the environment variable NO_SUCH_KEY is not set" in ended.err


@pytest.mark.parametrize("other", [False, True], ids=["the same", "another"])
def test_an_endpoint_that_several_sections_name_is_asked_once(
    selfchal: Selfchal, tmp_path: Path, other: bool
) -> None:
    with serving(NO_PROMPT) as server:
        path = tmp_path / "m.yaml"
        policy = f"{{name: openai, model: m, base_url: '{server.url}'}}"
        challenger = policy.replace("model: m", "model: c") if other else policy
        path.write_text(f"{MANIFEST}model: {policy}\nchallenger: {challenger}\nchallenge: {{tasks: 1}}\n")
        ended = selfchal("validate", str(path))
    assert (ended.code, "is valid" in ended.out) == (0, True), ended.err
    assert len(server.requests) == 1 + other
