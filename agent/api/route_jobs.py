"""Jobs: upload a file, see its first rows, start, progress, stop, go on, report, download. Nothing is computed here:
reading a file and running a job happen in processes of their own, which outlive the server.

A person sees his own jobs; lead and admin see all.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from agent.api.context import Context, CurrentContext
from agent.api.language import language_of
from agent.api.person import CurrentPerson, Person
from agent.budget import Asked, chosen_limits, told
from agent.jobs import Folder, cancel_job, find_job, job_ids, new_job, retry_failed, start_job
from agent.jobs.changes_page import as_html as changes_html
from agent.jobs.folder import OVER, limits_of
from agent.jobs.report import FILE as REPORT
from agent.jobs.report import as_html, kept_report
from agent.jobs.rerun import CHANGES, adopt, as_objects, kept_changes
from agent.settings import Settings
from agent.store import now
from agent.tables import check_ending
from standard.errors import InputError, Lang

router = APIRouter()
BLOCK = 1 << 18
ABANDONED = 24 * 3600  # seconds after which a file that no job was made of is removed
SEES_ALL = "lead"
TOKEN = re.compile(r"[0-9a-f]{32}")
TYPES = {".csv": "text/csv; charset=utf-8", ".tsv": "text/tab-separated-values; charset=utf-8"}
COLUMNS = ("name_column", "modality_column", "institution_column", "count_column")
SECONDS = 300  # that looking at a file may take


class Look(BaseModel):
    """Another sheet of a workbook."""

    sheet: str | None = None


class Start(BaseModel):
    """A job of an uploaded file: which column is which, by index, and the ending of the result."""

    upload: str
    name: int = Field(ge=0)
    modality: int | None = Field(default=None, ge=0)
    institution: int | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=0)
    ending: Literal["csv", "tsv", "xlsx", "parquet"] = "csv"
    edition: str | None = Field(default=None, max_length=100)
    feed: Literal["none", "review", "all"] | None = None
    max_calls: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0)
    max_minutes: float | None = Field(default=None, ge=0)


# -- files -------------------------------------------------------------------------------------------------------------


@router.post("/api/uploads")
async def upload(name: str, request: Request, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """The body is the file, `name` what it is called. Gives its first rows, and the columns that would be used."""
    settings = context.settings
    ending = check_ending(Path(name))
    folder = _uploads(settings) / secrets.token_hex(16)
    await run_in_threadpool(_sweep, settings)
    folder.mkdir(parents=True, mode=0o700)
    try:
        await _receive(request.stream(), folder / f"file{ending}", settings.upload_limit_mb * 1_000_000)
        (folder / "owner.json").write_text(json.dumps({"user": person.id, "name": name[-200:]}), encoding="utf-8")
        return await run_in_threadpool(_looked, settings, folder, None)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@router.post("/api/uploads/{upload}/look")
def look(upload: str, wanted: Look, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """The same of another sheet."""
    return _looked(context.settings, _own_upload(context, person, upload), wanted.sheet)


async def _receive(stream: AsyncIterator[bytes], target: Path, limit: int) -> None:
    size = 0
    with open(target, "xb") as file:
        async for block in stream:
            size += len(block)
            if size > limit:
                most = limit // 1_000_000
                raise InputError(
                    f"文件超过 {most} MB；请分成几个文件，或请管理员改 YINGMA_UPLOAD_LIMIT_MB。",
                    f"The file is larger than {most} MB; split it, or have YINGMA_UPLOAD_LIMIT_MB raised.",
                )
            if len(block) < BLOCK:
                file.write(block)
            else:
                await asyncio.to_thread(file.write, block)


def _uploads(settings: Settings) -> Path:
    return settings.home / "uploads-jobs"


def _sweep(settings: Settings) -> None:
    """Remove files that no job was made of."""
    with suppress(FileNotFoundError):
        for each in _uploads(settings).iterdir():
            if time.time() - each.stat().st_mtime > ABANDONED:
                shutil.rmtree(each, ignore_errors=True)


def _own_upload(context: Context, person: Person, token: str) -> Path:
    folder = _uploads(context.settings) / token
    if TOKEN.fullmatch(token):
        with suppress(OSError, ValueError):
            if json.loads((folder / "owner.json").read_text(encoding="utf-8"))["user"] == person.id:
                return folder
    raise InputError(
        "没有这个文件，或者不是您上传的；请重新上传。", "There is no such file, or it is not yours; upload it again."
    )


def _file(folder: Path) -> Path:
    return next(folder.glob("file.*"))


def _looked(settings: Settings, folder: Path, sheet: str | None) -> dict[str, Any]:
    """The first rows, read by another process."""
    source = _file(folder)
    words = ["job", "look", str(source), "--json", *(["--sheet", sheet] if sheet else [])]
    done = subprocess.run(
        _command(words), capture_output=True, env=_environment(settings), timeout=SECONDS, check=False
    )
    try:
        told = json.loads(done.stdout)
    except ValueError as error:
        raise RuntimeError(done.stderr.decode(errors="replace")[-500:]) from error
    name = json.loads((folder / "owner.json").read_text(encoding="utf-8"))["name"]
    path = str(source)
    if "error" in told:
        raise InputError(told["error"]["zh"].replace(path, name), told["error"]["en"].replace(path, name))
    (folder / "look.json").write_text(json.dumps({"header": told["header"], "sheet": sheet}), encoding="utf-8")
    told["notes"] = [[each.replace(path, name) for each in note] for note in told["notes"]]
    return {**told, "upload": folder.name, "file": name, "size": source.stat().st_size}


def _command(words: list[str]) -> list[str]:
    return [sys.executable, "-m", "agent", *words]


def _environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, "YINGMA_HOME": str(settings.home)}


# -- jobs --------------------------------------------------------------------------------------------------------------


@router.get("/api/jobs")
def jobs(person: CurrentPerson, context: CurrentContext, count: int = 50) -> dict[str, Any]:
    """The newest jobs that the person may see."""
    found: list[dict[str, Any]] = []
    for name in job_ids(context.settings.home):
        if len(found) >= min(count, 500):
            break
        folder = Folder(context.settings.home / "jobs" / name)
        with suppress(InputError):  # of another version: nobody's
            if _may_see(folder, person):
                found.append(_told(folder, person))
    return {"jobs": found}


@router.post("/api/jobs")
def start(wanted: Start, request: Request, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Make a job of an uploaded file and start it."""
    settings = context.settings
    upload = _own_upload(context, person, wanted.upload)
    source = _file(upload)
    named = json.loads((upload / "owner.json").read_text(encoding="utf-8"))["name"]
    looked = json.loads((upload / "look.json").read_text(encoding="utf-8"))
    chosen = [wanted.name, wanted.modality, wanted.institution, wanted.count]
    names = _names(looked["header"], chosen)
    at = now()
    name = f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    place = settings.home / "jobs" / name
    lang: Lang = language_of(request.headers, context.lang)
    folder = new_job(
        settings.home,
        {
            "id": name,
            "inputs": [str(place / f"input{source.suffix}")],
            "output": str(place / f"result.{wanted.ending}"),
            "columns": chosen,
            **dict(zip(COLUMNS, names, strict=True)),
            "sheet": looked["sheet"],
            "edition": wanted.edition,
            "model": settings.model,
            "device_codes": settings.device_codes,
            "memory": settings.memory,
            "limits": chosen_limits(
                Asked(wanted.max_calls, wanted.max_tokens, wanted.max_cost, wanted.max_minutes), settings.model
            ),
            "feed": wanted.feed or settings.job_feed,
            "lang": lang,
            "user_id": person.id,
            "user": person.name,
            "title": named,
        },
        at.isoformat(timespec="seconds"),
    )
    source.rename(folder.path / f"input{source.suffix}")
    shutil.rmtree(upload, ignore_errors=True)
    start_job(folder, settings)
    return _told(folder, person)


