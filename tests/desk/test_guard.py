"""Nobody but the owner's browser reaches anything: each check by itself, with the positive control beside it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from sovereign.desk import desk
from sovereign.desk.guard import MOST_BYTES, Guard

from .conftest import Owner


def stranger(owner: Owner, **headers: str) -> Any:
    return TestClient(
        desk(owner.workspace, owner.guard), base_url=owner.guard.origin, headers=headers, raise_server_exceptions=False
    )


@pytest.mark.parametrize("path", ["/", "/runs", "/records/srch-00000000/", "/nowhere"])
def test_a_browser_that_was_not_let_in_sees_nothing(owner: Owner, path: str) -> None:
    refused = stranger(owner).get(path)
    assert refused.status_code == 403 and "has not been let in" in refused.text
    assert owner.record.question.text not in refused.text
    assert "has not been let in" not in owner.client.get(path).text


def test_a_wrong_token_gives_no_cookie(owner: Owner) -> None:
    for token in ("", "wrong", owner.guard.token[:-1], owner.guard.token + "x"):
        answer = stranger(owner).get(f"/enter?token={token}", follow_redirects=False)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers
    entered = stranger(owner).get(owner.guard.entrance, follow_redirects=False)
    assert entered.status_code == 303
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie


@pytest.mark.parametrize("host", ["example.org", "example.org:8765", "127.0.0.1", "127.0.0.1:80", "localhost.x:8765"])
def test_another_host_name_reaches_nothing(owner: Owner, host: str) -> None:
    refused = owner.client.get("/", headers={"host": host})
    assert refused.status_code == 421 and owner.record.question.text not in refused.text
    assert owner.client.get("/", headers={"host": "localhost:8765"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.org"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_a_form_of_another_site_decides_nothing(owner: Owner, headers: dict[str, str]) -> None:
    fields = owner.fields("approve")
    assert owner.send(fields, headers=headers).status_code == 403
    assert owner.standing == "draft"
    assert owner.send(fields, headers={"origin": owner.guard.origin}).status_code == 303
    assert owner.standing == "published"


def test_a_form_without_its_key_or_with_that_of_an_earlier_start_decides_nothing(owner: Owner) -> None:
    fields = owner.fields("approve")
    for key in ("", "0" * 64, Guard("127.0.0.1", 8765).form_key):
        assert owner.send({**fields, "key": key}).status_code == 400
    assert owner.standing == "draft"


def test_reading_decides_nothing(owner: Owner) -> None:
    fields = owner.fields("approve")
    answer = owner.client.get(f"{owner.page}decide", params=fields)
    assert answer.status_code in (404, 405) and owner.standing == "draft"
    assert owner.client.put(f"{owner.page}decide", data=fields).status_code == 405


def test_a_form_of_a_megabyte_is_refused_before_it_is_read(owner: Owner) -> None:
    answer = owner.send({**owner.fields("approve"), "note": "x" * (1 << 20)})
    assert answer.status_code == 413 and str(f"{MOST_BYTES:,}") in answer.text and owner.standing == "draft"

    def endless() -> Any:
        yield b"note=" + b"x" * (1 << 20)

    chunked = owner.client.post(f"{owner.page}decide", content=endless())
    assert chunked.status_code == 413 and owner.standing == "draft"


def test_pages_may_not_be_framed_cached_or_run_anything(owner: Owner) -> None:
    answer = owner.client.get(owner.page)
    assert answer.headers["x-frame-options"] == "DENY" and answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.text and "form-action 'self'" in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/records/../../keys/owner.pem",
        "/records/%2e%2e/owner.pem",
        "/records/srch-00000000/../../keys/owner.pem",
        "/records/{folder}/sources/..%2f..%2f..%2fkeys%2fowner.pem",
        "/records/{folder}/summary.json",
        "/records/{folder}/sources/index.html",
        "/records/keys",
        "/static/x",
    ],
)
def test_no_other_file_is_given_out(owner: Owner, path: str) -> None:
    answer = owner.client.get(path.format(folder=owner.record.folder))
    assert answer.status_code in (404, 405) and "PRIVATE KEY" not in answer.text


def test_a_browser_may_name_the_desk_as_the_origin_of_its_forms(owner: Owner) -> None:
    # with `no-referrer` a browser sends `Origin: null`, and the desk would refuse its own forms
    assert '<meta name="referrer" content="same-origin">' in owner.client.get(owner.page).text
