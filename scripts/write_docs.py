"""Writes the documentation that the program can write itself: docs/cli.md, docs/manifest.md,
docs/reference/, parts of docs/plugins/KIND.md, and the examples in README.md, docs/plugins.md,
docs/write_a_trainer.md and docs/tutorial/.

python scripts/write_docs.py           write them
python scripts/write_docs.py --check   exit 1 when they are not what the program prints
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import click
import docs_api
import docs_plugins
import docs_reference
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from selfchal.cli.main import COMMANDS, cli
from selfchal.core.judge import STANDARD_CHECKS
from selfchal.pipeline.manifest import ManifestModel, PluginSection
from selfchal.pipeline.manifest.choices import PLUGIN_KINDS
from selfchal.pipeline.manifest.schema import LISTS
from selfchal.plugins import load_plugins
from selfchal.plugins.describe_options import describe_options

WIDTH = 100


def cli_page() -> str:
    parts = ["# The command line", "", "Written by `make docs`; every text is the program's own.", ""]
    for path, command in [("selfchal", cli), *_list_commands()]:
        context = click.Context(command, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH)
        parts += [f"## {path}", "", "```", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(parts)


def _list_commands() -> Iterator[tuple[str, click.Command]]:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield f"selfchal {name}", command
        for inner, sub in getattr(command, "commands", {}).items():
            yield f"selfchal {name} {inner}", sub


def manifest_page() -> str:
    parts = [
        "# The manifest",
        "",
        "YAML or TOML. Written by `make docs` from the program's own schema.",
        "",
        "## The sections that name plugins",
        "",
        "Each holds `name` and that plugin's own options; an option that it does not have is an error.",
        "`only: {NAME: {…}}` there holds options for when `name` is NAME: plugins are swapped by that alone.",
        "A list holds such sections. Each of `checks` may also say `enabled: false`: the judge then does",
        f"without that check. The standard ones ({', '.join(f'`{name}`' for name in STANDARD_CHECKS)})",
        "judge where they are not named, too.",
        "",
        *_write_plugin_sections(),
        "",
        *_write_sections(ManifestModel),
    ]
    for item in load_plugins().all():
        if item.package == "selfchal":
            parts += [f"## {item.kind} `{item.name}`", "", item.summary, "", *_write_table(item.cls.Config)]
    return "\n".join(parts)


def _write_plugin_sections() -> Iterator[str]:
    yield "| section | kind of plugin | default | |"
    yield "| --- | --- | --- | --- |"
    kinds: dict[str, str] = {"environment": "environment", **PLUGIN_KINDS}
    kinds |= {section: f"list of {kind}" for section, kind in LISTS.items()}
    for section, field in ManifestModel.model_fields.items():
        if section in kinds:
            default = field.default.name if isinstance(field.default, PluginSection) else "none"
            default = "required" if field.is_required() else default
            text = " ".join((field.description or "").split())
            yield f"| `{section}` | {kinds[section]} | {default} | {text} |"


def _write_sections(model: type[BaseModel]) -> Iterator[str]:
    plain = {}
    for name, field in model.model_fields.items():
        inner: Any = _strip_optional(field.annotation)
        is_section = isinstance(inner, type) and issubclass(inner, BaseModel)
        if is_section and inner.model_config.get("extra") == "forbid":  # a plugin's section allows more
            yield from (f"## `{name}`", "", *_write_table(inner))
        elif name in ("rounds", "plugins"):
            plain[name] = field
    yield from ("## At the top", "", *_rows(plain), "")


def _strip_optional(annotation: Any) -> Any:
    given = [part for part in get_args(annotation) if part is not type(None)]
    return given[0] if given and get_origin(annotation) in (Union, UnionType) else annotation


def _write_table(model: type[BaseModel]) -> list[str]:
    return [*_rows(model.model_fields), ""] if model.model_fields else ["No options.", ""]


def _rows(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    yield "| option | type | default | |"
    yield "| --- | --- | --- | --- |"
    for option in describe_options(fields):
        default = option.default if option.default == "required" else f"`{option.default}`"
        kind, text = (part.replace("|", "\\|") for part in (option.type, option.text))
        yield f"| `{option.name}` | {kind} | {default} | {text} |"


def with_examples(path: Path, text: str | None = None) -> str:
    """The page with every file between ``<!-- begin FILE -->`` and ``<!-- end -->`` put in anew.

    ``FILE:NAME`` and ``FILE:CLASS.NAME`` put in one class or function of a Python file.
    """

    def block(found: re.Match[str]) -> str:
        file, _, name = found[1].partition(":")
        code = (ROOT / file).read_text(encoding="utf-8")
        language = {".py": "python", ".yaml": "yaml"}[Path(file).suffix]
        part = _cut_out(code, name.split(".")) if name else code
        return f"<!-- begin {found[1]} -->\n```{language}\n{part}```\n<!-- end -->"

    return _EXAMPLE.sub(block, path.read_text(encoding="utf-8") if text is None else text)


def _add_examples(path: Path, page: Callable[[], str]) -> Callable[[], str]:
    return lambda: with_examples(path, page())


def _cut_out(code: str, names: list[str]) -> str:
    """The source of a class or function with its decorators, moved to the left margin."""
    body: list[ast.stmt] = ast.parse(code).body
    for name in names:
        (node,) = [
            node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name
        ]
        body = node.body
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = code.splitlines(keepends=True)[first - 1 : node.end_lineno]
    return textwrap.dedent("".join(lines))


ROOT = Path(__file__).parents[1]
_EXAMPLE = re.compile(r"<!-- begin (\S+/\S+) -->.*?<!-- end -->", re.DOTALL)
TUTORIAL = ROOT / "docs" / "tutorial" / "your-tools.md"
ONE_GPU = ROOT / "docs" / "tutorial" / "one-gpu.md"
PAGES: dict[Path, Callable[[], str]] = {
    ROOT / "docs" / "cli.md": cli_page,
    ROOT / "docs" / "manifest.md": manifest_page,
    docs_api.PAGE: docs_api.api_page,
    docs_reference.METRICS_PAGE: docs_reference.metrics_page,
    docs_reference.STORE_PAGE: docs_reference.store_page,
    **{path: _add_examples(path, page) for path, page in docs_plugins.list_pages().items()},
    ROOT / "docs" / "plugins.md": lambda: with_examples(ROOT / "docs" / "plugins.md"),
    ROOT / "docs" / "write_a_trainer.md": lambda: with_examples(ROOT / "docs" / "write_a_trainer.md"),
    TUTORIAL: lambda: with_examples(TUTORIAL),
    ONE_GPU: lambda: with_examples(ONE_GPU),
    ROOT / "README.md": lambda: with_examples(ROOT / "README.md"),
}


def main() -> int:
    stale = []
    for path, page in PAGES.items():
        text = page()
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        print(f"out of date: {', '.join(stale)}; run: make docs", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
