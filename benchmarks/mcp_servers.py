"""How fast tasks are judged, and tools called, on a real MCP server: npm's server-memory.

python benchmarks/mcp_servers.py                        200 tasks in this process, in threads
python benchmarks/mcp_servers.py --processes 3          the same in three judging processes
python benchmarks/mcp_servers.py --server PATH          the server's dist/index.js; else npm installs it

Needs node and npm. The tasks are of four kinds, about fifty people, and no two are alike. Beside the wall's
seconds it counts those of the processors that this program and all of its processes used, which other work on
the machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import selfchal

PACKAGE = "@modelcontextprotocol/server-memory"
PEOPLE = [f"Person {chr(65 + i % 26)}{chr(97 + i // 26)}" for i in range(50)]
COMPANIES = [f"Company {chr(65 + i)}" for i in range(8)]
HOBBIES = ["chess", "rowing", "painting", "cooking", "hiking", "singing", "judo"]
TOWNS = ["Rome", "Oslo", "Lima", "Cairo", "Quito"]


def install(folder: Path) -> Path:
    """The server's program, which npm puts into the folder."""
    subprocess.run(["npm", "install", "--silent", "--prefix", str(folder), PACKAGE], check=True)
    return folder / "node_modules" / PACKAGE / "dist" / "index.js"


def list_rows() -> Iterator[dict[str, Any]]:
    """The graph: fifty people, their hobbies and towns, and for whom they work."""
    for i, name in enumerate(PEOPLE):
        observations = [f"likes {HOBBIES[i % 7]}", f"lives in {TOWNS[i % 5]}"]
        yield {"type": "entity", "name": name, "entityType": "person", "observations": observations}
    for name in COMPANIES:
        yield {"type": "entity", "name": name, "entityType": "company", "observations": []}
    for i, name in enumerate(PEOPLE):
        yield {"type": "relation", "from": name, "to": COMPANIES[i % 8], "relationType": "works_at"}


def make_task(number: int) -> dict[str, Any]:
    """One of four kinds, in turn."""
    kind, i = number % 4, number // 4
    name, other, company = PEOPLE[i], PEOPLE[(i + 1) % 50], COMPANIES[i % 8]
    rival = COMPANIES[(i + 1) % 8]
    if kind == 0:
        return {
            "instruction": f"Delete the entity '{name}' from the graph.",
            "evaluate": "def evaluate():\n    names = [e['name'] for e in read_graph()['entities']]\n"
            f"    return {name!r} not in names and {other!r} in names and {company!r} in names",
            "solution": f"delete_entities(entityNames=[{name!r}])",
            "failures": [f"delete_entities(entityNames=[{n!r}])" for n in (other, company)]
            + [f"delete_entities(entityNames=[{name!r}, {other!r}])"],
        }
    if kind == 1:
        return {
            "instruction": f"For which company does '{name}' work? Give its name.",
            "evaluate": f"def evaluate(answer):\n    return answer == {company!r}",
            "solution": f"found = open_nodes(names=[{name!r}])['relations']\n"
            "result = [r['to'] for r in found if r['relationType'] == 'works_at'][0]",
            "failures": [f"result = {wrong!r}" for wrong in (rival, name, other)],
        }
    if kind == 2:
        hobbies = [f"likes {HOBBIES[i % 7]}", f"lives in {TOWNS[i % 5]}", "owns a red bike"]
        call = "add_observations(observations=[{{'entityName': {0!r}, 'contents': [{1!r}]}}])"
        return {
            "instruction": f"Note about '{name}': 'owns a red bike'.",
            "evaluate": f"def evaluate():\n    found = open_nodes(names=[{name!r}])['entities'][0]\n"
            f"    return found['observations'] == {hobbies!r}",
            "solution": call.format(name, "owns a red bike"),
            "failures": [
                call.format(other, "owns a red bike"),
                call.format(name, "owns a blue bike"),
                "delete_observations(deletions="
                f"[{{'entityName': {name!r}, 'observations': {hobbies[:1]!r}}}])",
            ],
        }
    move = (
        "delete_relations(relations=[{{'from': {0!r}, 'to': {1!r}, 'relationType': 'works_at'}}])\n"
        "create_relations(relations=[{{'from': {0!r}, 'to': {2!r}, 'relationType': 'works_at'}}])"
    )
    return {
        "instruction": f"'{name}' works at '{rival}' now and not at '{company}' any more. Change the graph.",
        "evaluate": f"def evaluate():\n    found = open_nodes(names=[{name!r}])['relations']\n"
        "    return [(r['to'], r['relationType']) for r in found if r['from'] == "
        f"{name!r}] == [({rival!r}, 'works_at')]",
        "solution": move.format(name, company, rival),
        "failures": [
            move.format(other, COMPANIES[(i + 1) % 8], COMPANIES[(i + 2) % 8]),
            move.format(name, company, COMPANIES[(i + 3) % 8]),
            move.format(name, company, rival).splitlines()[1],
        ],
    }


