"""Opening the pipeline: the catalogue of an edition, and where asked for, retrieval and a model."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.console import note, say, settings_file
from standard import load_catalogue
from standard.edition import Catalogue
from standard.errors import InputError

if TYPE_CHECKING:
    from agent.model import Model
    from agent.pipeline import Pipeline


def open_catalogue(edition: str | None) -> Catalogue:
    """The editions used together under a name; nothing means the default. InputError names those there are."""
    return load_catalogue((edition or "").strip())


def model_setting(given: str | None) -> str:
    """none, local or a URL: the option, else the setting. InputError for anything else."""
    if given is None:
        if not _settings_given():
            return "none"
        from agent.settings import load_settings

        return load_settings().model
    wanted = given.strip()
    if wanted in ("none", "local") or wanted.startswith(("http://", "https://")):
        return wanted
    raise InputError(
        f"没有模型 {wanted}（--model）；请用 none、local，或模型服务的 http(s) 地址。",
        f"There is no model {wanted} (--model); use none, local, or the http(s) URL of an endpoint.",
    )


def _file_given() -> bool:

    return settings_file().exists()


def _settings_given() -> bool:
    """Whether any setting is set beside language and home; reading them costs a third of a second."""
    plain = ("YINGMA_HOME", "YINGMA_LANG")
    if any(name.startswith("YINGMA_") and name not in plain for name in os.environ):
        return True
    return _file_given()


def device_setting(given: bool | None) -> bool:
    """Whether codes tell scanners apart: the option, else the setting."""
    if given is not None or not ("YINGMA_DEVICE_CODES" in os.environ or _file_given()):
        return bool(given)
    from agent.settings import load_settings

    return load_settings().device_codes


def open_pipeline(
    edition: str | None = None, model: str = "none", retrieve: bool = False, device_codes: bool = False
) -> Pipeline:
    """The pipeline for an edition. With a model, or where `retrieve` asks for it, candidates are looked up too."""
    from agent.pipeline import Pipeline

    catalogue = open_catalogue(edition)
    opened: Model | None = None
    if model != "none":
        from agent.model import open_model

        opened = open_model(model)
    if not retrieve and opened is None:
        return Pipeline(catalogue, device_codes=device_codes)
    from agent.settings import load_settings
    from retrieval import Retriever
    from standard.lexicon import load_lexicon

    retriever = Retriever.open(catalogue, load_settings().home, load_lexicon(), progress=_told())
    return Pipeline(catalogue, model=opened, retriever=retriever, device_codes=device_codes)


def _told() -> Callable[[int, int], None]:
    """Tells, at the first step and then each ten seconds, that the index is being built and how far it is."""
    last = [0.0]

    def progress(done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - last[0] >= 10:
            note(
                say(
                    f"正在建立检索索引（只在首次或版本变更后）：{done}/{total} …",
                    f"Building the index of candidates (the first time, or after a change): {done}/{total} …",
                )
            )
            last[0] = now

    return progress
