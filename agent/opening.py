"""Opening the pipeline: the catalogue of an edition, and where asked for, retrieval and a model."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.console import language, note, say, settings_file
from standard import load_catalogue
from standard.cycles import no_cycles
from standard.edition import Catalogue
from standard.errors import InputError

if TYPE_CHECKING:
    from agent.classifier import Classifier
    from agent.model import Model
    from agent.model.kept import KeptAnswers
    from agent.pipeline import Pipeline
    from agent.settings import Settings
    from retrieval.chroma import ChromaServer


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
    edition: str | None = None,
    model: str = "none",
    retrieve: bool = False,
    device_codes: bool = False,
    keep: bool = False,
) -> Pipeline:
    """The pipeline for an edition.

    Candidates are looked up where `retrieve` asks for it, and for a model that wants them; Yingma's own does not.
    `keep`: what the model answers is kept in the home folder, and not asked again (unless the setting says no).
    """
    from agent.pipeline import Pipeline
    from agent.second import SecondVoice
    from standard.lexicon import load_lexicon

    with no_cycles():
        catalogue = open_catalogue(edition)
        load_lexicon()
    second: SecondVoice | None = None
    if model == "none":
        opened, classifier = None, None
        second = SecondVoice(catalogue)
    else:
        opened, classifier, wants_candidates = _open_voices(model, catalogue)
        retrieve = retrieve or wants_candidates
    retriever = None
    if retrieve:
        from agent.settings import load_settings
        from retrieval import Retriever

        settings = load_settings()
        server = chroma_server(settings)
        retriever = Retriever.open(catalogue, settings.home, load_lexicon(), progress=_told(), server=server)
    with no_cycles():
        pipeline = Pipeline(catalogue, opened, retriever, load_lexicon(), device_codes, classifier, second=second)
    if keep and opened is not None:
        pipeline.kept = _open_kept(pipeline, opened)
    return pipeline


def chroma_server(settings: Settings) -> ChromaServer | None:
    """The Chroma server of these settings; None where the vectors lie in the home folder."""
    if not settings.chroma_url:
        return None
    from retrieval.chroma import ChromaServer

    return ChromaServer(settings.chroma_url, settings.chroma_token.get_secret_value())


def _open_kept(pipeline: Pipeline, model: Model) -> KeptAnswers | None:
    """What the model answered before, with all that an answer depends on; None where the setting says no."""
    from importlib.metadata import version

    from agent.model.embedded import EmbeddedModel
    from agent.model.kept import FILE, KeptAnswers, catalogue_hash
    from agent.settings import load_settings

    settings = load_settings()
    if not settings.model_cache:
        return None
    # Lexicon and classifier count by what they put into a request; what the router makes of an answer comes after it.
    # The dialect that an endpoint speaks is found out as it is asked, so it is the setting that counts.
    make = {
        key: value
        for key, value in pipeline.versions.items()
        if key not in ("lexicon", "router", "model.dialect") and not key.startswith("classifier.")
    }
    names = ("model_dialect", "model_max_tokens", "model_max_exams", "model_name_limit", "model_mask", "model_context")
    make |= {name: str(getattr(settings, name)) for name in names}
    make |= {"program": version("yingma"), "items": catalogue_hash(pipeline.catalogue), "name": model.name}
    return KeptAnswers(settings.home / FILE, make, model.question if isinstance(model, EmbeddedModel) else None)


def _open_voices(setting: str, catalogue: Catalogue) -> tuple[Model, Classifier | None, bool]:
    """The model of a setting, the classifier beside it, and whether the model wants candidates.

    The classifier is the one in the folder of Yingma's own model, and the shipped one beside another model; a folder
    without one is none.
    """
    from agent import classifier as voice
    from agent.model import open_model
    from agent.model.embedded import EmbeddedModel

    opened = open_model(setting, catalogue=catalogue)
    own = isinstance(opened, EmbeddedModel)
    folder = opened.path.parent if isinstance(opened, EmbeddedModel) else voice.FOLDER
    found = voice.Classifier.open(catalogue, folder) if (folder / voice.FILE).is_file() else None
    if isinstance(opened, EmbeddedModel) and opened.note():
        note(opened.note(language()))
    return opened, found, not own


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
