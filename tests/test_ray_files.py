"""The files of examples/ray: the manifest is the quick start's, and the cluster's is what KubeRay reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).parents[1] / "examples"


def read(name: str) -> dict[str, Any]:
    rows: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    return rows


def test_the_manifest_is_the_quick_start_with_another_engine() -> None:
    here, there = read("quickstart.yaml"), read("ray/quickstart.yaml")
    assert there.pop("engine") == {"name": "ray", "address": "auto"}
    assert there.pop("run")["seed"] == here.pop("run")["seed"]
    assert there == here


def test_the_job_has_a_head_without_scenes_and_a_group_for_them() -> None:
    job = read("ray/kuberay.yml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    (group,) = cluster["workerGroupSpecs"]
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    images = {
        container["image"]
        for part in (cluster["headGroupSpec"], group)
        for container in part["template"]["spec"]["containers"]
    }
    assert len(images) == 1, "a worker unpickles what the driver pickled"
    assert job["spec"]["entrypoint"].startswith("selfchal run ")
    assert "--resume" in job["spec"]["entrypoint"]
