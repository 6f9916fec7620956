"""``selfchal doctor``: what this machine can and cannot do, without running anything of a model."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from selfchal.api.running import load_manifest
from selfchal.cli.footprint import (
    describe_memory,
    gpus_option,
    list_memory_lines,
    refuse_what_does_not_fit,
)
from selfchal.cli.manifest import set_option
from selfchal.cli.systems import describe_system
from selfchal.cli.terminal import say_json, say_listing
from selfchal.core.errors import SelfchalError
from selfchal.core.requirement import Requirement
from selfchal.pipeline.footprint import measure_footprint
from selfchal.pipeline.gpus import Gpus, find_gpus
from selfchal.pipeline.manifest import Manifest, parse_config
from selfchal.pipeline.requirements import find_unfit_checks, requirements_of
from selfchal.plugins import Plugins, load_plugins

ENGINE_SECONDS = 900.0  # a cluster that grows takes minutes


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@set_option
@gpus_option
@click.option(
    "--engine", help="Play a small desk on this engine, with the manifest's options where it names it."
)
@click.option("--json", "as_json", is_flag=True, help="Print GPUs and the manifest's memory alone, as JSON.")
@click.pass_context
def doctor(
    ctx: click.Context,
    file: Path | None,
    overrides: tuple[str, ...],
    gpus: Gpus | None,
    engine: str | None,
    as_json: bool,
) -> None:
    """Say what this machine can do, and whether its GPUs have room for a manifest."""
    if overrides and file is None:
        raise click.UsageError("--set changes a manifest: name its file")
    manifest = load_manifest(file, overrides) if file else None
    if engine is not None:
        ctx.exit(0 if _try_engine(engine, manifest) else 1)
    found = gpus or find_gpus()
    footprint = measure_footprint(manifest, found) if manifest else None
    if as_json:
        say_json({"gpus": found and found.describe(), "memory": describe_memory(footprint)})
    else:
        _describe_machine()
        say_listing(f"GPUs       {found or 'none found'}")
        if manifest:
            say_listing("\n".join(line.removeprefix("  ") for line in list_memory_lines(footprint, manifest)))
    refuse_what_does_not_fit(footprint)


def _try_engine(name: str, manifest: Manifest | None) -> bool:
    """Does it play and judge as this process does, also where a worker is lost? A line tells of each rule."""
    from selfchal.testing.checking import Result, list_cases, run_cases
    from selfchal.testing.conformance import CaseLevel

    options: dict[str, Any] = {}
    if manifest and manifest.engine.name == name:
        options = manifest.engine.config.model_dump()
    cases = list_cases("engine", load_plugins().find("engine", name), options, CaseLevel.SEMANTIC)
    reports = run_cases(
        cases,
        ENGINE_SECONDS,
        lambda report: say_listing(f"{report.result:10} {report.rule} {report.seen}".rstrip()),
    )
    return all(report.result is Result.KEPT for report in reports)


def _describe_machine() -> None:
    say_listing(f"python     {platform.python_version()} on {platform.system()} {platform.machine()}")
    for sentence in describe_system(sys.platform):
        say_listing(f"system     {sentence}")
    say_listing(f"cores      {os.cpu_count()}")
    say_listing(f"disk here  {shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free")
    say_listing(f"torch      {_describe_torch()}")
    plugins = load_plugins()
    for install, requirements in _group_requirements(plugins).items():
        say_listing(f"extra      {install}: {_describe_requirements(install, requirements)}")
    for name in plugins.names("sandbox"):
        say_listing(f"sandbox    {name}: {_try_sandbox(plugins.find('sandbox', name))}")
    for kind in ("model", "trainer"):
        for line in _list_ready(plugins, kind):
            say_listing(f"{f'{kind}s':9}  {line}")
    for failure in plugins.failures:
        say_listing(f"failed     {failure}")


def _try_sandbox(cls: type[Any]) -> str:
    """Can it be had here, and what does it guarantee?"""
    try:
        made = cls(parse_config(cls.Config, {}, cls.name))
    except SelfchalError as error:
        return f"not here. {error}"
    weak = [guarantee for guarantee, level in made.guarantees.levels.items() if level != "full"]
    unfit = find_unfit_checks(cls)
    made.close()
    promised = f"all but {', '.join(weak)}" if weak else "everything"
    but = f"; the check {', '.join(unfit)} cannot be made in it" if unfit else ""
    return f"tier {made.guarantees.tier}, fully guarantees {promised}{but}"


def _list_ready(plugins: Plugins, kind: str) -> Iterator[str]:
    """The plugins whose packages are installed, and those that lack some."""
    items = [item for item in plugins.all() if item.kind == kind]
    lacking = {
        item.name for item in items if any(not r.installed for r in requirements_of(item.cls) if not r.when)
    }
    ready = [item.name for item in items if item.name not in lacking]
    yield f"ready: {', '.join(ready) or 'none'}"
    if lacking:
        yield f"not ready, for want of packages (see extra): {', '.join(sorted(lacking))}"


def _is_complete(cls: type[Any]) -> bool:
    """Is all installed that the plugin needs whatever its options?"""
    return all(one.installed for one in requirements_of(cls) if one.when is None)


def _describe_torch() -> str:
    """In a line: version and accelerator."""
    if find_spec("torch") is None:
        return "not installed: models behind endpoints can be used, and nothing can be trained"
    try:
        import torch
    except ImportError as error:
        return f"cannot be imported: {error}; {sys.executable} -m pip install --force-reinstall torch"
    if torch.cuda.is_available():
        return f"{torch.__version__}, GPU {torch.cuda.get_device_name(0)}"
    return f"{torch.__version__}, no GPU: the embedded model trains on the CPU, large ones need one"


def _group_requirements(plugins: Plugins) -> dict[str, dict[Requirement, list[str]]]:
    """What the installed plugins may need, by what pip would be asked for, and who needs it."""
    found: dict[str, dict[Requirement, list[str]]] = {}
    for item in plugins.all():
        for requirement in requirements_of(item.cls):
            unconditional = replace(requirement, when=None)  # that of one plugin equals that of another
            users = found.setdefault(requirement.install, {}).setdefault(unconditional, [])
            users.append(item.name if requirement.when is None else f"{item.name} with some options")
    return dict(sorted(found.items()))


def _describe_requirements(install: str, requirements: Mapping[Requirement, Sequence[str]]) -> str:
    """The versions of these modules, or who can do what only with them and how to get them."""
    missing = [one for one in requirements if not one.installed]
    if not missing:
        packages = packages_distributions()
        return ", ".join(f"{one.module} {_find_version(one.module, packages)}" for one in requirements)
    users = dict.fromkeys(user for one in missing for user in requirements[one])
    return f"not installed, needed by {', '.join(users)} (pip install '{install}')"


def _find_version(module: str, packages: Mapping[str, Sequence[str]]) -> str:
    return version(packages[module][0]) if module in packages else "of unknown version"
