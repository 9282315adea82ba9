"""`language.toml`: what it takes, and what it turns down with cause and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovereign.language import ChatSettings, LanguageSettings, OpenAIChat, read_language
from sovereign.net import Client
from sovereign.records import BadInput


def written(folder: Path, text: str) -> Path:
    path = folder / "language.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_means_no_model(tmp_path: Path) -> None:
    assert read_language(tmp_path / "language.toml") == LanguageSettings(chat=None, embedder=None)


def test_both_parts_are_read_and_defaults_are_the_stated_ones(tmp_path: Path) -> None:
    text = '[chat]\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    text += '[embedder]\nendpoint = "https://e.example/v1"\nmodel = "e"\n'
    found = read_language(written(tmp_path, text))
    assert found.chat == ChatSettings(endpoint="http://127.0.0.1:9/v1", model="m", temperature=0.0, seed=0)
    assert found.embedder is not None and found.embedder.batch == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[chat\n", "is not TOML"),
        ('[chat]\nmodel = "m"\n', "chat.endpoint"),
        ('[chat]\nendpoint = "http://h/v1"\nmodel = "m"\nkey = "sk-123"\n', "chat.key"),
        ('[chat]\nendpoint = "ftp://h/v1"\nmodel = "m"\n', "is no endpoint"),
        ('[chat]\nendpoint = "http://user:pw@h/v1"\nmodel = "m"\n', "is no endpoint"),
        ('[chat]\nendpoint = "https://h/v1?key=1"\nmodel = "m"\n', "is no endpoint"),
        ('[chat]\nendpoint = "http://h/v1"\nmodel = ""\n', "chat.model"),
        ('[chat]\nendpoint = "http://h/v1"\nmodel = "m"\ntemperature = "0"\n', "chat.temperature"),
        ('[chat]\nendpoint = "http://far.example/v1"\nmodel = "m"\nkey_variable = "K"\n', "unencrypted"),
        ('[speech]\nmodel = "m"\n', "speech"),
        ("chat = 3\n", "chat"),
    ],
)
def test_what_will_not_do_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_language(written(tmp_path, text))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "language.toml"
    path.write_bytes(b"\xff\xfe[chat]")
    with pytest.raises(BadInput, match="is not TOML"):
        read_language(path)


@pytest.mark.parametrize("value", [None, "", "   ", "sk-1\nX-Evil: 1", "schlüssel"])
def test_a_named_key_must_be_there_and_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("THE_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("THE_KEY", value)
    settings = ChatSettings(endpoint="http://127.0.0.1:9/v1", model="m", key_variable="THE_KEY")
    with Client(tmp_path) as client, pytest.raises(BadInput, match="THE_KEY"):
        OpenAIChat(settings, client)
