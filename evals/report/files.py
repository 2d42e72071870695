"""Where a report is kept: FOLDER/report.json for programs and the next comparison, FOLDER/report.html for people.

Both are written beside their places before either takes its name, so a full disk changes nothing; the JSON takes it
last, so a folder that was left in between still holds the report that the next one is compared with. The page says the
hash of its JSON.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from agent.jobs.folder import sync_folder
from evals.report.model import Report, as_json, read_report
from evals.report.page import as_html
from standard.errors import InputError, Lang

JSON, HTML = "report.json", "report.html"


def report_before(folder: Path, against: Path | None) -> tuple[Report, str] | None:
    """The report to compare with, and its hash: `against`, else the one in the folder, if there is one.

    InputError where the folder is a file, holds files of these names that are no report, or `against` is none: nothing
    of a person's own is ever written over.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{folder} 是文件，不是文件夹；请给出存放报告的文件夹。",
            f"{folder} is a file and no folder; name a folder for the report.",
        )
    kept = read_report(folder / JSON) if (folder / JSON).exists() else None
    if kept is None and (folder / HTML).exists():
        raise InputError(
            f"{folder / HTML} 旁边没有 {JSON}，不是本程序的报告；请换一个文件夹，或移走这个文件。",
            f"{folder / HTML} has no {JSON} beside it, so it is no report of this program; choose another folder, "
            "or move the file away.",
        )
    return kept if against is None else read_report(against)


def keep(report: Report, folder: Path, lang: Lang) -> None:
    """Write both files, or neither. InputError where they cannot be written."""
    data = as_json(report)
    page = as_html(report, hashlib.sha256(data).hexdigest(), lang).encode("utf-8")
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    drafts: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((HTML, page), (JSON, data)):
            draft = folder / f".{name}.{os.getpid()}"
            drafts.append((draft, folder / name))
            _write(draft, content)
        for draft, path in drafts:
            draft.replace(path)
        sync_folder(folder)
    except BaseException as error:
        for draft, _ in drafts:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        for each in made:
            with suppress(OSError):  # not empty: it is no longer ours alone
                each.rmdir()
        if isinstance(error, OSError):
            raise InputError(
                f"报告不能写入 {folder}（{error.strerror or error}）；没有改动任何文件，请换一个文件夹。",
                f"The report cannot be written to {folder} ({error.strerror or error}); no file was changed, "
                "choose another folder.",
            ) from error
        raise


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
