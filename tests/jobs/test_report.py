"""The report of a job: its figures add up to those of the output, and what stands in names stays text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from agent.jobs import find_job
from agent.jobs.report import as_html
from tests.jobs.conftest import Told, rows_of, table
from tests.jobs.test_jobs_served import HOSTILE, started, until
from tests.serving import Server
from tests.store.world import ANKLE, SURE

Yingma = Callable[..., Told]
STRANGE = "胸部CT平扫甫甫"


def test_its_figures_are_those_of_the_output(yingma: Yingma, home: Path, tmp_path: Path) -> None:
    rows = [(SURE, "CT")] * 7 + [(ANKLE, "CT")] * 3 + [(STRANGE, "CT")] * 5 + [(each, "") for each in HOSTILE]
    source, out = table(tmp_path / "in.csv", ("name", "modality"), *rows), tmp_path / "out.csv"
    assert yingma("job", "run", source, "-o", out, "--id", "r")[0] == 0
    code, told, _ = yingma("job", "report", "r", "--json")
    report = json.loads(told)
    assert code == 0
    written = Counter((row["yingma_route"], row["yingma_reason"].partition(":")[0]) for row in rows_of(out))
    assert {(each["route"], each["reason"]): each["exams"] for each in report["reasons"]} == dict(written)
    assert {each["route"]: each["exams"] for each in report["routes"]} == Counter(
        route for route, _ in written.elements()
    )
    assert sum(each["share"] for each in report["routes"]) == 1
    strange = next(each for each in report["unexplained"]["top"] if each["characters"] == "甫甫")
    assert (strange["names"], strange["exams"], strange["example"]) == (1, 5, STRANGE)
    assert {"answering", "writing", "feeding"} <= {each["step"] for each in report["steps"]}
    assert report["versions"]["catalogue"] == "3.8.2"
    code, html, _ = yingma("job", "report", "r")
    assert code == 0
    assert "甫甫" in html
    assert "\u202e" not in html + as_html(report, "zh")
    assert "<img" not in html


def test_without_a_report_one_sentence_says_so(yingma: Yingma, home: Path, tmp_path: Path) -> None:
    source = table(tmp_path / "in.csv", ("name",), (SURE,))
    assert yingma("job", "run", source, "-o", tmp_path / "out.csv", "--id", "r")[0] == 0
    (find_job(home, "r").path / "report.json").unlink()
    code, out, err = yingma("job", "report", "r")
    assert (code, out) == (2, "")
    assert "The job r has no report yet; it is made when it is done." in err


def test_over_http_to_its_owner_only(served_sqlite: Server) -> None:
    with served_sqlite.client("clerk") as clerk, served_sqlite.client("reviewer") as other:
        name = started(clerk, [("名称", "类型", "院"), (STRANGE, "CT", "甲"), *((each, "", "甲") for each in HOSTILE)])
        until(clerk, name, "done")
        page = clerk.get(f"/api/jobs/{name}/report")
        assert page.headers["content-type"].startswith("text/html")
        assert "甫甫" in page.text
        assert "<img" not in page.text
        assert clerk.get(f"/api/jobs/{name}/report", params={"plain": True}).json()["counts"]["rows"] == 5
        assert other.get(f"/api/jobs/{name}/report").status_code == other.get(f"/api/jobs/{name}").status_code >= 400
