"""`eval --report`: both files or neither, compared with the last one, one page that is safe to open."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import console
from agent.texts import texts_in
from evals.report.files import keep, report_before
from evals.report.model import Report, read_report
from evals.report.page import TEXTS, as_html
from standard.errors import InputError

CHEST, CONTRAST = "20040100110000", "20040100210000"
HOSTILE = "<script>alert(1)</script>胸部平扫<img src=x onerror=alert(1)>\u202e"
Told = tuple[int, str, str]
Yingma = Callable[..., Told]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("YINGMA_LANG", "en")
    console.language.cache_clear()
    yield
    console.language.cache_clear()


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Five names: right, wrong (by its label), one that 3.8 has no item for, hostile, for review."""
    return labelled(
        tmp_path / "gold.tsv",
        ("1", "胸部CT平扫", CHEST, "auto"),
        ("2", "右膝关节CT平扫", "20072201110000", "auto"),
        ("3", "CT引导下穿刺", "", "review"),
        ("4", HOSTILE, CHEST, "review"),
        ("5", "胸部CT", CONTRAST, "review"),
    )


def labelled(path: Path, *rows: tuple[str, str, str, str]) -> Path:
    lines = ["id\tsource\tmodality\tname\tcount\tcodes\troute\tcategory\tnote"]
    lines += [f"{key}\t<b>s</b>\tCT\t{name}\t1\t{codes}\t{route}\tplain\t" for key, name, codes, route in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_report_and_the_next_one(yingma: Yingma, gold: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    code, plain, _ = yingma("eval", gold)
    assert code == 0
    code, out, err = yingma("eval", gold, "--report", folder)
    assert (code, out) == (0, plain)  # what eval prints is as it was
    assert str(folder / "report.html") in err
    assert sorted(each.name for each in folder.iterdir()) == ["report.html", "report.json"]
    first, _ = read_report(folder / "report.json")
    assert (first.comparison, first.baselines, first.all.accepted) == (None, None, 3)
    assert [each.answer.id for each in first.wrong] == ["2", "5"]
    wrong = first.wrong[0]
    assert [(each.slot, each.gold, each.answer) for each in wrong.differences] == [("side", "左", "右")]
    assert {"右", "膝关节"} <= {span.text for span in wrong.spans} | {span.element for span in wrong.spans}
    assert wrong.evidence
    side, contrast = first.confusion[0].slots[:2]
    assert (side.slot, side.ids, contrast.slot, contrast.ids) == ("side", ("2",), "contrast", ("5",))
    assert yingma("eval", gold, "--report", folder, "--edition", "3.8")[0] == 0
    second, _ = read_report(folder / "report.json")
    assert second.comparison is not None
    assert second.comparison.made == first.made
    assert ("catalogue", "3.8.2", "3.8") in [(e.key, e.before, e.now) for e in second.comparison.versions]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Parity report" in page
    assert yingma("eval", gold, "--report", tmp_path / "other", "--against", folder / "report.json")[0] == 0
    third, _ = read_report(tmp_path / "other" / "report.json")
    assert third.comparison is not None
    assert third.comparison.made == second.made


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_is_whole_in_both_languages_and_nothing_in_it_runs(
    yingma: Yingma, gold: Path, tmp_path: Path, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINGMA_LANG", lang)
    console.language.cache_clear()
    assert yingma("eval", gold, "--report", tmp_path / "r")[0] == 0
    assert yingma("eval", gold, "--report", tmp_path / "r", "--no-modality", "--edition", "3.8")[0] == 0
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert f'<html lang="{lang}">' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;s&lt;/b&gt;" in page
    assert "‹U+202E›" in page
    assert "\u202e" not in page
    tags = {each.lower() for each in re.findall(r"<\s*([a-zA-Z0-9]+)", page)}
    assert tags & {"script", "img", "link", "iframe", "b", "a", "object"} == set()
    assert "http" not in page
    assert page.count("<svg") == page.count("</svg>") == 2
    other = {"zh": "Errors by slot", "en": "按项目各段的错误"}[lang]
    assert other not in page


def test_every_text_is_used() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in TEXTS.parent.parent.glob("*.py")).replace("'", '"')
    made = ("way_", "state_", "confusion_", "reliability_", "mark_")
    unused = [name for name in texts_in(TEXTS).rows if f'"{name}"' not in code and not name.startswith(made)]
    assert unused == ["nothing"]  # of the frame


def test_the_page_names_the_json_that_it_shows(yingma: Yingma, gold: Path, tmp_path: Path) -> None:
    assert yingma("eval", gold, "--report", tmp_path / "r")[0] == 0
    kept, sha256 = read_report(tmp_path / "r" / "report.json")
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert sha256[:12] in page
    assert as_html(kept, sha256, "en") == page


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"kind": "yingma-evaluation", "format": 2}', "\xff"])
def test_a_file_that_is_no_report_is_never_written_over(
    yingma: Yingma, gold: Path, tmp_path: Path, content: str
) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "report.json").write_text(content, encoding="latin-1")
    code, out, err = yingma("eval", gold, "--report", folder)
    assert (code, out) == (2, "")
    assert "choose another folder, or move the file away." in err
    assert [each.name for each in folder.iterdir()] == ["report.json"]
    assert (folder / "report.json").read_text(encoding="latin-1") == content


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--report", "{gold}"), "is a file and no folder"),
        (("--report", "{gold}/x"), "cannot be written"),
        (("--report", "{new}", "--against", "{gold}"), "is no report of an evaluation"),
        (("--report", "{new}", "--against", "{new}"), "cannot be read"),
        (("--against", "{gold}"), "give --report FOLDER too"),
        (("--baselines",), "give --report FOLDER too"),
        (("--report", "{page}"), "has no report.json beside it"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(
    yingma: Yingma, gold: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "report.html").write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() if path.is_file() else b"" for path in tmp_path.rglob("*")}
    given = [each.format(gold=gold, new=tmp_path / "new", page=page) for each in arguments]
    code, out, err = yingma("eval", gold, *given)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() if path.is_file() else b"" for path in tmp_path.rglob("*")} == before


def test_where_one_file_cannot_be_written_neither_is(
    yingma: Yingma, gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r"
    assert yingma("eval", gold, "--report", folder)[0] == 0
    kept, _ = read_report(folder / "report.json")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr("os.getpid", lambda: 7)
    (folder / ".report.json.7").mkdir()  # in the way of the draft of the second file
    with pytest.raises(InputError, match="no file was changed"):
        keep(Report.model_validate(kept.model_dump() | {"made": "later"}), folder, "en")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_report_of_an_empty_file(yingma: Yingma, tmp_path: Path) -> None:
    assert yingma("eval", labelled(tmp_path / "none.tsv"), "--report", tmp_path / "r")[0] == 0
    kept = report_before(tmp_path / "r", None)
    assert kept is not None
    assert kept[0].risk_coverage.points == ()


def test_the_same_rows_give_the_same_report(yingma: Yingma, gold: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert yingma("eval", gold, "--report", tmp_path / name)[0] == 0
    one, other = (json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8")) for name in ("a", "b"))
    assert {**one, "made": ""} == {**other, "made": ""}
