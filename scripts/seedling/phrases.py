"""How the pretraining words a task: per kind of step, the connectors between steps, the names of a value.

``[a|b]`` stands for either. The held-out tasks have phrases and connectors of their own
(selfchal/builtin_envs/calculation/wording.py); a test proves that the two share none.
"""

from __future__ import annotations

import re
from itertools import product

KINDS: dict[str, tuple[str, ...]] = {
    "hex": (
        "[decode|turn|change|convert] {x} from hex[| code] to [text|ascii|letters]",
        "[decode|read|translate] the hex [code|string|message] {x}",
        "[read|show] {x} as [text|letters]",
        "[find|work out|tell me] what the hex [code|string|message] {x} says",
    ),
    "reverse": (
        "[reverse|flip|mirror] {x}",
        "[reverse|flip|mirror] the [letters|order] of {x}",
        "[write|spell|read] {x} [backwards|from right to left]",
        "turn {x} [around|backwards]",
        "[show|write|give me] the reverse of {x}",
        "[show|write] the letters of {x} from last to first",
    ),
    "caesar": (
        "[decode|solve|undo] {x} with a [caesar shift|shift|caesar key] of {y}",
        "[decode|solve] the caesar [code|message] {x} [using|with] [shift|key] {y}",
        "move [|the letters of |every letter of ]{x} back by {y}",
        "take the caesar shift of {y} off {x}",
        "decode {x} where the shift is {y}",
    ),
    "length": (
        "[count|find] the [letters|characters] [of|in] {x}",
        "[find|work out|tell me|give me] the length of {x}",
        "[find|work out|tell me] how [long {x} is|many letters {x} has|many characters {x} has]",
    ),
    "transcribe": (
        "[transcribe|convert|turn|change] {x} [to|into] mrna",
        "[find|work out|write|give me] the mrna [of|for|made from] {x}",
    ),
    "back": (
        "[reverse transcribe|convert|turn|change] {x} [to|into|back to] dna",
        "find the dna which was transcribed to {x}",
        "[find|work out|write|give me] the dna [of|for|behind] {x}",
    ),
    "translate": (
        "[translate|convert|turn|change] {x} [to|into] [amino acids|a protein]",
        "[find|work out|give me] the [amino acids|protein] [of|for|made from] {x}",
    ),
    "convert": (
        "[convert|change|exchange] {x} [at|with] [a rate of|rate] {y}",
        "[convert|change|exchange] {x} to local [currency|money] at {y}",
        "[find|work out] what {x} is [worth |]in local money at [a rate of|rate] {y}",
        "use the [exchange|conversion] rate {y} on {x}",
    ),
    "tariff": (
        "[find|work out|calculate|give me] the [tariff|duty] [on|for] {x} at {y} percent",
        "[find|work out|calculate] a {y} percent [tariff|duty] on {x}",
        "[charge|tax] {x} at {y} percent and [take|keep] the [tariff|duty]",
        "[find|tell me|work out] how much [tariff|duty] {x} [has|is charged] at {y} percent",
    ),
    "final": (
        "[find|work out|estimate|give me] the final [value|price] [of|for] {x} with a tariff of {y}",
        "[estimate|find] the final value when {x} has [a tariff|a duty|tariff] of {y}",
        "put [a tariff|a duty] of {y} on {x} for the final [value|price]",
    ),
    "lowest": (
        "[find|take|pick|give me] the [lowest|smallest] [|price |offer |value ]of {x}, {y} and {z}",
        "[find|pick|tell me] which of [|the offers ]{x}, {y} and {z} is [lowest|smallest]",
    ),
    "highest": (
        "[find|take|pick|give me] the [highest|largest] [|price |offer |value ]of {x}, {y} and {z}",
        "[find|pick|tell me] which of [|the offers ]{x}, {y} and {z} is [highest|largest]",
    ),
    "add": (
        "add {y} to {x}",
        "find what is {y} more than {x}",
        "[calculate|find|work out|give me] {x} plus {y}",
        "[increase|raise] {x} by {y}",
        "[show|pick|find] the number that is {y} [more than|above|over] {x}",
        "[show|give me] {x} and {y} added up",
        "make {x} [|larger by ]{y} [more|higher]",
        "[find|work out] the sum of {x} and {y}",
    ),
    "subtract": (
        "[subtract|take|remove] {y} from {x}",
        "[calculate|find|work out|give me] {x} minus {y}",
        "[lower|reduce|cut] {x} by {y}",
        "make {x} {y} [less|lower|smaller]",
        "take {y} off {x}",
        "[show|pick|find] the number that is {y} [less than|below|under] {x}",
    ),
    "multiply": (
        "multiply {x} [by|with] {y}",
        "[calculate|find|work out|give me] {x} times {y}",
        "[scale|multiply up] {x} by [|a factor of ]{y}",
        "[find|work out] the product of {x} and {y}",
        "[show|find] what {y} times {x} is",
        "[show|find] {x} by a factor {y}",
        "make {x} {y} times [larger|higher]",
    ),
    "budget": (
        "[find|work out|calculate|plan] the [budget|trip budget] [for|of] "
        "a flight of {x} and {z} nights at {y}",
        "[budget|plan] a trip with a flight of {x} and a hotel at {y} for {z} nights",
        "[find|work out] what a trip costs with flight {x}, hotel {y} and {z} nights",
        "[find|give me] the trip cost for {z} nights at {y} after a flight of {x}",
    ),
    "total": (
        "[find|work out|give me] the [total|sum] of {x}, {y} and {z}",
        "[add up|sum|total] {x}, {y} and {z}",
        "[find|work out] what {x}, {y} and {z} [cost|make|are] [together|in total]",
    ),
    "cheapest": (
        "[find|take|pick|book] the cheapest [|flight |ticket |hotel |fare ]of {x}, {y} and {z}",
        "[find|pick|tell me] which of the fares {x}, {y} and {z} is [cheapest|least]",
        "take the [least|smallest] fare of {x}, {y} and {z}",
        "[find|book] the cheapest of three [tickets|offers], {x}, {y} and {z}",
    ),
    "dearest": (
        "[find|take|pick|book] the [dearest|most expensive] "
        "[|flight |ticket |hotel |fare ]of {x}, {y} and {z}",
        "[find|pick|tell me] which of the fares {x}, {y} and {z} is [dearest|most expensive]",
        "[find|book] the dearest of three [tickets|offers], {x}, {y} and {z}",
    ),
}

