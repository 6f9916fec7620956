"""What the embedded model is pretrained on holds nothing of the held-out tasks, and its tokenizer is exact."""

from __future__ import annotations

import random
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch

SCRIPTS = Path(__file__).parents[2] / "scripts" / "seedling"


@pytest.fixture(scope="module")
def scripts() -> Any:
    """The pretraining scripts, which are run as files and so import one another by bare name."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        import phrases
        import pretrain
        import tokens
        import transcripts
    finally:
        sys.path.remove(str(SCRIPTS))
    return {"phrases": phrases, "transcripts": transcripts, "tokens": tokens, "pretrain": pretrain}


@pytest.fixture(scope="module")
def conversations(scripts: Any) -> list[str]:
    rng, mix = random.Random(5), scripts["transcripts"].Mix()
    return ["".join(text for text, _ in scripts["transcripts"].sample(rng, mix)) for _ in range(4000)]


def heldout_tasks() -> list[Any]:
    from selfchal.builtin_envs.calculation import heldout

    return [task for split in ("test", "dev") for task in heldout.test_tasks(split)]


def test_no_phrase_and_no_connector_is_shared(scripts: Any) -> None:
    from selfchal.builtin_envs.calculation.wording import DEV, TEST

    phrases = scripts["phrases"]
    for wording in (TEST, DEV):
        assert set(wording.phrases) == set(phrases.PHRASES)
        own = {phrase for group in phrases.PHRASES.values() for phrase in group}
        assert not own & {phrase for group in wording.phrases.values() for phrase in group}
        frames = {frame for group in phrases.CONNECTORS.values() for frame in group}
        assert not frames & {frame for group in wording.frames.values() for frame in group}


def test_every_kind_has_many_phrases(scripts: Any) -> None:
    assert all(len(set(group)) >= 14 for group in scripts["phrases"].PHRASES.values())


def test_no_held_out_task_occurs(conversations: list[str]) -> None:
    text = "\n".join(conversations)
    assert not [task for task in heldout_tasks() if task.instruction in text]


def test_no_held_out_connector_occurs(conversations: list[str]) -> None:
    from selfchal.builtin_envs.calculation.wording import DEV, TEST

    frames = [frame for wording in (TEST, DEV) for group in wording.frames.values() for frame in group]
    patterns = [re.compile("[^<]+".join(map(re.escape, re.split(r"\{\d\}", frame)))) for frame in frames]
    instructions = [re.split("<assistant>", text)[0].removeprefix("<agent><user>") for text in conversations]
    instructions += [
        m for text in conversations for m in re.findall(r"<instruction>(.*?)</instruction>", text)
    ]
    assert not [i for i in instructions for pattern in patterns if pattern.fullmatch(i)]


def test_no_held_out_pair_occurs(scripts: Any) -> None:
    from selfchal.builtin_envs.calculation.chains import held_out

    rng = random.Random(3)
    chains = [scripts["transcripts"].chain(rng, steps) for steps in (2, 3) for _ in range(500)]
    assert not [pair for chain in chains for pair in chain.pairs if held_out(pair)]


def test_the_tokenizer_gives_every_text_back(scripts: Any, conversations: list[str]) -> None:
    tokenizer = scripts["tokens"].build(scripts["pretrain"].texts())
    for text in [*conversations[:500], *(task.instruction for task in heldout_tasks())]:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == text


def test_agent_demonstrations_are_right_and_mostly_single(scripts: Any) -> None:
    """No demonstration is wrong on purpose: a whole one ends with what was observed last."""
    transcripts = scripts["transcripts"]
    rng = random.Random(9)
    for steps in (1, 2):
        made = transcripts.chain(rng, steps)
        text = "".join(part for part, _ in transcripts.agent(rng, made, whole=True))
        assert text.endswith(f"Observation:\n{made.answer}<assistant>Answer: {made.answer}<end>")
    assert transcripts.Mix().double < 0.1 * transcripts.Mix().single


def test_goals_are_right_and_carry_nothing_on(scripts: Any) -> None:
    from selfchal.builtin_envs.calculation.chains import held_out, run_call

    rng = random.Random(11)
    for count in (2, 3):
        for _ in range(200):
            parts = scripts["transcripts"].parallel(rng, count)
            instruction, said = parts[0][0], [text for text, learnt in parts if learnt]
            calls = [re.fullmatch(r"Action:\nprint\((.*)\)\nEnd Action<end>", turn)[1] for turn in said[:-1]]
            assert len(calls) == count
            assert said[-1] == f"Answer: {run_call(calls[-1])}<end>"
            literals = [literal for call in calls for literal in re.findall(r"'[a-zA-Z0-9]+'|\d[\d.]*", call)]
            assert all(literal in instruction for literal in literals)
            kinds = [kind_of(call) for call in calls]
            assert not [pair for pair in pairwise(kinds) if held_out(pair)]


def kind_of(call: str) -> str:
    from selfchal.builtin_envs.calculation.chains import KINDS

    slot = r"['\w.]+"
    for kind in KINDS:
        pattern = re.sub(r"\{\w\}", "SLOT", kind.call)
        if re.fullmatch(re.escape(pattern).replace("SLOT", slot), call):
            return kind.name
    raise AssertionError(call)