def _names(header: list[str], chosen: list[int | None]) -> list[str | None]:
    """The names of columns. InputError for one that is not there, or is used twice."""
    used = [index for index in chosen if index is not None]
    if any(index >= len(header) for index in used) or len(set(used)) != len(used):
        raise InputError(
            "所选的列不存在，或同一列用作两种内容；请重新选择。",
            "A column that was chosen is not there, or is used for two things; choose again.",
        )
    return [None if index is None else header[index] for index in chosen]


@router.get("/api/jobs/{name}")
def job(name: str, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """One job: state, progress, versions, names that failed."""
    folder = _job(name, person, context)
    failures: list[list[str]] = []
    with suppress(OSError, ValueError):
        failures = folder.read("failed.json")
    keys = ("name", "modality", "institution", "error")
    return {**_told(folder, person), "failures": [dict(zip(keys, row, strict=True)) for row in failures[:200]]}


@router.post("/api/jobs/{name}/stop")
def stop(name: str, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Stop it; what is done is kept."""
    folder = _job(name, person, context)
    cancel_job(folder, context.settings, wait=10)
    return _told(folder, person)


@router.post("/api/jobs/{name}/resume")
def resume(name: str, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Go on with it."""
    folder = _job(name, person, context)
    start_job(folder, context.settings)
    return _told(folder, person)


@router.post("/api/jobs/{name}/retry")
def retry(name: str, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Try the names that failed again."""
    folder = _job(name, person, context)
    if retry_failed(folder):
        start_job(folder, context.settings)
    return _told(folder, person)


@router.get("/api/jobs/{name}/report")
def report(
    name: str, request: Request, person: CurrentPerson, context: CurrentContext, plain: bool = False
) -> Response:
    """Its report, as a page; `plain` as JSON."""
    found = kept_report(_job(name, person, context))
    if plain:
        return JSONResponse(found)
    return HTMLResponse(as_html(found, language_of(request.headers, context.lang)))


@router.get("/api/jobs/{name}/changes")
def changes(
    name: str, request: Request, person: CurrentPerson, context: CurrentContext, plain: bool = False
) -> Response:
    """What a job that was run again changes, as a page; `plain` as JSON."""
    folder = _job(name, person, context)
    found = as_objects(folder, kept_changes(folder))
    if plain:
        return JSONResponse(found)
    return HTMLResponse(changes_html(found, language_of(request.headers, context.lang)))


@router.post("/api/jobs/{name}/adopt")
def adopt_it(name: str, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Let the answers of a job that was run again count."""
    folder = _job(name, person, context)
    adopt(folder, now().isoformat(timespec="seconds"))
    start_job(folder, context.settings)
    return _told(folder, person)


@router.get("/api/jobs/{name}/result")
def result(name: str, person: CurrentPerson, context: CurrentContext, plain: bool = False) -> Response:
    """The result as a file: for people, with formulas defused; `plain` with every cell as it came."""
    folder = _job(name, person, context)
    spec = folder.spec()
    path = Path(spec.output)
    if folder.status()["state"] != "done" or not path.is_file():
        raise InputError("这个任务还没有结果。", "This job has no result yet.")
    saved = f"{Path(spec.title or spec.id).stem}.yingma{path.suffix}"
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(saved)}",
        "x-content-type-options": "nosniff",
    }
    kind = TYPES.get(path.suffix, "application/octet-stream")
    if plain or path.suffix not in TYPES:
        return FileResponse(path, media_type=kind, headers=headers)
    return StreamingResponse(_exported(context.settings, spec.id), media_type=kind, headers=headers)


def _exported(settings: Settings, name: str) -> Iterator[bytes]:
    """The result for people, made by another process as it is read."""
    with subprocess.Popen(
        _command(["job", "export", name]), stdout=subprocess.PIPE, env=_environment(settings)
    ) as process:
        assert process.stdout is not None
        try:
            while block := process.stdout.read(BLOCK):
                yield block
        finally:
            process.kill()


def _may_see(folder: Folder, person: Person) -> bool:
    return person.at_least(SEES_ALL) or folder.spec().user_id == person.id


def _job(name: str, person: Person, context: Context) -> Folder:
    """A job that the person may see; any other one is not there."""
    try:
        folder = find_job(context.settings.home, name)
    except InputError as error:
        raise HTTPException(404) from error
    if not _may_see(folder, person):
        raise HTTPException(404)
    return folder


def _told(folder: Folder, person: Person) -> dict[str, Any]:
    """A job as the page shows it; paths of the server are not for it."""
    spec, status = folder.spec(), folder.status()
    title = spec.title or Path(spec.inputs[0]).name
    sentence = {lang: text.replace(spec.inputs[0], title) for lang, text in (status.get("sentence") or {}).items()}
    keys = (
        "state",
        "phase",
        "ahead",
        "waits",
        "done",
        "total",
        "rate",
        "left",
        "started",
        "ended",
        "counts",
        "versions",
    )
    counts, spent = status.get("counts") or {}, status.get("spent")
    over = told(spent, counts.get(OVER, 0), counts.get(f"{OVER}_exams", 0)) if spent and spent["out"] else None
    return {
        "id": spec.id,
        "title": title,
        "user": spec.user,
        "mine": spec.user_id == person.id,
        "created": spec.created,
        "columns": [getattr(spec, each) for each in COLUMNS],
        "ending": Path(spec.output).suffix,
        "edition": spec.edition,
        "model": spec.model,
        "feed": spec.feed,
        **{key: status.get(key) for key in keys},
        "sentence": sentence or None,
        "spent": spent,
        "limits": limits_of(folder, spec)._asdict(),
        "budget": {"zh": over[0], "en": over[1]} if over else None,
        "has_report": folder.has(REPORT),
        "has_changes": folder.has(CHANGES),
        "has_result": status["state"] == "done" and Path(spec.output).is_file(),
    }
