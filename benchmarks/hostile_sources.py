"""What hostile sources cost the host that takes them apart: time for each, memory in all.

    python benchmarks/hostile_sources.py [--count 1000] [--seed 0]

The sources are those that CPython's parser and compiler take worst (nested finally, with, lambdas, sets,
chains, f-strings, constants, patterns, decorators, comprehensions) and those that take the judge's own
walks long, in random sizes up to the longest that
is read, whole and torn off. Each goes through all that the judge does with a source in its own process. The
aims: at most two seconds each, at most 200 MB more in the host, no exception.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.judging.checks.derived import literals
from selfchal.judging.checks.hidden_values import hidden_values
from selfchal.judging.checks.near_duplicates import normalised
from selfchal.judging.source.drop_conditions import weakened
from selfchal.judging.source.except_hooks import hook_excepts
from selfchal.judging.source.introspection import find_introspection
from selfchal.judging.source.nondeterminism import asks_nondeterminism
from selfchal.judging.source.parse import SourceError, parse_evaluate, parse_source
from selfchal.judging.source.perturb import perturbed
from selfchal.judging.source.purity import all_pure
from selfchal.judging.wording import Wording

Chance = random.Random
_WORDING = Wording("Add 1 and 2 to the length of 'a'.")
_MOST_LEVELS = 20  # blocks that the compiler lets stand in one another


def _indent(lines: list[str], levels: int = 1) -> list[str]:
    return [" " * levels + line for line in lines]


def _make_finally(chance: Chance) -> str:
    """Each inside the finally of the one before."""
    tries = (["try: f()"], ["try:", " for a in b: break"], ["try:", " f()", "except E: g()"])
    lines = ["x = 1"]
    for _ in range(chance.randint(2, _MOST_LEVELS)):
        lines = [*chance.choice(tries), "finally:", *_indent(lines)]
    return "\n".join(lines)


def _make_returns(chance: Chance) -> str:
    """Many ways out of blocks that have something to do at their end."""
    ends = [
        chance.choice(("if x: return", "if x: return x", "if y: raise E"))
        for _ in range(chance.randint(1, 900))
    ]
    kind = chance.choice(("try", "with", "except"))
    for _ in range(chance.randint(1, _MOST_LEVELS - 2)):
        if kind == "try":
            ends = ["try:", *_indent(ends), "finally:", *_indent(["g(a, b, c)"] * chance.randint(1, 20))]
        elif kind == "with":
            ends = [f"with {', '.join(['open(x) as y'] * chance.randint(1, 3))}:", *_indent(ends)]
        else:
            ends = ["try: f()", "except E as e:", *_indent(ends)]
    return "\n".join(["def f(x):", *_indent(ends)])


def _make_patterns(chance: Chance) -> str:
    names = [f"a{number}" for number in range(chance.randint(1, 900))]
    cases = [f"[{', '.join(chance.sample(names, len(names)))}]" for _ in range(chance.randint(2, 40))]
    return f"match x:\n case {' | '.join(cases)}:\n  pass"


def _make_constants(chance: Chance) -> str:
    one = chance.choice(
        ("'a' * 4096", "(0,) * 256", "b'ab' * 2000", "9 ** 39", "1 << 127", "'%s' % (1,)", "1.5")
    )
    joined = chance.choice((" + ", " * ", " - ", " % ", " + 'b' * 4000 + "))
    return "x = " + joined.join([one] * chance.randint(2, 2500))


def _make_lambdas(chance: Chance) -> str:
    names = [f"a{number}" for number in range(chance.randint(1, 120))]
    depth = chance.randint(2, 190)
    return f"x = lambda {', '.join(names)}: " + "(lambda: " * depth + " + ".join(names) + ")" * depth


# What can be put around itself, with two spaces between them.
_BRACKETS = """
{…}  […]  {1: …}  (…,)  f(…)  a[…]  [*…]  f(**…)  {1} | {…}  (yield …)  f(a=…)  (a := …)  [lambda: …]  f'{…}'
[x for x in …]  {x for x in …}  (x for x in …)  {x: y for x in …}  [… for x in y]
(…)(…)  (a and (b or …))  (… if a else b)  (a if … else b)
"""


def _make_brackets(chance: Chance) -> str:
    around = chance.choice(_BRACKETS.strip().replace("\n", "  ").split("  "))
    opened, _, closed = around.partition("…")
    depth = chance.randint(2, 199)
    return chance.choice(("x = ", "def f():\n ")) + opened * depth + "y" + closed * depth


def _make_chain(chance: Chance) -> str:
    joined = chance.choice(
        (
            " + ",
            " < ",
            " and ",
            " or ",
            " if b else ",
            ".",
            " not in ",
            " ** ",
            " is not ",
            " | ",
            " = ",
            ", ",
            "; ",
        )
    )
    return joined.join(["a"] * chance.randint(2, 9_000))


def _make_prefixes(chance: Chance) -> str:
    return chance.choice(("-", "~", "not ", "await ", "lambda: ", "*", "@")) * chance.randint(2, 15_000) + "a"


def _make_suffixes(chance: Chance) -> str:
    return "a" + chance.choice((".a", "[0]", "()", "[0:1]", "(a)", "[a, b]")) * chance.randint(2, 9_000)


def _make_texts(chance: Chance) -> str:
    part = chance.choice(
        ("{a}", "{a + b!r}", "{a:{b}}", "{a:>{b}.{c}}", "{f(a)}", "{ {1} }", "{a=}", "{{", "\\N{DIGIT ONE}")
    )
    mark = chance.choice(("'", '"', "'''"))
    return f"x = f{mark}{part * chance.randint(1, 4_000)}{mark}"


def _make_definitions(chance: Chance) -> str:
    kind = chance.choice(
        ("def f(a=1, *, b: int = 2):", "class A(B, c=d):", "if a:", "for a in b:", "while a:", "with a:")
    )
    depth = chance.randint(1, 99)
    nested = "\n".join(" " * level + kind for level in range(depth)) + "\n" + " " * depth + "pass"
    decorated = "@a(lambda x: x)\n" * chance.randint(1, 1200) + "def f(): pass"
    branches = "if a: x\n" + "elif a: x\n" * chance.randint(1, 1900)
    names = "def f():\n" + "".join(f" global a{number}\n" for number in range(chance.randint(1, 1200)))
    return chance.choice((nested, decorated, branches, names))


def _make_scopes(chance: Chance) -> str:
    """Functions in functions, comparisons, calls that hide constants, and what looks behind things."""
    part = chance.choice(
        (
            *(
                "True + True",
                "len('a')",
                "int('1', int('2'))",
                "a == 1",
                "repr(a)",
                "f'{a}' % b",
                "time.time()",
            ),
            *("lambda: a", "a.b.c.d.e.f", "(yield a)", "base64.b64decode('YQ==')", "len(len(len(int('1'))))"),
        )
    )
    depth, count = chance.randint(1, 60), chance.randint(1, 2_500)
    lines = [", ".join([part] * min(20, count)) for _ in range(max(1, count // 20))]
    for _ in range(depth):
        lines = ["def f(a):", *_indent(lines)]
    return "\n".join(["import time, random", *lines])


def _make_numbers(chance: Chance) -> str:
    digits = chance.choice(
        ("0x" + "f" * 9_000, "0b" + "1" * 19_000, "9" * 4_000, "9" * 9_000, "1e999", "1e999j")
    )
    return f"x = {{{digits}}} | {{1}}"


_WORDS = """
if else for in while try except finally with as lambda def class return yield await async not and or is None
match case ( ) [ ] { } : ; , . = == != < > + - * ** / // % | & ^ ~ @ := -> ' " f' 1 0x 1e 1j a b _ \\
"""


def _make_soup(chance: Chance) -> str:
    words = [*_WORDS.split(), "\n", "\n  "]
    return " ".join(chance.choice(words) for _ in range(chance.randint(1, 6_000)))


KINDS: tuple[Callable[[Chance], str], ...] = (
    *(_make_finally, _make_returns, _make_patterns, _make_constants, _make_lambdas, _make_brackets),
    *(_make_chain, _make_prefixes, _make_suffixes, _make_texts, _make_definitions, _make_soup),
    *(_make_scopes, _make_numbers),
)


def hostile_sources(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """So many, each with its kind; the same for the same seed."""
    chance = Chance(seed)
    for number in range(count):
        make = KINDS[number % len(KINDS)]
        source = make(chance)[:MAX_SOURCE]
        if chance.random() < 0.2:
            source = source[: chance.randrange(1, len(source) + 1)]
        if chance.random() < 0.5:  # as the challenger would have it
            source = ("def evaluate(answer):\n    return True\n" + source)[:MAX_SOURCE]
        yield make.__name__.removeprefix("_make_"), source


def take_apart(source: str) -> str:
    """All that the judge does with a source in its own process; what came of it."""
    normalised(source)
    try:
        parse_source(source, "the solution")
        perturbed([source])
        hook_excepts(source)
        weakened(source)
        all_pure([source], ("f",))
        asks_nondeterminism(source)
        find_introspection(source)
        hidden_values(source, _WORDING)
        list(literals(source))
        parse_evaluate(source)
    except SourceError as error:
        return str(error)
    return "taken"


def read_peak() -> int:
    """Most bytes of memory that this process had so far."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    take_apart("result = 1")
    before = read_peak()
    times, said = [], []
    for kind, source in hostile_sources(options.count, options.seed):
        started, cpu = time.perf_counter(), time.process_time()
        said.append(take_apart(source))
        times.append((time.perf_counter() - started, time.process_time() - cpu, kind, said[-1][:100]))
    seconds = sorted(wall for wall, *_ in times)
    slowest = max(times)
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(
        f"{options.count} sources: {said.count('taken')} taken apart, "
        f"{sum('too complex' in one for one in said)} too complex, the others no task's code\n"
        f"{1000 * statistics.median(seconds):.0f} ms each (median; 99th percentile "
        f"{seconds[-len(seconds) // 100]:.2f} s), at most {slowest[0]:.2f} s ({slowest[2]}: {slowest[3]})\n"
        f"of that CPU time of the host: {1000 * statistics.fmean(cpu for _, cpu, *_ in times):.0f} ms each, "
        f"at most {max(cpu for _, cpu, *_ in times):.2f} s; {load}\n"
        f"{(read_peak() - before) / 2**20:.0f} MB more in the host"
    )


if __name__ == "__main__":
    main()