def count_cpu_seconds() -> float:
    """Of this process and of all that it started, those that have ended included."""
    parents, ticks = dict[int, int](), dict[int, int]()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(entry.name)] = int(fields[1])
        ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    ours = [pid for pid in ticks if _descends(pid, os.getpid(), parents)]
    return sum(ticks[pid] for pid in ours) / os.sysconf("SC_CLK_TCK")


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid != ancestor and pid in parents:
        pid = parents[pid]
    return pid == ancestor


def measure_calls(environment: Any, seconds: float, threads: int) -> tuple[float, float]:
    """Tool calls a second and a CPU second, each a new one, from so many threads with a world each."""
    before = count_cpu_seconds()
    counts = [0] * threads
    until = time.monotonic() + seconds

    def work(index: int) -> None:
        world = environment.open({})
        while time.monotonic() < until:
            counts[index] += 1
            text = f"{index}, {counts[index]}"
            if counts[index] % 2:
                made = world.call("create_entities", ([_make_entity(text)],), {})
            else:
                made = world.call("search_nodes", (text,), {})
            assert made.ok, made
            if counts[index] % 20 == 0:
                world.reset()

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds, sum(counts) / (count_cpu_seconds() - before)


def _make_entity(name: str) -> dict[str, Any]:
    return {"name": name, "entityType": "note", "observations": []}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", type=Path)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--processes", type=int, default=0, help="that judge beside this one")
    parser.add_argument("--servers", type=int, default=1, help="processes of the server itself")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = given.server or install(folder)
        graph = folder / "graph.jsonl"
        graph.write_text("\n".join(map(json.dumps, list_rows())))
        entry = {"command": "node", "args": [str(server)], "env": {"MEMORY_FILE_PATH": str(graph)}}
        section = {
            "name": "mcp",
            "servers": {"mcpServers": {"memory": entry}},
            "state": {"memory": {"file": str(graph)}},
            "processes": given.servers,
        }
        measure(section, given.tasks, given.processes)


def measure(section: dict[str, Any], count: int, processes: int) -> None:
    tasks = [make_task(number) for number in range(count)]
    started = time.monotonic()
    environment = selfchal.open_environment(section)
    print(f"opened in {time.monotonic() - started:.1f} s")
    started, before = time.monotonic(), count_cpu_seconds()
    judged = section if processes else environment
    verdicts = selfchal.judge(tasks, judged, processes=processes, secret="benchmark")
    seconds, used = time.monotonic() - started, count_cpu_seconds() - before
    passed = sum(verdict.passed for verdict in verdicts)
    print(f"{count} tasks in {seconds:.1f} s, {count / seconds:.2f} a second; {passed} passed")
    print(f"  {used:.1f} CPU seconds, {count / used:.2f} tasks in each")
    for reason in sorted({verdict.reason for verdict in verdicts if not verdict.passed})[:5]:
        print(f"  refused: {reason}")
    for threads in (1, 8):
        rate, cpu_rate = measure_calls(environment, 5, threads)
        print(f"{rate:.0f} calls a second from {threads} threads, {cpu_rate:.0f} in a CPU second")


if __name__ == "__main__":
    main()
