"""What every model must keep: ids that only grow, turns that end, the same again for the same seed."""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from selfchal.core.model import Capability, Generation, Message, Model, Sampling
from selfchal.core.updating import MakesRoom, updating
from selfchal.core.world import Json
from selfchal.pipeline.manifest import parse_config
from selfchal.testing.conformance.case import (
    Case,
    CaseLevel,
    declared,
    demand,
    demand_attributes,
    demand_type,
    make,
)
from selfchal.testing.conformance.twins import demand_alike, is_registered

TALK = [Message("system", "Answer in one word."), Message("user", "How many days has a week?")]
MOST_CALLS = 10_000  # of advance: far more than the turns of these cases take
SHORT = Sampling(max_tokens=12, seed=7)
ROWS = 128  # of one call, to see how often a token comes
QUICKLY_MADE = 10.0  # seconds
COLD_ROWS = 8  # to see whether any other token comes


def model_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for a model class with these options. It is loaded once; the last case closes it."""
    kit = _Kit(cls, options or {})
    cases = [
        *declared("model", cls, options or {}),
        Case("says what it gives without being loaded", kit.says_what_it_gives, CaseLevel.STATIC,
             "provides(config) gives a frozenset of Capability, TEXT among them."),
        Case("has all that its contract reads", kit.has_its_attributes, cure="Add the property that "
                                                                             "is named."),
        Case("renders a conversation to ids that only grow", kit.renders_to_ids,
             cure="render_prompt gives the ids of the start, render_turn those to append after the "
                  "sampled ones."),
        Case("renders all that is said, empty or long", kit.renders_all,
             cure="The ids must depend on every message, also where it is empty, long or of odd letters."),
        Case("gives one turn a prompt, with a log-probability a token", kit.gives_turns,
             cure="Give a list of Generations in the prompts' order, with ids of int and as many "
                  "logprobs of float."),
        Case("answers each prompt by itself", kit.answers_each_prompt,
             cure="Keep rows apart: mask the padding, and give the turns back in the prompts' order."),
        Case("gives the same again with the same seed", kit.gives_the_same_again,
             cure="Draw from a generator that is seeded with sampling.seed, and nothing for temperature 0."),
        Case("keeps to temperature and top_p", kit.keeps_to_options,
             cure="Divide the logits by sampling.temperature, and draw from the likeliest tokens alone that "
                  "make up sampling.top_p."),
        Case("ends a turn at a stop string", kit.stops_at_strings,
             cure="Stop when the text ends with one of sampling.stop, keep it, and say finished=True."),
        Case("streams every turn to its end, whenever it joined", kit.streams_turns,
             cure="Return selfchal.TurnStream(self.generate, sampling) where turns are given whole."),
    ]  # fmt: skip
    if is_registered("model", cls) and Capability.LOGPROBS in kit.given:
        rule = "speaks alike in other processes, under other hash seeds"
        cure = "Seed with selfchal.seed_of, which is the same everywhere; hash() of a text is not."
        cases.append(Case(rule, kit.speaks_alike_elsewhere, cure=cure))
    if Capability.LOGPROBS in kit.given:
        cure = (
            "logprobs are natural logarithms at temperature 1 of each sampled token, in its "
            "position, and rows of "
            "one call are drawn independently, by the seed."
        )
        semantic = CaseLevel.SEMANTIC
        cases += [
            Case("samples as its log-probabilities say", kit.samples_as_it_says, semantic, cure),
            Case("says log-probabilities at temperature 1", kit.says_them_at_temperature_one, semantic, cure),
        ]
    if Capability.GRADIENTS in kit.given:
        rule = "speaks as before once its weights were saved and loaded"
        cure = "save() writes all weights, load() reads them and drops what is cached."
        cases.append(Case(rule, kit.loads_weights, CaseLevel.SEMANTIC, cure))
    if issubclass(cls, MakesRoom):
        rule = "takes back what it gave up for an update"
        cure = "After end_update(), the next sample needs all that begin_update() freed: take it back there."
        cases.append(Case(rule, kit.takes_memory_back, CaseLevel.SEMANTIC, cure))
    return [*cases, Case("can be closed", kit.closes, cure="close() may be called again.")]


def _read_given(cls: type[Any], options: Mapping[str, Json]) -> frozenset[Capability]:
    """What it says it gives; nothing where it cannot say so, which a case tells."""
    try:
        return frozenset(cls.provides(parse_config(cls.Config, options, cls.__name__)))
    except Exception:  # noqa: BLE001 — a stranger's method may raise anything
        return frozenset()


def tell_seen(cls: type[Any], options: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """What it says, for a comparison of processes."""
    kit = _Kit(cls, options)
    prompt = kit.model.render_prompt(TALK)
    drawn, greedy = (kit._generate([prompt] * 2, replace(SHORT, temperature=one)) for one in (1.0, 0.0))
    return [
        ("a prompt's rendering", prompt),
        ("what it says by a seed", [one.text for one in drawn]),
        ("what it says at temperature 0", [one.text for one in greedy]),
    ]


class _Kit:
    def __init__(self, cls: type[Any], options: Mapping[str, Json]) -> None:
        self.cls, self.options = cls, options
        self.given = _read_given(cls, options)

    @cached_property
    def model(self) -> Model:
        began = time.monotonic()
        made: Model = make(self.cls, self.options)
        self.seconds_to_make = time.monotonic() - began
        return made

    def has_its_attributes(self) -> None:
        demand_attributes("model", self.model)
        demand_type(self.model.context_length, int, "context_length")

    def renders_all(self) -> None:
        prompt = self.model.render_prompt(TALK)
        said = self._generate([prompt], SHORT)[0]
        seen: list[tuple[str, list[int]]] = []
        for text in ("", "a", "b", "long " * 500, "\u00fc \U0001f600 \ud800"):
            message = Message("user", text)
            ids = self.model.render_turn(said, message)
            demand_type(ids, list, f"render_turn of {text[:20]!r}")
            whole = ids[: len(prompt)] == prompt
            demand(not whole, "render_turn gives the whole conversation again; only what follows is appended")
            seen.append((text, ids))
        (_, one), (_, other) = seen[1:3]
        demand(one != other, "render_turn gives the same ids for two messages: what was said is lost")
        long = len(seen[3][1])
        demand(long > len(one) + 200, f"render_turn gives {long} ids for 2,500 letters: what was said is cut")

    def answers_each_prompt(self) -> None:
        prompts = [self.model.render_prompt(TALK), self.model.render_prompt([Message("user", "Hi")])]
        greedy = replace(SHORT, temperature=0.0, max_tokens=3)
        before = [list(prompt) for prompt in prompts]
        together = self._generate(prompts, greedy)
        demand(prompts == before, "generate changed the prompts that it was given")
        alone = [self._generate([prompt], greedy)[0] for prompt in prompts]
        same = [one.ids[:1] for one in together] == [one.ids[:1] for one in alone]
        demand(same, "a prompt beside another one gets another turn than alone")

    def keeps_to_options(self) -> None:
        """Almost cold, or drawn from the likeliest token alone, it speaks as at temperature 0."""
        prompts = [self.model.render_prompt(TALK)]
        best = self._generate(prompts, replace(SHORT, temperature=0.0))[0]
        cold, narrow = replace(SHORT, temperature=1e-3), replace(SHORT, top_p=1e-4)
        for what, sampling in (("temperature 0.001", cold), ("top_p 0.0001", narrow)):
            for one in self._generate(prompts * COLD_ROWS, sampling):
                pairs = enumerate(zip(one.ids, best.ids, strict=False))
                i = next((i for i, (drawn, likeliest) in pairs if drawn != likeliest), None)
                alike = i is None or (one.logprobs and one.logprobs[i] > best.logprobs[i] - 0.05)
                demand(alike, f"at {what} it draws another token than the likeliest: token {i} of a turn")

    def says_them_at_temperature_one(self) -> None:
        prompts = [self.model.render_prompt(TALK)] * ROWS
        told = {
            one.ids[: i + 1]: logprob
            for one in self._generate(prompts, SHORT)
            for i, logprob in enumerate(one.logprobs)
        }
        for one in self._generate(prompts, replace(SHORT, temperature=0.5)):
            for i, logprob in enumerate(one.logprobs):
                known = told.get(one.ids[: i + 1], logprob)
                demand(
                    abs(known - logprob) < 0.1,
                    f"a token after one beginning has the log-probability {known:.2f} at temperature 1 and "
                    f"{logprob:.2f} at temperature 0.5",
                )

    def speaks_alike_elsewhere(self) -> None:
        _ = self.model
        if self.seconds_to_make < QUICKLY_MADE:  # two more of a large one may not fit
            demand_alike("model", self.cls, self.options)

    def samples_as_it_says(self) -> None:
        """How often a token follows, against its log-probability: at temperature 1 they agree.

        Compared after every beginning that many turns share.
        """
        prompts = [self.model.render_prompt(TALK)] * ROWS
        drawn = [one for seed in (1, 2) for one in self._generate(prompts, replace(SHORT, seed=seed))]
        for i in range(SHORT.max_tokens):
            shared = Counter(one.ids[:i] for one in drawn if len(one.ids) > i)
            for beginning, total in shared.most_common(3):
                if total >= ROWS // 2:
                    _demand_shares([one for one in drawn if one.ids[:i] == beginning and len(one.ids) > i], i)

    def says_what_it_gives(self) -> None:
        given = self.cls.provides(parse_config(self.cls.Config, self.options, self.cls.__name__))
        demand_type(given, (set, frozenset), "provides()")
        odd = [one for one in self.given if one not in set(Capability)]
        demand(not odd, f"provides() gives {odd!r}, which is no Capability")
        demand(Capability.TEXT in self.given, "provides() leaves out Capability.TEXT")

    def renders_to_ids(self) -> None:
        demand(self.model.context_length > 0, f"context_length is {self.model.context_length}")
        prompt = self.model.render_prompt(TALK)
        demand_type(prompt, list, "render_prompt")
        demand(prompt and all(isinstance(one, int) for one in prompt), f"render_prompt gave {prompt!r:.80}")
        demand(self.model.render_prompt(TALK) == prompt, "render_prompt gave two texts for one conversation")
        said = self._generate([prompt], SHORT)[0]
        more = self.model.render_turn(said, Message("user", "And a year?"))
        demand(more and all(isinstance(one, int) for one in more), f"render_turn gave {more!r:.80}")
        self._check(self._generate([[*prompt, *said.ids, *more]], SHORT)[0], SHORT)
        demand(not self.model.encode(""), "encode('') gave ids")
        demand(self.model.encode("Action:"), "encode('Action:') gave none")

    def gives_turns(self) -> None:
        prompts = [self.model.render_prompt(TALK[: i + 1]) for i in range(len(TALK))]
        for sampling in (SHORT, replace(SHORT, temperature=0.0), replace(SHORT, max_tokens=1)):
            said = self._generate(prompts, sampling)
            demand(len(said) == len(prompts), f"{len(prompts)} prompts gave {len(said)} turns")
            for generation in said:
                self._check(generation, sampling)
        demand(self.model.generate([], SHORT) == [], "no prompt must give no turn")

    def gives_the_same_again(self) -> None:
        prompts = [self.model.render_prompt(TALK)] * 2
        once, again = (self._generate(prompts, SHORT) for _ in range(2))
        demand(once == again, "the same weights, prompts and seed gave other turns after reset_cache()")
        greedy = replace(SHORT, temperature=0.0)
        one, other = (self._generate(prompts, replace(greedy, seed=seed))[0].ids for seed in (1, 2))
        demand(one == other, "greedy decoding depends on the seed")

    def stops_at_strings(self) -> None:
        prompt, greedy = self.model.render_prompt(TALK), replace(SHORT, temperature=0.0)
        whole = self._generate([prompt], greedy)[0]
        demand(whole.text.strip(), "it says nothing at all, so that no stop string can be tried")
        for length in (1, 3):
            self._stop_at(prompt, whole, whole.text.strip()[:length])

    def _stop_at(self, prompt: list[int], whole: Generation, stop: str) -> None:
        greedy = replace(SHORT, temperature=0.0)
        said = self._generate([prompt], replace(greedy, stop=(stop,)))[0]
        demand(stop in said.text, f"the stop string {stop!r} must stay in {said.text!r}")
        demand(said.finished, "a turn that a stop string ended is not finished")
        begins = whole.text.startswith(said.text.rstrip())
        demand(begins, f"with a stop string it said {said.text!r} instead of {whole.text!r}")
        shorter = len(said.ids) < len(whole.ids) or len(whole.ids) <= len(stop) + 1
        demand(shorter, f"it went on after the stop string {stop!r}: {said.text!r}")

    def streams_turns(self) -> None:
        once, again = self._stream(), self._stream()
        keys = sorted(key for key, _ in once)
        demand(keys == [0, 1, 2], f"turns of {keys} came, not of 0, 1, 2")
        for _, generation in once:
            self._check(generation, SHORT)
        demand(once == again, "the same joins and calls gave other turns after reset_cache()")

    def loads_weights(self) -> None:
        model: Any = self.model  # a TrainableModel
        prompt, greedy = [model.render_prompt(TALK)], replace(SHORT, temperature=0.0)
        before = self._generate(prompt, greedy)
        with tempfile.TemporaryDirectory(prefix="selfchal-model-") as folder:
            model.save(Path(folder))
            for weight in model.network.parameters():
                weight.data.mul_(-1)
            model.on_weights_updated()
            demand(self._generate(prompt, greedy) != before, "weights of the other sign say the same")
            model.load(Path(folder))
            demand(self._generate(prompt, greedy) == before, "load() did not bring save() back")

    def takes_memory_back(self) -> None:
        prompt, greedy = [self.model.render_prompt(TALK)], replace(SHORT, temperature=0.0)
        before = self._generate(prompt, greedy)
        for _ in range(2):
            with updating(self.model):
                pass
        said = self._generate(prompt, greedy)
        demand(said == before, f"after updates that changed nothing it said {said[0].text!r:.80}")

    def closes(self) -> None:
        self.model.close()
        self.model.close()

    def _generate(self, prompts: list[list[int]], sampling: Sampling) -> list[Generation]:
        self.model.reset_cache()
        said = self.model.generate(prompts, sampling)
        demand_type(said, list, "generate()")
        for one in said:
            demand_type(one, Generation, "generate()")
        return said

    def _stream(self) -> list[tuple[int, Generation]]:
        """Two conversations, and a third one that joins after the first call; the turns in their order."""
        self.model.reset_cache()
        prompt, stream, ended = self.model.render_prompt(TALK), self.model.stream(SHORT), list[Any]()
        stream.join(0, prompt)
        stream.join(1, prompt)
        for call in range(MOST_CALLS):
            ended += stream.advance()
            if call == 0:
                stream.join(2, prompt)
            if len(ended) >= 3:
                return ended
        raise AssertionError(f"after {MOST_CALLS:,} calls of advance() {len(ended)} of 3 turns have ended")

    def _check(self, said: Generation, sampling: Sampling) -> None:
        demand(not said.refused, f"it refused to answer: {said.refused}")
        demand(said.ids, "a turn has no token")
        demand_type(said.ids, tuple, "the ids of a turn: it")
        for one in said.ids:
            demand(type(one) is int, f"an id of a turn is {one!r} ({type(one).__name__}), and no int")
        for number in said.logprobs:
            demand(
                type(number) is float,
                f"a log-probability is {number!r} ({type(number).__name__}), and no float",
            )
        most = sampling.max_tokens
        demand(len(said.ids) <= most, f"{len(said.ids)} tokens, of {most} at most")
        if Capability.LOGPROBS in self.given:
            pair = f"{len(said.ids)} tokens and {len(said.logprobs)} log-probabilities"
            demand(len(said.ids) == len(said.logprobs), pair)
            possible = all(math.isfinite(one) and one <= 1e-4 for one in said.logprobs)
            demand(possible, f"these are no log-probabilities: {said.logprobs}")
        over = said.finished or len(said.ids) == most
        demand(over, f"a turn of {len(said.ids)} tokens is neither finished nor cut at {most}")


def _demand_shares(drawn: list[Generation], i: int) -> None:
    """Turns that are alike before token ``i``: how often each next one comes is its probability."""
    for id_, count in Counter(one.ids[i] for one in drawn).most_common(3):
        told = [one.logprobs[i] for one in drawn if one.ids[i] == id_]
        demand(
            max(told) - min(told) < 0.1,
            f"one token after one beginning has log-probabilities from {min(told):.2f} to {max(told):.2f}",
        )
        likely, share = math.exp(told[0]), count / len(drawn)
        slack = 5 * math.sqrt(max(likely * (1 - likely), 0.01) / len(drawn))
        demand(
            abs(share - likely) <= slack,
            f"a token with a probability of {likely:.2f} by its log-probability came in {share:.0%} of "
            f"{len(drawn)} turns",
        )
