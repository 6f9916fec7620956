"""The packaged models: stock transformers, small, exact with padding and cache, their template append-only."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_models.generation.ragged_cache import cache_name
from selfchal.builtin_models.seedling_model import DIRECTORIES as DIRECTORY_OF

pytestmark = pytest.mark.torch

DIRECTORIES = [Path(str(files("selfchal.builtin_models") / name)) for name in DIRECTORY_OF.values()]

TALK = [
    {"role": "system", "content": "You are an agent.\nTools: reverse_string(string: str) -> str"},
    {"role": "user", "content": "Please reverse 'abc'."},
    {"role": "assistant", "content": "Action:\nprint(reverse_string('abc'))\nEnd Action"},
    {"role": "user", "content": "Observation:\ncba"},
    {"role": "assistant", "content": "Answer: cba"},
]


@pytest.fixture(scope="module", params=DIRECTORIES, ids=lambda directory: directory.name)
def loaded(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    directory = request.param
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    network = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, local_files_only=True)
    return tokenizer, network.eval()


def test_small_and_without_code() -> None:
    """Together: both are in everybody's download."""
    paths = [path for directory in DIRECTORIES for path in directory.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in paths) < 4 * 2**20
    assert not [path for path in paths if path.suffix in (".py", ".bin", ".pt")]
    configs = [path for path in paths if path.name == "config.json"]
    assert len(configs) == len(DIRECTORIES)
    assert not [path for path in configs if "auto_map" in json.loads(path.read_text())]


def test_every_rendering_goes_on_from_the_one_before(loaded: tuple[Any, Any]) -> None:
    tokenizer, _ = loaded
    whole = _ids(tokenizer, TALK, speak=False)
    for said in (2, 4):
        start = _ids(tokenizer, TALK[:said], speak=True)
        assert whole[: len(start)] == start


def test_tool_documentation_is_left_out(loaded: tuple[Any, Any]) -> None:
    tokenizer, _ = loaded
    assert _ids(tokenizer, TALK, speak=True) == _ids(
        tokenizer, [{"role": "system", "content": "x"}, *TALK[1:]], speak=True
    )


def test_a_challenger_starts_from_one_token(loaded: tuple[Any, Any]) -> None:
    tokenizer, _ = loaded
    talk = [{"role": "system", "content": "You are a task challenger: …"}, {"role": "user", "content": "Go."}]
    ids = _ids(tokenizer, talk, speak=True)
    assert tokenizer.convert_ids_to_tokens(ids) == ["<challenger>", "<assistant>"]
    assert tokenizer.decode(_ids(tokenizer, [*talk, *TALK[2:4]], speak=True)) == (
        "<challenger><assistant>Action:\nprint(reverse_string('abc'))\nEnd Action<end>"
        "<user>Observation:\ncba<assistant>"
    )


def test_a_challenger_of_the_web_sees_the_page_that_it_starts_from() -> None:
    from transformers import AutoTokenizer

    directory = Path(str(files("selfchal.builtin_models") / DIRECTORY_OF["web_browsing"]))
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    screen = "----------\n[Web Page Name: /trails]\n[Viewing page 1 of 3]\n\nWalking Trails\n----------"
    talk = [
        {"role": "system", "content": "You are a task challenger: …"},
        {"role": "user", "content": f"page: /trails\n{screen}\nExplore, then write one new task."},
    ]
    assert tokenizer.decode(_ids(tokenizer, talk, speak=True)) == f"<challenger><user>{screen}<assistant>"


def test_logits_do_not_depend_on_padding_or_cache(loaded: tuple[Any, Any]) -> None:
    import torch

    tokenizer, network = loaded
    ids = torch.tensor([_ids(tokenizer, TALK, speak=False)])
    pad, name = 5, cache_name(network)
    padded = torch.nn.functional.pad(ids, (pad, 0), value=tokenizer.pad_token_id)
    mask = torch.nn.functional.pad(torch.ones_like(ids), (pad, 0))
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        bare = network(ids).logits[0]
        full = network(padded, attention_mask=mask, position_ids=positions).logits[0, pad:]
        assert torch.allclose(bare, full, atol=1e-4)
        cut = pad + 9
        first = network(
            padded[:, :cut], attention_mask=mask[:, :cut], position_ids=positions[:, :cut], use_cache=True
        )
        cache, steps = first[name], [first.logits[0, pad:]]
        for at in range(cut, padded.shape[1]):
            one = network(
                padded[:, at : at + 1],
                attention_mask=mask[:, : at + 1],
                position_ids=positions[:, at : at + 1],
                **{name: cache},
                use_cache=True,
            )
            steps.append(one.logits[0])
    assert torch.allclose(bare, torch.cat(steps), atol=1e-4)


def _ids(tokenizer: Any, talk: list[dict[str, str]], *, speak: bool) -> list[int]:
    text = tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=speak)
    return list(tokenizer.encode(text, add_special_tokens=False))
