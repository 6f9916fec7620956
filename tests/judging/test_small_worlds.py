"""Forty tasks as a person would write them over three small environments are kept, and twenty broken ones are not.

A task is about what changed (``evaluate()``), about an answer (``evaluate(answer)``), or about both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from selfchal import judge, open_environment, open_sandbox
from selfchal.core.judge import Verdict
from tests.judging.small_worlds import Calendar, Library, TodoList

FEWEST_KEPT = 38


def task(instruction: str, evaluate: str, solution: str, *failures: str) -> dict[str, Any]:
    return {
        "instruction": instruction,
        "evaluate": evaluate,
        "solution": solution,
        "failures": list(failures),
    }


def state(instruction: str, condition: str, solution: str, *failures: str) -> dict[str, Any]:
    return task(instruction, f"def evaluate():\n    return {condition}", solution, *failures)


def answer(instruction: str, condition: str, solution: str, *failures: str) -> dict[str, Any]:
    return task(instruction, f"def evaluate(answer):\n    return {condition}", solution, *failures)


DONE = "[t['title'] for t in todos() if t['done']]"
OPEN = "[t['title'] for t in todos() if not t['done']]"
ALL = "[t['title'] for t in todos()]"

TODO_TASKS = [
    state("Mark the to-do 'call Emma' as done.", f"{DONE} == ['call Emma']", "finish('call Emma')",
          "finish('buy milk')", "add('call Emma')", "remove('call Emma')"),
    state("Mark the to-dos 'buy milk' and 'pay rent' as done.", f"{DONE} == ['buy milk', 'pay rent']",
          "finish('buy milk')\nfinish('pay rent')", "finish('buy milk')", "finish('pay rent')",
          "finish('buy milk')\nfinish('pay rent')\nfinish('call Emma')"),
    state("Remove the to-do 'water plants' from the list.",
          f"{ALL} == ['buy milk', 'call Emma', 'pay rent', 'mend the bike']", "remove('water plants')",
          "finish('water plants')", "remove('buy milk')", "remove('water plants')\nremove('buy milk')"),
    state("Add the to-do 'book flights'.", f"{ALL}[5:] == ['book flights'] and not todos()[5]['urgent']",
          "add('book flights')", "add('book a flight')", "add('book flights')\nadd('book flights')",
          "finish('buy milk')"),
    state("Add an urgent to-do called 'see the dentist'.",
          "[t for t in todos()[5:]] == [{'title': 'see the dentist', 'done': False, 'urgent': True}]",
          "add('see the dentist', urgent=True)", "add('see the dentist')", "add('dentist', urgent=True)",
          "add('see the dentist', urgent=True)\nfinish('see the dentist')"),
    state("I have mended the bike. Mark that as done.", f"{DONE} == ['mend the bike']", "finish('mend the bike')",
          "remove('mend the bike')", "finish('pay rent')", "finish('mend the bike')\nfinish('pay rent')"),
    answer("How many to-dos are still open?", "answer == sum(not t['done'] for t in todos())",
           "result = sum(not t['done'] for t in todos())", "result = 4", "result = 6", "result = 'call Emma'"),
    answer("Which to-do is urgent? Answer with its title.",
           "answer == [t['title'] for t in todos() if t['urgent']][0]",
           "result = [t['title'] for t in todos() if t['urgent']][0]",
           "result = 'buy milk'", "result = 'call Emma'", "result = 'urgent'"),
    answer("Which to-do has the longest title? Answer with the title.",
           "answer == max((t['title'] for t in todos()), key=len)",
           "result = max((t['title'] for t in todos()), key=len)",
           "result = 'buy milk'", "result = 'pay rent'", "result = 'water plants'"),
    task("Mark 'call Emma' as done and tell me how many to-dos are still open.",
         f"def evaluate(answer):\n    return answer == len({OPEN}) and {DONE} == ['call Emma']",
         "finish('call Emma')\nresult = sum(not t['done'] for t in todos())",
         "finish('buy milk')\nresult = 4", "finish('call Emma')\nresult = 5", "result = 4"),
    task("Remove the urgent to-do and tell me what it was called.",
         f"def evaluate(answer):\n    return answer == 'pay rent' and "
         f"{ALL} == ['buy milk', 'call Emma', 'water plants', 'mend the bike']",
         "urgent = [t['title'] for t in todos() if t['urgent']][0]\nremove(urgent)\nresult = urgent",
         "remove('buy milk')\nresult = 'buy milk'", "result = 'pay rent'", "remove('pay rent')\nresult = 'rent'"),
    task("Add the to-do 'write to Ann', and tell me how many to-dos the list has then.",
         f"def evaluate(answer):\n    return answer == 6 and {ALL}[5:] == ['write to Ann'] "
         "and not todos()[5]['urgent']",
         "add('write to Ann')\nresult = len(todos())", "result = 6", "add('write to Ann')\nresult = 5",
         "add('write Ann')\nresult = 6"),
    task("Remove 'buy milk', and tell me which to-do is then the first of the list.",
         f"def evaluate(answer):\n    return answer == 'call Emma' and "
         f"{ALL} == ['call Emma', 'water plants', 'pay rent', 'mend the bike']",
         "remove('buy milk')\nresult = todos()[0]['title']", "result = 'call Emma'",
         "remove('buy milk')\nresult = 'water plants'", "finish('buy milk')\nresult = 'call Emma'"),
]  # fmt: skip

LENT = "{t: find_book(t)['lent_to'] for t in list_books()}"
START = "{'Emma': None, 'Dracula': 'Mina', 'Middlemarch': None, 'Ulysses': 'Molly'}"
SHELVES = "{t: find_book(t)['shelf'] for t in list_books()}"

LIBRARY_TASKS = [
    state("Lend Emma to Ann.", f"{LENT} == {{**{START}, 'Emma': 'Ann'}}", "lend('Emma', 'Ann')",
          "lend('Middlemarch', 'Ann')", "lend('Emma', 'Bob')", "take_back('Dracula')"),
    state("Mina brings Dracula back.", f"{LENT} == {{**{START}, 'Dracula': None}}", "take_back('Dracula')",
          "take_back('Ulysses')", "lend('Emma', 'Mina')", "take_back('Dracula')\nlend('Dracula', 'Ann')"),
    state("Ulysses comes back, and Bob takes it along.", f"{LENT} == {{**{START}, 'Ulysses': 'Bob'}}",
          "take_back('Ulysses')\nlend('Ulysses', 'Bob')", "take_back('Ulysses')", "lend('Emma', 'Bob')",
          "take_back('Ulysses')\nlend('Ulysses', 'Ann')"),
    state("Put Middlemarch on the south shelf.",
          f"{SHELVES} == {{'Emma': 'north', 'Dracula': 'south', 'Middlemarch': 'south', 'Ulysses': 'cellar'}}",
          "shelve('Middlemarch', 'south')", "shelve('Emma', 'south')", "shelve('Middlemarch', 'cellar')",
          "lend('Middlemarch', 'Ann')"),
    state("Emma belongs in the cellar from now on.",
          f"{SHELVES} == {{'Emma': 'cellar', 'Dracula': 'south', 'Middlemarch': 'north', 'Ulysses': 'cellar'}}",
          "shelve('Emma', 'cellar')", "shelve('Emma', 'south')", "shelve('Dracula', 'cellar')",
          "lend('Emma', 'Ann')"),
    state("Lend both Emma and Middlemarch to Carl.",
          f"{LENT} == {{**{START}, 'Emma': 'Carl', 'Middlemarch': 'Carl'}}",
          "lend('Emma', 'Carl')\nlend('Middlemarch', 'Carl')", "lend('Emma', 'Carl')",
          "lend('Middlemarch', 'Carl')", "lend('Emma', 'Carl')\nlend('Middlemarch', 'Ann')"),
    answer("Who has Dracula?", "answer == find_book('Dracula')['lent_to']",
           "result = find_book('Dracula')['lent_to']", "result = 'Molly'", "result = 'Ann'", "result = 'Dracula'"),
    answer("What is Ulysses worth?", "abs(answer - find_book('Ulysses')['price']) < 0.005",
           "result = find_book('Ulysses')['price']", "result = 12.5", "result = 17", "result = 20.0"),
    answer("How many books are lent out?",
           "answer == sum(find_book(t)['lent_to'] is not None for t in list_books())",
           "result = sum(find_book(t)['lent_to'] is not None for t in list_books())",
           "result = 1", "result = 3", "result = 4"),
    answer("Which book is worth most? Answer with its title.",
           "answer == max(list_books(), key=lambda t: find_book(t)['price'])",
           "result = max(list_books(), key=lambda t: find_book(t)['price'])",
           "result = 'Ulysses'", "result = 'Emma'", "result = 'Dracula'"),
    answer("What are Emma and Middlemarch worth together?", "abs(answer - 32.5) < 0.005",
           "result = find_book('Emma')['price'] + find_book('Middlemarch')['price']",
           "result = 12.5", "result = 20.0", "result = 29.75"),
    task("Molly brings Ulysses back. How many books are lent out then?",
         f"def evaluate(answer):\n    return answer == 1 and {LENT} == {{**{START}, 'Ulysses': None}}",
         "take_back('Ulysses')\nresult = sum(find_book(t)['lent_to'] is not None for t in list_books())",
         "result = 1", "take_back('Ulysses')\nresult = 2", "take_back('Dracula')\nresult = 1"),
    task("Lend Middlemarch to Dora, and tell me which shelf she finds it on.",
         f"def evaluate(answer):\n    return answer == 'north' and {LENT} == {{**{START}, 'Middlemarch': 'Dora'}}",
         "lend('Middlemarch', 'Dora')\nresult = find_book('Middlemarch')['shelf']",
         "result = 'north'", "lend('Middlemarch', 'Dora')\nresult = 'south'", "lend('Emma', 'Dora')\nresult = 'north'"),
    task("Lend Emma to Finn and tell me what the book is worth.",
         f"def evaluate(answer):\n    return answer == 12.5 and {LENT} == {{**{START}, 'Emma': 'Finn'}}",
         "lend('Emma', 'Finn')\nresult = find_book('Emma')['price']", "result = 12.5",
         "lend('Emma', 'Finn')\nresult = 20.0", "lend('Middlemarch', 'Finn')\nresult = 12.5"),
]  # fmt: skip

DAY = "[(e['title'], e['hour'], e['room']) for e in agenda('2026-05-04')]"

CALENDAR_TASKS = [
    state("Move the chess club to 7 May 2026.", "find_event('Chess club')['day'] == '2026-05-07'",
          "move('Chess club', '2026-05-07')", "move('Chess club', '2026-05-06')", "move('Yoga', '2026-05-07')",
          "schedule('Chess', '2026-05-07', 17, 'attic')"),
    state("Cancel the staff meeting.", f"{DAY} == [('Choir', 18, 'attic')]", "cancel('Staff meeting')",
          "cancel('Choir')", "cancel('Staff meeting')\ncancel('Choir')", "move('Choir', '2026-05-05')"),
    state("Put a reading called 'Poems' into the calendar: 8 May 2026, 19 o'clock, in the attic.",
          "agenda('2026-05-08') == [{'title': 'Poems', 'day': '2026-05-08', 'hour': 19, 'room': 'attic'}]",
          "schedule('Poems', '2026-05-08', 19, 'attic')", "schedule('Poems', '2026-05-08', 19)",
          "schedule('Poems', '2026-05-08', 18, 'attic')", "schedule('Poems', '2026-05-09', 19, 'attic')"),
    state("Yoga is to take place on 5 May 2026.", "find_event('Yoga')['day'] == '2026-05-05'",
          "move('Yoga', '2026-05-05')", "move('Yoga', '2026-05-04')", "cancel('Choir')",
          "move('Choir', '2026-05-05')"),
    answer("How many events are there on 4 May 2026?", "answer == len(agenda('2026-05-04'))",
           "result = len(agenda('2026-05-04'))", "result = 1", "result = 3", "result = 0"),
    answer("At which hour does the choir begin?", "answer == find_event('Choir')['hour']",
           "result = find_event('Choir')['hour']", "result = 9", "result = 17", "result = 8"),
    answer("In which room does the chess club meet?", "answer == find_event('Chess club')['room']",
           "result = find_event('Chess club')['room']", "result = 'hall'", "result = 'cellar'", "result = 'club'"),
    answer("What is the first event on 4 May 2026? Answer with its title.",
           "answer == agenda('2026-05-04')[0]['title']", "result = agenda('2026-05-04')[0]['title']",
           "result = 'Choir'", "result = 'Yoga'", "result = 'Chess club'"),
    task("Cancel the choir. What is left on 4 May 2026? Answer with the title.",
         f"def evaluate(answer):\n    return answer == 'Staff meeting' and {DAY} == [('Staff meeting', 9, 'hall')]",
         "cancel('Choir')\nresult = agenda('2026-05-04')[0]['title']", "result = 'Staff meeting'",
         "cancel('Choir')\nresult = 'Choir'", "cancel('Staff meeting')\nresult = 'Staff meeting'"),
    task("Move yoga to 4 May 2026, and tell me how many events that day has then.",
         "def evaluate(answer):\n    return answer == 3 and find_event('Yoga')['day'] == '2026-05-04' "
         "and len(agenda('2026-05-04')) == 3",
         "move('Yoga', '2026-05-04')\nresult = len(agenda('2026-05-04'))", "result = 3",
         "move('Yoga', '2026-05-04')\nresult = 2", "move('Chess club', '2026-05-04')\nresult = 3"),
    task("Move the chess club to 6 May 2026. In which room does it meet?",
         "def evaluate(answer):\n    return answer == 'attic' and find_event('Chess club')['day'] == '2026-05-06'",
         "move('Chess club', '2026-05-06')\nresult = find_event('Chess club')['room']", "result = 'attic'",
         "move('Chess club', '2026-05-06')\nresult = 'hall'", "move('Choir', '2026-05-06')\nresult = 'attic'"),
    task("Put 'Jam session' into the calendar on 9 May 2026 at 20 o'clock in the hall, and tell me how many "
         "events that day has.",
         "def evaluate(answer):\n    day = agenda('2026-05-09')\n    return answer == 1 and day == "
         "[{'title': 'Jam session', 'day': '2026-05-09', 'hour': 20, 'room': 'hall'}]",
         "schedule('Jam session', '2026-05-09', 20, 'hall')\nresult = len(agenda('2026-05-09'))", "result = 1",
         "schedule('Jam session', '2026-05-09', 21, 'hall')\nresult = 1",
         "schedule('Jam session', '2026-05-09', 20, 'hall')\nresult = 0"),
    task("When does the staff meeting begin? Tell me the hour, and cancel it.",
         f"def evaluate(answer):\n    return answer == 9 and {DAY} == [('Choir', 18, 'attic')]",
         "result = find_event('Staff meeting')['hour']\ncancel('Staff meeting')", "result = 9",
         "cancel('Staff meeting')\nresult = 18", "cancel('Choir')\nresult = 9"),
]  # fmt: skip

EMMA, RENT, ULYSSES = TODO_TASKS[0], TODO_TASKS[10], LIBRARY_TASKS[11]
WHO, WORTH, MOVE, CHOIR = LIBRARY_TASKS[6], LIBRARY_TASKS[7], CALENDAR_TASKS[0], CALENDAR_TASKS[5]
COUNT = TODO_TASKS[6]


def broken(sound: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {**sound, **changes}


BROKEN: list[tuple[type[Any], str, dict[str, Any]]] = [
    (TodoList, "any to-do will do", broken(EMMA, evaluate="def evaluate():\n    return any(t['done'] for t in todos())",
                                           solution="print(todos())\nfinish('call Emma')",
                                           failures=["add('x')", "add('y')", "remove('call Emma')"])),
    (TodoList, "true from the start", broken(EMMA, evaluate="def evaluate():\n    return len(todos()) == 5")),
    (TodoList, "always true", broken(EMMA, evaluate="def evaluate():\n    return True")),
    (TodoList, "the solution does something else", broken(EMMA, solution="finish('buy milk')")),
    (TodoList, "the solution raises", broken(EMMA, solution="finish('phone Emma')")),
    (TodoList, "a failure case passes", broken(EMMA, failures=["finish('call Emma')", *EMMA["failures"][:2]])),
    (TodoList, "no tool of that name", broken(EMMA, solution="complete('call Emma')")),
    (TodoList, "the title is not said", broken(EMMA, instruction="Mark one of the to-dos as done, please.")),
    (TodoList, "any answer will do", broken(COUNT, evaluate="def evaluate(answer):\n    return answer is not None")),
    (TodoList, "any number will do", broken(COUNT, evaluate="def evaluate(answer):\n    return answer > 4")),
    (TodoList, "the answer alone counts", broken(RENT, evaluate="def evaluate(answer):\n    return answer == 'pay rent'")),
    (Library, "any reader will do", broken(LIBRARY_TASKS[0],
                                           evaluate="def evaluate():\n    return find_book('Emma')['lent_to'] is not None")),
    (Library, "the reader is not said", broken(LIBRARY_TASKS[0], instruction="Lend Emma to somebody.")),
    (Library, "a text that contains it", broken(WHO, evaluate="def evaluate(answer):\n    return 'Mina' in str(answer)")),
    (Library, "far off is near enough", broken(WORTH, evaluate="def evaluate(answer):\n    return abs(answer - 17) < 9")),
    (Library, "evaluate returns no truth value", broken(ULYSSES, evaluate="def evaluate(answer):\n    return answer")),
    (Library, "evaluate is random", broken(WHO, evaluate="import random\ndef evaluate(answer):\n"
                                           "    return answer == 'Mina' and random.random() < 0.5")),
    (Calendar, "any day will do", broken(MOVE, evaluate="def evaluate():\n"
                                         "    return find_event('Chess club')['day'] != '2026-05-05'",
                                         solution="print(find_event('Yoga'))\nmove('Chess club', '2026-05-07')",
                                         failures=["cancel('Yoga')", "move('Yoga', '2026-05-07')",
                                                   "schedule('Chess', '2026-05-07', 17, 'attic')"])),
    (Calendar, "the day is not said", broken(MOVE, instruction="Move the chess club to another day.")),
    (Calendar, "too few failure cases", broken(CHOIR, failures=CHOIR["failures"][:1])),
]  # fmt: skip


def judge_all(cls: type[Any], tasks: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    with open_sandbox("process") as sandbox:
        verdicts: list[Verdict] = judge(list(tasks), open_environment(cls), sandbox)
        return verdicts


@pytest.mark.slow
def test_sound_tasks_of_all_forms_are_kept() -> None:
    asked = [(TodoList, TODO_TASKS), (Library, LIBRARY_TASKS), (Calendar, CALENDAR_TASKS)]
    assert sum(len(tasks) for _, tasks in asked) == 40
    refused = [
        f"{task['instruction']} -> {verdict.stage}: {verdict.reason}"
        for cls, tasks in asked
        for task, verdict in zip(tasks, judge_all(cls, tasks), strict=True)
        if not verdict.passed
    ]
    assert len(refused) <= 40 - FEWEST_KEPT, "\n".join(refused)


@pytest.mark.slow
def test_broken_tasks_of_the_same_forms_are_refused() -> None:
    assert len(BROKEN) == 20
    kept = []
    for environment in (TodoList, Library, Calendar):
        ours = [(what, task) for cls, what, task in BROKEN if cls is environment]
        verdicts = judge_all(environment, [task for _, task in ours])
        kept += [what for (what, _), verdict in zip(ours, verdicts, strict=True) if verdict.passed]
    assert kept == []
