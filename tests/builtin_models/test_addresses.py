"""What stands in a manifest about an endpoint: an address and a variable's name, and never a key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from selfchal.builtin_models.addresses import is_loopback
from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.core.errors import ManifestError
from selfchal.pipeline.manifest import validate
from selfchal.pipeline.store import MANIFEST, Store
from selfchal.plugins import load_plugins

MANIFEST_ROWS: dict[str, Any] = {
    "environment": {"name": "calculation"},
    "model": {"name": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"},
    "trainer": {"name": "rft"},
}
# Made up in the form of each provider's keys.
PASTED_KEYS = [
    "sk-proj-Zk3vU0aB9xQ2LmN8rT5yW1cD4eF7gH6j",
    "sk-ant-api03-Qm9ndXMtdGVzdC1rZXktbm90LXJlYWw",
    "gsk_1aB2cD3eF4gH5iJ6kL7mN8oP9qR0sT1uV2wX3yZ4",
    "hf_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "xai-0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef",
    "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
    "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "key with spaces",
    "",
    "$MY_KEY",
]


def refuse(**options: Any) -> str:
    """What validation says against these options of the model."""
    rows = {**MANIFEST_ROWS, "model": {**MANIFEST_ROWS["model"], **options}}
    with pytest.raises(ManifestError) as caught:
        validate(rows, load_plugins(), trains=False)
    return str(caught.value)


@pytest.mark.parametrize("key", PASTED_KEYS)
def test_a_pasted_key_is_refused_and_not_repeated(key: str) -> None:
    said = refuse(api_key_env=key)
    assert "model.api_key_env" in said
    assert "export it" in said
    assert not key.strip() or key not in said


@pytest.mark.parametrize(
    "name", ["MY_KEY", "OPENAI_API_KEY", "KEY1", "_KEY", "SOME_VERY_LONG_NAME_OF_A_KEY_FOR_TESTS_2"]
)
def test_names_as_they_are_usual_are_taken(name: str) -> None:
    assert OpenAIConfig(base_url="http://h/v1", model="m", api_key_env=name).api_key_env == name


def test_any_variable_that_is_set_is_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "export it" in refuse(api_key_env="my_key")
    monkeypatch.setenv("my_key", "x")
    OpenAIConfig(base_url="http://h/v1", model="m", api_key_env="my_key")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://user:sesame@example.com/v1", "api_key_env"),
        ("https://sesame@example.com/v1", "api_key_env"),
        ("http://:sesame@127.0.0.1:8000/v1", "api_key_env"),
        ("https://example.com/v1?api_key=sesame", "without ?"),
        ("https://example.com/v1#sesame", "without ?"),
        ("example.com/v1", "with its scheme"),
        ("localhost:8000/v1", "with its scheme"),
        ("ftp://example.com/v1", "with its scheme"),
        ("http://", "with its scheme"),
        ("http:///v1", "with its scheme"),
        ("http://example.com:port/v1", "with its scheme"),
        ("http://example.com:99999/v1", "with its scheme"),
        ("http://[::1/v1", "with its scheme"),
        ("http://example.com /v1", "with its scheme"),
        ("http://example.com/v1\n", "with its scheme"),
        ("", "with its scheme"),
    ],
)
def test_an_address_that_is_none_or_holds_a_key_is_refused_with_the_cure(address: str, says: str) -> None:
    said = refuse(base_url=address)
    assert "model.base_url" in said
    assert says in said
    assert "sesame" not in said


def test_no_option_of_the_model_is_repeated_where_it_is_wrong() -> None:
    """Whatever field a key was pasted into."""
    for field in ("timeout", "price_in", "context", "extra_body", "omit", "retries", "api_key"):
        assert "sesame" not in refuse(**{field: "sesame"})
    with pytest.raises(ValidationError) as caught:
        OpenAIConfig(base_url="http://h/v1", model="m", api_key_env="sesame open")
    assert "sesame" not in str(caught.value)


def test_the_address_of_a_vllm_server_is_held_to_the_same() -> None:
    with pytest.raises(ValidationError, match="api_key_env") as caught:
        VllmConfig(path="m", servers=("http://user:sesame@127.0.0.1:8000",))
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://[::1]:8000", True),
        ("https://localhost/v1", True),
        ("http://LOCALHOST:1/v1", True),
        ("http://api.localhost:1/v1", True),
        ("http://10.0.0.1:8000/v1", False),
        ("http://localhost.example.com/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
    ],
)
def test_which_addresses_are_this_machine(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_a_manifest_copy_and_its_directory_are_for_their_owner_alone_and_hold_no_secret(
    tmp_path: Path,
) -> None:
    """Options that are passed on may hold what this program cannot know to be a key."""
    extra = {"api_key": "sesame", "headers": {"Authorization": "Bearer sesame"}, "top_k": 3}
    rows = {**MANIFEST_ROWS, "model": {**MANIFEST_ROWS["model"], "extra_body": extra}}
    resolved = validate(rows, load_plugins(), trains=False).resolved()
    with Store.create(tmp_path / "runs" / "one", resolved) as store:
        text = (store.directory / MANIFEST).read_text()
        assert store.directory.stat().st_mode & 0o777 == 0o700
        assert (store.directory / MANIFEST).stat().st_mode & 0o777 == 0o600
    assert "sesame" not in text
    assert yaml.safe_load(text)["model"]["extra_body"]["top_k"] == 3
    with Store.resume(tmp_path / "runs" / "one", resolved) as store:
        assert store.manifest() == resolved
    assert not re.search("sesame", repr(resolved))
