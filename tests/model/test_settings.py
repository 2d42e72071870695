"""Settings: where they come from, which wins, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.settings import PREFIX, Settings, default_home, home_folder, load_settings
from standard.errors import InputError


def write(home: Path, text: str | bytes) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_bytes(text.encode() if isinstance(text, str) else text)


def test_argument_before_environment_before_file_before_default(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(own_home, 'lang = "en"\nmodel_retries = 7\nmodel_timeout = 3\n')
    monkeypatch.setenv(PREFIX + "MODEL_RETRIES", "5")
    settings = load_settings(model_timeout=2.0)
    assert (settings.lang, settings.model_retries, settings.model_timeout) == ("en", 5, 2.0)
    assert (settings.model, settings.home) == ("none", own_home)


def test_the_platforms_folder_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "HOME", " ")
    assert home_folder() == default_home()


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle = 'none'", ["modle", "no such setting"]),
        ("model = 'gpt'", ["YINGMA_MODEL='gpt'", "none, local or an http(s) URL"]),
        ("model_timeout = 0\nmodel_retries = 99", ["YINGMA_MODEL_TIMEOUT=0", "YINGMA_MODEL_RETRIES=99"]),
        ("lang = fr", ["not valid TOML"]),
        (b"lang = '\xff'", ["UTF-8"]),
        ("home = '/tmp'", ["YINGMA_HOME"]),
    ],
)
def test_what_a_file_may_not_say(text: str | bytes, words: list[str], own_home: Path) -> None:
    write(own_home, text)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert all(word in caught.value.en for word in words)
    assert str(own_home / "settings.toml") in caught.value.zh


def test_a_variable_that_does_not_fit_is_named_and_a_key_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "MODEL_CONCURRENCY", "many")
    monkeypatch.setenv(PREFIX + "MODEL_KEY", "sk-secret")
    with pytest.raises(InputError) as caught:
        load_settings()
    assert "YINGMA_MODEL_CONCURRENCY='many'" in caught.value.en
    assert "sk-secret" not in caught.value.en + repr(load_settings(model_concurrency=1))


def test_a_file_with_a_byte_order_mark_is_read(own_home: Path) -> None:
    write(own_home, b"\xef\xbb\xbflang = 'en'\n")
    assert load_settings().lang == "en"
