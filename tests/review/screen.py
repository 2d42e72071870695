"""The review page as a reviewer has it: keys in, what is on the screen out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from agent.review.assignment import assign
from agent.store import Order, Rules, decide, find_user, now
from agent.store.keys import institution_key
from agent.store.schema import Cluster, Institution
from tests.review.filling import fill
from tests.serving import Server, logged_in, until_told
from tests.store.world import valid

NEXT = "/api/review/next"


def prepare(server: Server, user: str, place: str, names: list[str] | list[tuple[str, int]], modality: str = "") -> int:
    """A reviewer of his own for a test, and names at an institution that is assigned to him. His id."""
    number = server.add_user(user, "reviewer")
    given = [(each, 1) if isinstance(each, str) else each for each in names]
    fill(server.store, [(name, modality, place, exams) for name, exams in given], job=place)
    give(server, number, place)
    return number


def give(server: Server, user: int, place: str) -> None:
    """Assign the names of an institution to a person."""
    with server.store.writing() as session:
        found = session.scalars(select(Institution).where(col(Institution.key) == institution_key(place))).one()
        assign(session, user, server.ids["lead"], now(), found.id)


def answer_questions(server: Server) -> None:
    """Somebody answers all that is in question: it comes first in everybody's queue."""
    with server.store.writing() as session:
        for each in session.scalars(select(Cluster).where(col(Cluster.status) == "flagged")).all():
            order = Order(each.id or 0, each.revision, "reject", f"answered-{each.id}-{each.revision}")
            assert decide(session, Rules(valid), server.ids["adjudicator"], order, now()).result == "ok"


class Screen:
    """A page that shows the queue."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.asked: set[Any] = set()  # requests for cards that have no answer yet
        page.on("request", lambda request: self.asked.add(request) if request.url.endswith(NEXT) else None)
        for end in ("requestfinished", "requestfailed"):
            page.on(end, lambda request: self.asked.discard(request))

    def open(self, url: str) -> None:
        """Go there, wait until Gradio has built the page, and for the first card, or the word that there is none."""
        self.page.goto(f"{url}/ui/")
        self.built()
        self.ready()

    def built(self) -> None:
        """Wait until Gradio has built the page, and it is seen, so that it takes keys: what is done before that is a
        subject of its own."""
        self.until("document.querySelector('.review .card') && !document.getElementById('early')")
        self.seen()

    def seen(self) -> None:
        """Wait until the tab is turned to: keys that are pressed before are not for it."""
        self.until("document.querySelector('.review').offsetParent !== null")

    def card(self) -> None:
        """Wait for a card."""
        self.page.locator(".review .card[data-turn]").wait_for()

    def model(self, what: str) -> Any:
        """Something of the card on the screen, as the page knows it."""
        return self.page.evaluate(f"Review.state.model && Review.state.model.{what}")

    def ready(self) -> bool:
        """Wait for a card, or for the word that there is none; whether there is one."""
        self.until("Review.state.model || Review.state.loaded")
        return self.model("card") is not None

    @property
    def raw(self) -> str:
        """The first name of the cluster on the screen, as soon as there is one."""
        self.until("Review.state.model")
        found: str = self.model("card.names[0].raw")
        return found

    def only(self, place: str) -> None:
        """Choose an institution in the filter."""
        self.built()
        self.page.get_by_label("机构").select_option(label=place)
        self.page.locator(".review").focus()
        self.until("Review.state.filter !== null && (Review.state.model || Review.state.loaded)")

    def press(self, *keys: str) -> None:
        """Keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self.page.keyboard.type(text)

    @contextmanager
    def next(self) -> Iterator[None]:
        """What is done inside, to the card that is there or comes, brings another card, or the end of the queue."""
        self.until("Review.state.model")
        before = self.page.locator(".review .card").get_attribute("data-turn")
        yield
        self.page.wait_for_function(
            "(before) => { const card = document.querySelector('.review .card');"
            " return !Review.state.model || card.dataset.turn !== before }",
            arg=before,
        )

    def until(self, condition: str, **given: Any) -> None:
        """Wait for something of the page."""
        self.page.wait_for_function(condition, **given)

    def delivered(self) -> None:
        """Wait until the outbox is empty."""
        self.until("Review.send.waiting() === 0 && !document.querySelector('.review .box').textContent")

    def choose(self, text: str) -> None:
        """Type into the open list of values, and take the first of what is found."""
        combo = self.page.get_by_role("combobox", expanded=True)
        combo.wait_for()
        self.page.keyboard.type(text)
        self.until(
            "(text) => [...document.querySelectorAll('.combo [aria-selected=true] span')]"
            ".some(each => each.textContent.includes(text))",
            arg=text,
        )
        self.press("Enter")
        combo.wait_for(state="detached")

    def quiet(self) -> None:
        """Wait until no cards are asked for."""
        until_told(self.page, lambda: not self.asked)

    def untroubled(self) -> None:
        """Wait until nothing is said any more of the server and the session."""
        self.until("!document.querySelector('.review .trouble').textContent")

    def alerted(self, text: str) -> None:
        """Wait until the page says something aloud, or, for an empty text, nothing."""
        self.until(
            "(text) => { const said = document.querySelector('.review .alert').textContent;"
            " return text ? said.includes(text) : !said }",
            arg=text,
        )

    def close(self) -> None:
        """Close the dialog; what is pressed next is for the card."""
        self.press("Escape")
        self.page.get_by_role("dialog").wait_for(state="detached")

    @property
    def alert(self) -> str:
        """What the page says aloud."""
        found: str = self.page.locator(".review .alert").inner_text()
        return found

    def log_in(self, name: str, password: str) -> None:
        """On the page of the log-in."""
        self.page.locator("[name=name]").fill(name)
        self.page.locator("[name=password]").fill(password)
        self.page.locator("[name=password]").press("Enter")


@contextmanager
def screen(browser: Any, server: Server, user: str, **options: Any) -> Iterator[Screen]:
    """The review page of a user, open on his first card. What it still shows at the end is free for others at once:
    the browser is cut off before the page can give it back."""
    context = logged_in(browser, server, user, **options)
    found = Screen(context.new_page())
    try:
        found.open(server.url)
        yield found
        assert not found.errors, found.errors
        assert not context.strayed, context.strayed
    finally:
        context.route(f"**{NEXT}", lambda route: route.abort())
        found.quiet()  # cards that are handed out later would be this page's for two minutes
        context.close()
        with server.store.writing() as session:
            holder = find_user(session, user)
            mine = col(Cluster.lease_user_id) == (holder.id if holder is not None else None)
            session.execute(update(Cluster).where(mine).values(lease_by=None, lease_user_id=None, lease_until=None))
