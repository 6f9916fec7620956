"""How the held-out tasks are worded: phrases per kind of step and connectors, a set for each split.

The embedded model was pretrained on phrases and connectors of its own (scripts/seedling/phrases.py);
tests/scripts/test_seedling_data.py proves that none of these is among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """``phrases`` by kind; ``frames`` by number of steps ({0}, {1}, {2} are the steps' phrases);
    ``references`` name the value carried from the step before."""

    phrases: Mapping[str, Sequence[str]]
    frames: Mapping[int, Sequence[str]]
    references: Sequence[str]


TEST = Wording(
    phrases={
        "hex": (
            "decode {x}, which is hex",
            "find the text behind the hex {x}",
            "read {x} as hex",
            "write the hex {x} as letters",
        ),
        "reverse": (
            "put the letters of {x} in reverse",
            "read the characters of {x} backwards",
            "give me {x} backwards",
            "write {x} in reverse order",
        ),
        "caesar": (
            "undo a caesar shift of {y} on {x}",
            "shift {x} back by {y}",
            "decode {x}, where every letter has a shift of {y}",
            "use caesar key {y} to read {x}",
        ),
        "length": (
            "give me how many characters are in {x}",
            "count how long {x} is",
            "count every letter of {x}",
        ),
        "transcribe": (
            "write {x} as mrna",
            "make the mrna of the dna strand {x}",
            "take {x}, which is dna, to mrna",
        ),
        "back": (
            "write {x} as dna",
            "take {x}, which is mrna, back to dna",
            "make the dna {x} was transcribed from",
        ),
        "translate": (
            "write {x} as amino acids",
            "tell me the amino acids that {x} has",
            "make a protein from {x}",
        ),
        "convert": (
            "use a rate of {y} to exchange {x}",
            "take {x} to local currency using the rate {y}",
            "tell me the worth of {x} in local currency at rate {y}",
            "change {x} using a conversion rate of {y}",
        ),
        "tariff": (
            "tell me the duty of {y} percent on {x}",
            "take the {y} percent tariff for {x}",
            "calculate how much {x} is charged at {y} percent duty",
            "at {y} percent, find the tariff on {x}",
        ),
        "final": (
            "estimate what {x} is in total with {y} of tariff",
            "calculate the final price, {x} with {y} of duty",
            "take {x} and a tariff of {y} and estimate the final value",
        ),
        "lowest": (
            "tell me the smallest number of {x}, {y} and {z}",
            "from the offers {x}, {y} and {z} take the lowest",
        ),
        "highest": (
            "tell me the largest number of {x}, {y} and {z}",
            "from the offers {x}, {y} and {z} take the highest",
        ),
        "add": (
            "make the sum of {x} and {y}",
            "put {y} more on {x}",
            "raise {x} by {y} more",
            "tell me {x} plus {y}",
        ),
        "subtract": (
            "tell me {x} minus {y}",
            "make {x} smaller by {y}",
            "cut {y} off {x}",
            "find {x} less {y}",
        ),
        "multiply": (
            "tell me {x} times {y}",
            "take {x} times {y}",
            "raise {x} by a factor of {y}",
            "calculate the product of {x} and {y}",
        ),
        "budget": (
            "plan a trip: flight {x}, {z} nights at {y}",
            "tell me the cost of a trip with {z} nights at {y} and a flight of {x}",
            "calculate what a flight of {x} and a hotel at {y} for {z} nights cost",
        ),
        "total": (
            "calculate {x}, {y} and {z} together",
            "tell me the total cost of {x}, {y} and {z}",
            "put {x}, {y} and {z} together in a sum",
        ),
        "cheapest": (
            "from tickets at {x}, {y} and {z} take the cheapest",
            "tell me the least expensive of {x}, {y} and {z}",
        ),
        "dearest": (
            "from tickets at {x}, {y} and {z} take the dearest",
            "tell me the most expensive of {x}, {y} and {z}",
        ),
    },
    frames={
        1: ("Please start now and {0}.", "I want this: {0}.", "Your next task: {0}."),
        2: (
            "Please start with this: {0}; from there, {1}.",
            "First {0}, and after this {1}.",
            "Your task has two parts: {0}, next {1}.",
            "I want two things: {0}. Last, {1}.",
        ),
        3: (
            "Please start with this: {0}; from there, {1}; last, {2}.",
            "First {0}, and after this {1}, and last {2}.",
            "Your task has three parts: {0}, next {1}, last {2}.",
            "I want three things: {0}. From there, {1}. Last, {2}.",
        ),
    },
    references=("that result", "what you have", "the outcome", "it"),
)

DEV = Wording(
    phrases={
        "hex": ("turn {x}, a hex string, to text", "give me the text of the hex {x}"),
        "reverse": ("spell {x} in reverse", "make {x} read backwards"),
        "caesar": ("remove the caesar shift of {y} from {x}", "with key {y}, decode the message {x}"),
        "length": ("tell me the number of letters in {x}", "give me the count of characters of {x}"),
        "transcribe": ("give me {x} as mrna", "use {x} as dna and make mrna"),
        "back": ("give me {x} as dna", "find which dna makes {x}"),
        "translate": ("give me {x} as a protein", "read {x} as amino acids"),
        "convert": ("at a rate of {y}, convert {x}", "give me {x} in local money, rate {y}"),
        "tariff": ("take {y} percent of {x} as tariff", "on {x}, calculate a duty of {y} percent"),
        "final": (
            "add the tariff {y} to {x} for the final value",
            "with {y} as tariff, estimate the price of {x}",
        ),
        "lowest": (
            "of {x}, {y} and {z}, find the smallest",
            "give me the offer which is lowest of {x}, {y} and {z}",
        ),
        "highest": (
            "of {x}, {y} and {z}, find the largest",
            "give me the offer which is highest of {x}, {y} and {z}",
        ),
        "add": ("to {x} add {y}", "give me {y} more than {x}"),
        "subtract": ("from {x} subtract {y}", "give me {y} less than {x}"),
        "multiply": ("use a factor of {y} on {x}", "make {y} times {x}"),
        "budget": (
            "with a flight of {x}, calculate {z} nights at {y}",
            "for a hotel at {y} and {z} nights, flight {x}, find the budget",
        ),
        "total": ("make a total of {x}, {y} and {z}", "give me {x} and {y} and {z} in total"),
        "cheapest": (
            "of the fares {x}, {y} and {z}, book the cheapest",
            "find the fare which is least of {x}, {y} and {z}",
        ),
        "dearest": (
            "of the fares {x}, {y} and {z}, book the dearest",
            "find the fare which is the most of {x}, {y} and {z}",
        ),
    },
    frames={
        1: ("Now, please {0}.", "Task for you: {0}."),
        2: ("Start: {0}, then last {1}.", "Now {0}; with the result, {1}."),
        3: ("Start: {0}, then {1}, then last {2}.", "Now {0}; with the result, {1}; and next {2}."),
    },
    references=("the result you have", "this result", "that"),
)
