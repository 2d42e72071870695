"""Log-in, sessions and their ends, the limit of attempts, on both databases and through the real server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update
from sqlmodel import col

from agent.store import now, set_active, set_password, set_role
from agent.store.schema_web import WebSession
from tests.serving import PASSWORD, Server, serving


@pytest.fixture
def user(served: Server) -> Callable[..., tuple[str, int]]:
    """A new account of a role: its name and id."""

    def make(role: str = "clerk") -> tuple[str, int]:
        name = f"{role} {now().timestamp()}"
        return name, served.add_user(name, role)

    return make


def asks(server: Server, cookie: str) -> int:
    """The status of a question with a cookie."""
    return httpx.get(f"{server.url}/api/me", cookies={"yingma_session": cookie}, timeout=30).status_code


def cookie_of(server: Server, name: str, password: str = PASSWORD) -> str:
    answer = server.login(name, password)
    assert answer.status_code == 303, answer.text
    return answer.cookies["yingma_session"]


def test_log_in_gives_a_cookie_that_scripts_cannot_read_and_the_database_cannot_tell(
    served: Server, user: Callable[..., tuple[str, int]]
) -> None:
    name, _ = user()
    answer = served.login(name.upper().replace(" ", "　"))  # case and width do not matter
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")
    given = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("yingma_session="))
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(given.split("; "))
    assert "Secure" not in given  # http, on loopback
    secret = answer.cookies["yingma_session"]
    assert asks(served, secret) == 200
    with served.store.reading() as session:
        for table in ("web_session", "trail", "login_attempt"):
            assert secret not in str(session.execute(text(f"SELECT * FROM {table}")).all())


def test_a_wrong_password_an_unknown_name_and_a_closed_account_look_alike(
    served: Server, user: Callable[..., tuple[str, int]]
) -> None:
    name, number = user()
    with served.store.writing() as session:
        set_active(session, number, False, now())
    pages = []
    for who, password in ((name, PASSWORD), (name, "wrong"), ("nobody of this name", PASSWORD)):
        answer = served.login(who, password)
        assert answer.status_code == 401
        assert "yingma_session" not in answer.cookies
        pages.append(answer.text.replace(who, ""))
    assert len(set(pages)) == 1


def test_the_form_wants_our_own_page(served: Server, user: Callable[..., tuple[str, int]]) -> None:
    name, _ = user()
    form = {"name": name, "password": PASSWORD}
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {}):
        answer = httpx.post(f"{served.url}/login", data=form, headers=headers, timeout=30)
        assert (answer.status_code, len(answer.cookies)) == (403, 0)


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/ui/?tab=chat", "/ui/?tab=chat"),
        ("https://evil.example/", "/ui/"),
        ("//evil.example/", "/ui/"),
        ("/\\evil.example/", "/ui/"),
        ("/\t/evil.example/", "/ui/"),
        ("\\\\evil.example", "/ui/"),
        ("javascript:alert(1)", "/ui/"),
        ("/ui/\r\nset-cookie: a=b", "/ui/"),
        ("", "/ui/"),
    ],
)
def test_the_way_on_is_a_path_of_this_server(served_sqlite: Server, wanted: str, given: str) -> None:
    form = {"name": "viewer", "password": PASSWORD, "next": wanted}
    answer = httpx.post(f"{served_sqlite.url}/login", data=form, headers={"origin": served_sqlite.url}, timeout=30)
    assert (answer.status_code, answer.headers["location"]) == (303, given)


def test_the_page_shows_hostile_text_as_text(served_sqlite: Server) -> None:
    bad = '"><script>alert(1)</script>${x}$name{name}'
    answer = served_sqlite.login(bad, "x")
    assert answer.status_code == 401
    assert "<script" not in answer.text
    assert "&quot;&gt;&lt;script&gt;" in answer.text
    page = httpx.get(f"{served_sqlite.url}/login", params={"next": "/" + bad, "lang": bad}, timeout=30)
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_log_out_ends_the_session_and_no_other(served: Server, user: Callable[..., tuple[str, int]]) -> None:
    name, _ = user()
    one, other = cookie_of(served, name), cookie_of(served, name)
    answer = httpx.post(
        f"{served.url}/logout", cookies={"yingma_session": one}, headers={"origin": served.url}, timeout=30
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (asks(served, one), asks(served, other)) == (401, 200)


def test_the_log_out_of_a_page_of_somebody_else_ends_nothing(
    served: Server, user: Callable[..., tuple[str, int]]
) -> None:
    name, number = user()
    cookie = cookie_of(served, name)

    def log_out(person: str, cookie: str = cookie) -> httpx.Response:
        given = {"cookies": {"yingma_session": cookie}, "headers": {"origin": served.url, "accept-language": "en"}}
        return httpx.post(f"{served.url}/logout", params={"person": person}, timeout=30, **given)  # type: ignore[arg-type]

    for other in (str(served.ids["lead"]), "", "x", f"{number}0"):
        answer = log_out(other)
        assert answer.status_code == 409
        assert "Somebody else is logged in" in answer.text
        assert "set-cookie" not in answer.headers
    assert asks(served, cookie) == 200
    assert log_out(str(served.ids["lead"]), "of nobody").headers["location"] == "/login"
    assert (log_out(str(number)).status_code, asks(served, cookie)) == (303, 401)


@pytest.mark.parametrize("how", ["password", "active"])
def test_a_new_password_or_a_closed_account_ends_every_session(
    served: Server, user: Callable[..., tuple[str, int]], how: str
) -> None:
    name, number = user()
    one, other = cookie_of(served, name), cookie_of(served, name)
    with served.store.writing() as session:
        if how == "password":
            set_password(session, number, PASSWORD + "!", now())
        else:
            set_active(session, number, False, now())
    assert (asks(served, one), asks(served, other)) == (401, 401)
    if how == "password":
        assert asks(served, cookie_of(served, name, PASSWORD + "!")) == 200
    else:
        with served.store.writing() as session:  # switched on again, he has to log in
            set_active(session, number, True, now())
        assert asks(served, one) == 401


def test_another_role_holds_from_the_next_request(served: Server, user: Callable[..., tuple[str, int]]) -> None:
    name, number = user("viewer")
    with served.client(None) as client:
        client.cookies.set("yingma_session", cookie_of(served, name))
        assert client.get("/api/me").json()["role"] == "viewer"
        with served.store.writing() as session:
            set_role(session, number, "lead", now())
        assert client.get("/api/me").json()["role"] == "lead"


@pytest.mark.parametrize(("column", "age"), [("seen_at", timedelta(minutes=480)), ("created_at", timedelta(hours=168))])
def test_a_session_runs_out(served: Server, user: Callable[..., tuple[str, int]], column: str, age: timedelta) -> None:
    name, number = user()
    secret = cookie_of(served, name)

    def make_old(by: timedelta) -> None:
        with served.store.writing() as session:
            mine = update(WebSession).where(col(WebSession.user_id) == number)
            session.execute(mine.values({column: now() - by}))

    make_old(age - timedelta(minutes=5))
    assert asks(served, secret) == 200
    make_old(age + timedelta(minutes=5))
    assert asks(served, secret) == 401


def test_activity_keeps_a_session(served: Server, user: Callable[..., tuple[str, int]]) -> None:
    name, number = user()
    secret = cookie_of(served, name)
    old = now() - timedelta(hours=2)
    with served.store.writing() as session:
        session.execute(update(WebSession).where(col(WebSession.user_id) == number).values(seen_at=old))
    assert asks(served, secret) == 200
    with served.store.reading() as session:
        rows = session.execute(text(f"SELECT seen_at FROM web_session WHERE user_id = {number}")).all()
    assert str(rows[0][0]) > str(old)[:19]


def limited(tmp_path: Path, url: Any) -> Any:
    return serving(tmp_path / "home", url, login_tries="3", login_tries_address="5")


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_guessing_is_stopped_by_name_and_by_address_and_a_restart_does_not_help(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    url = None if database == "sqlite" else request.getfixturevalue("postgresql_server").create()
    with limited(tmp_path, url) as server:
        assert [server.login("lead", "wrong").status_code for _ in range(3)] == [401, 401, 401]
        assert server.login("ＬＥＡＤ", PASSWORD).status_code == 429  # also with the right one, however it is written
        server.kill()
        server.start()
        assert server.login("lead", PASSWORD).status_code == 429
        assert server.login("viewer", PASSWORD).status_code == 429  # five from this address
        with server.store.writing() as session:
            session.execute(text("UPDATE login_attempt SET since = :old"), {"old": _old(session)})
        assert server.login("lead", PASSWORD).status_code == 303
        for _ in range(9):  # what goes well does not count
            assert server.login("lead", PASSWORD).status_code == 303


def _old(session: Any) -> Any:
    moment = now() - timedelta(minutes=16)
    return moment if session.get_bind().dialect.name == "postgresql" else moment.replace(tzinfo=None).isoformat(" ")


def test_attempts_at_once_do_not_get_past_the_limit(served: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    name = f"somebody {now().timestamp()}"
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: served.login(name, "wrong").status_code, range(24)))
    assert sorted(found) == [401] * 10 + [429] * 14


@pytest.mark.slow
def test_behind_a_proxy_with_https(tmp_path: Path) -> None:
    public = "https://yingma.hospital.example"
    with serving(tmp_path / "home", public_origin=public) as server:
        form = {"name": "viewer", "password": PASSWORD}
        headers = {"origin": public, "host": "127.0.0.1:1", "x-forwarded-for": "10.1.2.3", "x-forwarded-proto": "https"}
        answer = httpx.post(f"{server.url}/login", data=form, headers=headers, timeout=30)
        assert answer.status_code == 303
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"]
        assert server.login("viewer").status_code == 403  # not the public origin
    with serving(tmp_path / "other", proxies="192.0.2.1", login_tries_address="2") as server:
        for number in range(2):  # nobody chooses his own address
            answer = httpx.post(
                f"{server.url}/login",
                data={"name": f"x{number}", "password": "wrong"},
                headers={"origin": server.url, "x-forwarded-for": f"10.0.0.{number}"},
                timeout=30,
            )
            assert answer.status_code == 401
        assert server.login("viewer").status_code == 429
