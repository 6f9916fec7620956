"""``selfchal doctor``: what this machine can and cannot do, without running anything of a model."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from selfchal.core.errors import SelfchalError
from selfchal.pipeline.manifest import parse_config
from selfchal.plugins import load_plugins

EXTRAS = {
    "trl": "trl",
    "peft": "peft",
    "vllm": "vllm",
    "openai": "openai",
    "docker": "docker",
    "pydantic_monty": "monty",
}


@click.command()
def doctor() -> None:
    """Say what this machine can and cannot do."""
    click.echo(f"python     {platform.python_version()} on {platform.system()} {platform.machine()}")
    click.echo(f"cores      {os.cpu_count()}")
    click.echo(f"disk here  {shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free")
    click.echo(f"torch      {_describe_torch()}")
    for module, extra in EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        click.echo(
            f"{extra:10} "
            f"{_find_version(module) if there else f'not installed (pip install selfchal[{extra}])'}"
        )
    plugins = load_plugins()
    for name in plugins.names("sandbox"):
        cls = plugins.find("sandbox", name)
        try:
            made = cls(parse_config(cls.Config, {}, name))
        except SelfchalError as error:
            click.echo(f"sandbox    {name}: not here. {error}")
            continue
        weak = [guarantee for guarantee, level in made.guarantees.levels.items() if level != "full"]
        but = f"all but {', '.join(weak)}" if weak else "everything"
        click.echo(f"sandbox    {name}: tier {made.guarantees.tier}, fully guarantees {but}")
        made.close()
    for failure in plugins.failures:
        click.echo(f"failed     {failure}")


def _describe_torch() -> str:
    """In a line: version and accelerator."""
    try:
        import torch
    except ImportError as error:
        return (
            f"cannot be imported: {error}; reinstall selfchal with {sys.executable} -m pip install selfchal"
        )
    if torch.cuda.is_available():
        return f"{torch.__version__}, GPU {torch.cuda.get_device_name(0)}"
    return f"{torch.__version__}, no GPU: the embedded model trains on the CPU, large ones need one"


def _find_version(module: str) -> str:
    try:
        return version(module.replace("_", "-"))
    except PackageNotFoundError:
        return "installed, version unknown"
