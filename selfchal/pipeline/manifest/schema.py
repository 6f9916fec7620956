"""The JSON schema of manifests, with which an editor completes and checks them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from selfchal.core.world import Json
from selfchal.pipeline.manifest.choices import PLUGIN_KINDS, Kind
from selfchal.pipeline.manifest.sections import ManifestModel

LISTS: dict[str, Kind] = {"checks": "check", "watchers": "watcher", "environments": "environment"}


def manifest_schema(catalog_configs: Mapping[str, Mapping[str, type[BaseModel]]]) -> dict[str, Json]:
    """JSON schema of manifests for editors; ``catalog_configs`` is kind -> plugin name -> Config."""
    schema = ManifestModel.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    more = {
        section: {option: definitions[name]["properties"][option]}
        for section, name, option in (
            ("environments", "EnvironmentSection", "share"),
            ("checks", "CheckSection", "enabled"),
        )
    }
    for section, kind in {"environment": "environment", **PLUGIN_KINDS}.items():
        own = {"only": {"type": "object"}}
        variants = _add_variants(definitions, kind, catalog_configs.get(kind, {}), own)
        nullable = [{"type": "null"}] if ManifestModel.model_fields[section].default is None else []
        schema["properties"][section] = {"anyOf": [*variants, *nullable]}
    for section, kind in LISTS.items():
        own = {"only": {"type": "object"}, **more.get(section, {})}
        variants = _add_variants(definitions, section, catalog_configs.get(kind, {}), own)
        schema["properties"][section] |= {"items": {"anyOf": variants}}
    schema["anyOf"] = [{"required": [section]} for section in ("environment", "environments")]
    return schema


def _add_variants(
    definitions: dict[str, Json],
    prefix: str,
    configs: Mapping[str, type[BaseModel]],
    own: Mapping[str, Json],
) -> list[Json]:
    """A definition ``PREFIX.NAME`` for each plugin's options; references to them."""
    for name, config in sorted(configs.items()):
        variant = config.model_json_schema(ref_template=f"#/$defs/{prefix}.{name}/$defs/{{model}}")
        variant["properties"] = {"name": {"const": name}, **own, **variant.get("properties", {})}
        variant["required"] = ["name", *variant.get("required", [])]
        definitions[f"{prefix}.{name}"] = variant
    return [{"$ref": f"#/$defs/{prefix}.{name}"} for name in sorted(configs)]