# The same openings for one step and for several: they must not tell how long a task is.
_OPENERS = (
    "[Please|Now|First|Task:|Your task:|I want you to|Please now|Start:|Please start:|Please first|"
    "Please just|Here is a task:|This is your task:|I have a task:|Now just|For me,|Now,|Next,|Last task:|"
    "Start here:|Please do this:|I want you to do this:|Now do this:|Your last task:]"
)
_TAILS = "[||| now| for me| please| and stop there|, nothing more]"
_JOINS = (
    "[, then | and then |, and then |; then |; and then |. Then |. After that |. After that, |"
    " and after that |; after that |. Next |. Next, |, next | and next |; next |. With that done, |"
    "; take the outcome and |: ]"
)
# Frames by number of steps: {0} is the first step's phrase, {1} the second's, {2} the third's.
FRAMES: dict[int, tuple[str, ...]] = {
    1: (f"{_OPENERS} {{0}}{_TAILS}.",),
    2: (
        f"{_OPENERS} {{0}}{_JOINS}{{1}}.",
        "[Please do|I have] two [things|parts]: {0}, [then|and] {1}.",
        "First {0}, last {1}.",
    ),
    3: (
        f"{_OPENERS} {{0}}{_JOINS}{{1}}{_JOINS}{{2}}.",
        f"{_OPENERS} {{0}}{_JOINS}{{1}}, and last {{2}}.",
        "[Please do|I have] three [things|parts]: {0}, then {1}, [then|last|and] {2}.",
    ),
}
REFERENCES = ("it", "that", "the result", "the outcome", "this", "what you have now")
NOUNS: dict[str, tuple[str, ...]] = {
    "text": ("", "", "the word ", "the text ", "the string "),
    "hex": ("", ""),
    "dna": ("", "", "the strand ", "the sequence "),
    "mrna": ("", "", "the strand ", "the sequence "),
    "number": ("", "", "", "the number "),
}


def expand(pattern: str) -> list[str]:
    """Every phrase that a pattern stands for."""
    parts = re.split(r"\[([^\]]*)\]", pattern)
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    return [re.sub(" +", " ", "".join(choice)) for choice in product(*choices)]


PHRASES = {
    kind: [phrase for pattern in patterns for phrase in expand(pattern)] for kind, patterns in KINDS.items()
}
CONNECTORS = {
    n: [frame for pattern in patterns for frame in expand(pattern)] for n, patterns in FRAMES.items()
}
