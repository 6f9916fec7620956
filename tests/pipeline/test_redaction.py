"""What a manifest's copy does not hold."""

from __future__ import annotations

import pytest

from selfchal.pipeline.manifest.redaction import REDACTED, redact


@pytest.mark.parametrize(
    "name",
    ["key", "token", "api_key", "apikey", "API-KEY", "x-api-key", "access_token", "hf_token", "auth_token", "password",
     "proxy_password", "secret", "client_secret", "Authorization", "credentials", "private_key"],
)  # fmt: skip
def test_texts_under_the_name_of_a_secret_are_taken_out(name: str) -> None:
    assert redact({"a": [{name: "sesame"}]}) == {"a": [{name: REDACTED}]}


@pytest.mark.parametrize(
    "name",
    ["api_key_env", "tokenizer", "tokens_name", "pad_token", "sort_key", "max_tokens", "keys", "monkey"],
)
def test_other_options_are_kept(name: str) -> None:
    assert redact({name: "sesame"}) == {name: "sesame"}


@pytest.mark.parametrize("text", ["${API_KEY}", "${env:API_KEY}", "Bearer ${API_KEY}"])
def test_a_text_that_only_names_a_variable_is_kept(text: str) -> None:
    assert redact({"env": {"api_key": text}}) == {"env": {"api_key": text}}


@pytest.mark.parametrize("text", ["${API_KEY:-sesame}", "sesame ${API_KEY}", "${API_KEY}sesame"])
def test_a_text_that_holds_more_than_a_variable_is_taken_out(text: str) -> None:
    assert redact({"env": {"api_key": text}}) == {"env": {"api_key": REDACTED}}


def test_counts_and_switches_are_kept_whatever_they_are_called() -> None:
    assert redact({"token": 3, "key": True, "secret": None}) == {"token": 3, "key": True, "secret": None}


def test_logins_inside_of_addresses_are_taken_out() -> None:
    assert redact(["see http://me:sesame@h:1/x"]) == [f"see http://{REDACTED}@h:1/x"]
    assert redact("http://h/a@b") == "http://h/a@b"
