"""Candidates by real retrieval on the review page: Chroma, the embedding model and the thread that opens them."""

from __future__ import annotations

import time
from pathlib import Path

from agent.api.context import Context
from agent.api.desk import work_of
from agent.review.view import Viewer
from agent.review.work import Wish
from agent.settings import load_settings
from agent.store import add_user, now
from agent.store.schema import Suggestion
from standard.edition import Catalogue
from tests.retrieval.conftest import slice_of
from tests.review.filling import fill
from tests.review.test_keyboard import clusters
from tests.serving import PASSWORD
from tests.store.world import pipeline

NAME = "双膝关节CT平扫甫"


class Small(Context):
    """Of a few items, so that the index is built at once."""

    @property
    def catalogue(self) -> Catalogue:
        """A slice."""
        found: Catalogue = self.once("slice", lambda: slice_of(pipeline().catalogue))
        return found


def test_retrieval_opens_in_the_background_and_is_kept(home: Path) -> None:
    context = Small(load_settings(home=home, review_retrieval=True, control_share=0, second_look_share=0))
    try:
        fill(context.store, [(NAME, "CT", "检索医院", 3), ("上肢大动脉超声", "超声影像检查", "检索医院", 1)])
        with context.store.writing() as session:
            viewer = Viewer(add_user(session, "检索", "reviewer", PASSWORD, now()).id or 0, "reviewer")
        work = work_of(context)
        limit = time.monotonic() + 300
        first = work.next(viewer, Wish("tab"), now())  # nobody waits for the index
        assert len(first) == 2
        while True:
            cards = {each["names"][0]["raw"]: each for each in work.cards(viewer, [each["id"] for each in first])}
            found = [each["exams"][0]["candidates"] for each in cards.values()]  # it may open between the two
            if all({"lexical", "dense"} <= {row[0] for each in rows for row in each["rows"]} for rows in found):
                break
            assert time.monotonic() < limit
            time.sleep(0.05)
        exam = cards[NAME]["exams"][0]
        for each in exam["candidates"]:
            assert sum(row[2] for row in each["rows"]) == each["total"]
        ultrasound = cards["上肢大动脉超声"]["exams"][0]["candidates"]
        assert {pipeline().catalogue.items[each["code"]].modality for each in ultrasound} == {"US"}
        cluster = clusters(context, "检索医院")[NAME]  # type: ignore[arg-type]
        with context.store.reading() as session:
            kept = session.get_one(Suggestion, cluster.suggestion_id).candidates
        assert len(kept) == 10
    finally:
        context.close()
