"""A data set folder that ``datasets`` loads with the features that it declares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from selfchal import open_run
from selfchal.core.sandbox import Sandbox
from selfchal.interop.exporting import export_run
from selfchal.interop.hugging_face import FEATURES, write_hugging_face
from selfchal.interop.portable import PortableTask
from tests.support.runs import sound_tasks, write_run

pytest.importorskip("pyarrow", reason="needs the extra parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, process_sandbox: Sandbox) -> Path:
    made = tmp_path_factory.mktemp("hf")
    run = write_run(made / "run", {"name": "retail"}, sound_tasks("retail", 3))
    export_run(open_run(run), write_hugging_face, made / "out", process_sandbox)
    return made / "out"


def test_rows_and_card_say_the_same(folder: Path) -> None:
    from pyarrow import parquet

    table = parquet.read_table(folder / "data" / "train.parquet")
    assert table.column_names == list(FEATURES)
    for row, task in zip(table.to_pylist(), sound_tasks("retail", 3), strict=True):
        assert (row["id"], row["evaluate"], row["failures"]) == (task.id, task.evaluate, list(task.failures))
        assert PortableTask.from_json(json.loads(row["task"])).task.solution == task.solution
    head, _, body = (folder / "README.md").read_text().removeprefix("---\n").partition("---\n")
    assert yaml.safe_load(head)["configs"][0]["data_files"][0]["path"] == "data/train.parquet"
    assert "# 3 tasks on retail" in body
    assert all(f"`{name}`" in body for name in FEATURES)


@pytest.mark.torch
def test_datasets_loads_the_folder_with_its_features(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path))
    assert loaded.features.to_dict() == dict(FEATURES)
    assert loaded[0]["prompt"][1]["role"] == "user"
