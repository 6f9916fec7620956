"""The JSON schema of manifests, with which an editor completes and checks them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from selfchal.core.world import Json
from selfchal.pipeline.manifest.choices import PLUGIN_KINDS
from selfchal.pipeline.manifest.sections import ManifestModel


def manifest_schema(catalog_configs: Mapping[str, Mapping[str, type[BaseModel]]]) -> dict[str, Json]:
    """JSON schema of manifests for editors; ``catalog_configs`` is kind -> plugin name -> Config."""
    schema = ManifestModel.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    for section, kind in PLUGIN_KINDS.items():
        variants = []
        for name, config in sorted(catalog_configs.get(kind, {}).items()):
            variant = config.model_json_schema(ref_template=f"#/$defs/{kind}.{name}/$defs/{{model}}")
            definitions[f"{kind}.{name}"] = variant
            own = {"name": {"const": name}, "only": {"type": "object"}}
            variant["properties"] = {**own, **variant.get("properties", {})}
            variant["required"] = ["name", *variant.get("required", [])]
            variants.append({"$ref": f"#/$defs/{kind}.{name}"})
        nullable = [{"type": "null"}] if section in ("challenger", "teacher") else []
        schema["properties"][section] = {"anyOf": [*variants, *nullable]}
    return schema
