"""The manifest: what a run is made of, validated before anything heavy is imported.

Each plugin section names its plugin; the rest of the section goes to that plugin's own ``Config``, so an
option that the plugin would ignore is an error. Errors carry the path and the nearest name.
"""

from selfchal.pipeline.manifest.choices import Catalog, Choice, Kind, Manifest
from selfchal.pipeline.manifest.parsing import parse_config
from selfchal.pipeline.manifest.reading import apply_overrides, read_manifest
from selfchal.pipeline.manifest.schema import manifest_schema
from selfchal.pipeline.manifest.sections import (
    CheckSection,
    EnvironmentSection,
    LimitsSection,
    ManifestModel,
    PluginSection,
    RolloutSection,
)
from selfchal.pipeline.manifest.validation import choose, choose_checks, validate

__all__ = [
    "Catalog",
    "CheckSection",
    "Choice",
    "EnvironmentSection",
    "Kind",
    "LimitsSection",
    "Manifest",
    "ManifestModel",
    "PluginSection",
    "RolloutSection",
    "apply_overrides",
    "choose",
    "choose_checks",
    "manifest_schema",
    "parse_config",
    "read_manifest",
    "validate",
]
