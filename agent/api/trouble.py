"""Errors as the API tells them: a status and {"error": {"zh": …, "en": …}}, one sentence each."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from agent.texts import Texts, texts_in
from standard.errors import CodeError, IndexError_, InputError, ModelError, StoreError, YingmaError

TEXTS = Path(__file__).parent / "data" / "texts.tsv"
BY_STATUS = {401: "login", 403: "role", 404: "path", 405: "method", 413: "size"}
STATUS: tuple[tuple[type[YingmaError], int], ...] = (
    (InputError, 400),
    (CodeError, 404),
    (StoreError, 503),
    (IndexError_, 503),
    (ModelError, 503),
)


def texts() -> Texts:
    """The words of the log-in page and of errors."""
    return texts_in(TEXTS)


def error_answer(status: int, zh: str, en: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The one shape of an error."""
    return JSONResponse({"error": {"zh": zh, "en": en}}, status, dict(headers or {}))


def refusal(code: int, name: str, headers: Mapping[str, str] | None = None, **values: object) -> JSONResponse:
    """An error whose sentence stands in texts.tsv."""
    zh, en = (texts().text(f"error.{name}", lang, **values) for lang in ("zh", "en"))
    return error_answer(code, zh, en, headers)


def store_away(error: StoreError) -> JSONResponse:
    """The database does not answer; where it is and why is for the log, not for everybody."""
    zh, en = (texts().text("login.away", lang) for lang in ("zh", "en"))
    return error_answer(503, zh, en, {"Retry-After": "5"})


def tell_errors(app: FastAPI) -> None:
    """Every error of an application in this shape."""

    @app.exception_handler(YingmaError)
    def _ours(request: Request, error: YingmaError) -> JSONResponse:
        if isinstance(error, StoreError):
            return store_away(error)
        status = next((number for kind, number in STATUS if isinstance(error, kind)), 500)
        return error_answer(status, error.zh, error.en)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        name = BY_STATUS.get(error.status_code)
        if name is None:
            return refusal(error.status_code, "other", error.headers, status=error.status_code)
        return refusal(error.status_code, name, error.headers)

    @app.exception_handler(RequestValidationError)
    def _body(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"] if each != "body")
        return refusal(422, "body", what=f"{where}: {first['msg']}".strip(": "))

    @app.exception_handler(Exception)
    def _bug(request: Request, error: Exception) -> JSONResponse:
        number = secrets.token_hex(4)
        request.scope.setdefault("state", {})["error"] = number
        return refusal(500, "unknown", id=number)
