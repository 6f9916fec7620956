"""Manifests as files: YAML and TOML, overrides, what cannot be read, and the schema for editors."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from selfchal.core.errors import ManifestError
from selfchal.pipeline.manifest import manifest_schema, read_manifest


class Options(BaseModel, extra="forbid"):
    group_size: int = 8
    path: str = "x"


def test_yaml_and_toml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("rounds: 2\nmodel: {name: m, path: y}\n")
    (tmp_path / "m.toml").write_text('rounds = 2\n[model]\nname = "m"\npath = "y"\n')
    assert read_manifest(tmp_path / "m.yaml") == read_manifest(tmp_path / "m.toml")


def test_overrides_reach_into_sections_and_keep_their_types(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("model: {name: m}\n")
    rows = read_manifest(tmp_path / "m.yaml", ["trainer.group_size=4", "model.path=z", "a.b=[1, true]"])
    assert rows == {"model": {"name": "m", "path": "z"}, "trainer": {"group_size": 4}, "a": {"b": [1, True]}}


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("a: [", [], "not valid YAML"),
        ("- 1", [], "a mapping of sections"),
        ("", [], "a mapping of sections"),
        ("rounds: 1", ["rounds"], "write it as section.key=value"),
        ("rounds: 1", ["rounds.x=1"], "is not a section"),
        ("rounds: 1", ["rounds=["], "not valid YAML"),
    ],
)
def test_unreadable_manifests_say_why(tmp_path: Path, text: str, overrides: list[str], message: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path / "m.yaml", overrides)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="there is no manifest"):
        read_manifest(tmp_path / "none.yaml")


def test_the_schema_offers_every_plugin_with_its_own_options() -> None:
    schema = manifest_schema({"trainer": {"t": Options}, "model": {"m": Options}})
    assert schema["properties"]["model"] == {"anyOf": [{"$ref": "#/$defs/model.m"}]}
    assert schema["properties"]["trainer"] == {"anyOf": [{"$ref": "#/$defs/trainer.t"}, {"type": "null"}]}
    assert schema["$defs"]["trainer.t"]["properties"]["name"] == {"const": "t"}
    assert "group_size" in schema["$defs"]["trainer.t"]["properties"]
    assert schema["properties"]["rounds"]["description"]
    assert "enabled" not in schema["$defs"]["trainer.t"]["properties"]


def test_the_schema_lets_every_check_be_switched_off() -> None:
    schema = manifest_schema(
        {"check": {"c": Options}, "watcher": {"w": Options}, "environment": {"e": Options}}
    )
    assert schema["properties"]["checks"]["items"] == {"anyOf": [{"$ref": "#/$defs/checks.c"}]}
    switch = schema["$defs"]["checks.c"]["properties"]["enabled"]
    assert (switch["type"], switch["default"]) == ("boolean", True)
    assert "group_size" in schema["$defs"]["checks.c"]["properties"]
    assert "enabled" not in schema["$defs"]["watchers.w"]["properties"]
