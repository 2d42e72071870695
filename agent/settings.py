"""Every setting of Yingma: what it is called, what it means, what it is when nobody sets it.

A setting comes from, first found wins: an argument of `load_settings`, an environment variable `YINGMA_<NAME>`, a line
in `settings.toml` in the folder `YINGMA_HOME`, the default below. A value that does not fit its type stops the start
with one sentence that names the setting and where it came from; nothing is guessed.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from standard.errors import InputError, Lang

PREFIX = "YINGMA_"
FILE_NAME = "settings.toml"

POSTGRESQL = ("postgresql://", "postgresql+psycopg://", "postgres://")
SECRET = ("model_key", "database_url", "chroma_token")

Dialect = Literal["auto", "json_schema", "json_object", "json_plain"]


def default_home() -> Path:
    """The platform's folder for the data of one user."""
    return platformdirs.user_data_path("yingma", appauthor=False)


def home_folder() -> Path:
    """The folder of all state: YINGMA_HOME, else the platform's."""
    given = os.environ.get(PREFIX + "HOME", "").strip()
    folder = Path(given).expanduser() if given else default_home()
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{PREFIX}HOME（{folder}）不是文件夹；请给出一个文件夹。",
            f"{PREFIX}HOME ({folder}) is not a folder; name a folder.",
        )
    return folder


class FileSource(PydanticBaseSettingsSource):
    """The lines of settings.toml in the home folder."""

    def __init__(self, settings_cls: type[BaseSettings], values: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """One value (unused by `__call__`, asked for by the base class)."""
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All values; an unknown name stays in, so that the model refuses it."""
        return dict(self._values)


class Settings(BaseSettings):
    """The settings, typed. Each description is what the documentation prints."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, protected_namespaces=()
    )

    home: Path = Field(
        default_factory=default_home,
        description="Folder of all state: database, indexes, caches, jobs. Two of them never meet.",
    )
    lang: Lang = Field(default="zh", description="Language of messages: zh or en.")
    time_zone: str = Field(
        default="", description="Time zone whose days the overview counts by, as Asia/Shanghai; not set: the machine's."
    )

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "PostgreSQL instead of the SQLite file in the home folder: postgresql://user:password@host/database. "
            "Better in the environment than in the file."
        ),
    )
    chroma_url: str = Field(
        default="",
        description=(
            "A Chroma server for the vectors of the index, instead of a folder of each machine: http://host:8000 "
            "(docs/hospital-group.md)."
        ),
    )
    chroma_token: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer token that a proxy before the Chroma server asks for. Better in the environment.",
    )
    second_look_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description=(
            "Share of the clusters whose first decision goes blind to a second person; 0 where one person reviews."
        ),
    )
    memory: bool = Field(
        default=True,
        description="What people decided answers the same names in the same context; false leaves it out.",
    )
    job_feed: Literal["none", "review", "all"] = Field(
        default="review",
        description=(
            "Names of a job that go into the store: review (with what the audit draws), all (accepted ones too), none."
        ),
    )
    audit: bool = Field(
        default=True,
        description=(
            "A random share of what jobs accept goes to people, as cards like any other, so that precision is known "
            "(docs/audit.md); false: nothing is drawn."
        ),
    )
    spark_master: str = Field(
        default="local[*]",
        description=(
            "With --engine spark: the cluster, as Spark writes it (spark://host:7077, yarn, k8s://...); local[*] is "
            "all cores of this machine."
        ),
    )
    lease_seconds: float = Field(
        default=30.0,
        ge=1,
        description=(
            "A piece of a job on several machines whose worker gives no sign for so long is given to another one."
        ),
    )
    jobs_at_once: int = Field(default=1, ge=1, description="Jobs that run at once; further ones wait for their turn.")
    max_calls: int = Field(
        default=0, ge=0, description="Most names that a job, or normalize, asks the model about; 0 is no limit."
    )
    max_tokens: int = Field(
        default=0, ge=0, description="Most tokens, sent and received, of a job or normalize; 0 is no limit."
    )
    max_cost: float = Field(
        default=0.0,
        ge=0,
        description="Most that the model may cost in a job or normalize, at the prices below; 0 is no limit.",
    )
    max_minutes: float = Field(
        default=0.0, ge=0, description="Most minutes in which a job or normalize asks the model; 0 is no limit."
    )
    upload_limit_mb: int = Field(default=500, ge=1, description="Most megabytes of a file that is uploaded for a job.")
    host: str = Field(default="127.0.0.1", description="Address that `serve` listens on; 0.0.0.0 is every one.")
    port: int = Field(default=8450, ge=0, le=65535, description="Port that `serve` listens on; 0 takes a free one.")
    public_origin: str = Field(
        default="",
        description=(
            "Behind a reverse proxy: what people type, as https://yingma.hospital.example. Requests that change "
            "something must come from there; with https, the cookie is for https only."
        ),
    )
    proxies: str = Field(
        default="127.0.0.1",
        description=(
            "Addresses of reverse proxies, comma between them: only theirs are the X-Forwarded-For and -Proto that "
            "are believed."
        ),
    )
    session_idle_minutes: int = Field(
        default=480, ge=1, description="After so many minutes without activity a person has to log in again."
    )
    session_hours: int = Field(default=168, ge=1, description="After so many hours a person has to log in again.")
    login_tries: int = Field(
        default=10, ge=1, description="Log-ins that may be tried under one name within login_minutes."
    )
    login_tries_address: int = Field(
        default=50, ge=1, description="Log-ins that may be tried from one address within login_minutes."
    )
    login_minutes: int = Field(default=15, ge=1, description="See login_tries.")
    normalize_limit: int = Field(
        default=2000, ge=1, le=100000, description="Most names that one call of the API may give; more is for jobs."
    )
    chat_days: int = Field(
        default=180, ge=0, description="A conversation is deleted so many days after its last word; 0 keeps it."
    )
    log: Path | None = Field(default=None, description="File that `serve` writes its log to; not set: standard error.")
    log_detail: bool = Field(
        default=False,
        description="The log names paths with what is in them and the exams asked about; for looking for faults.",
    )
    control_share: float = Field(
        default=0.02,
        ge=0,
        le=0.5,
        description="Share of review cards whose suggestion is known to be wrong; the lead sees who noticed.",
    )
    review_retrieval: bool = Field(
        default=True,
        description=(
            "Candidates on the review page also come from the index, which is built the first time; else from the "
            "reading alone."
        ),
    )
    device_codes: bool = Field(
        default=False,
        description=(
            "Codes tell scanners apart (16排: 22, 3.0T: 33) where the name says which; the standard advises against it."
        ),
    )
    model: str = Field(
        default="none",
        description=(
            "The language model of the model step: none, local (in this process: Yingma's own small model, or the GGUF "
            "file of model_path), or the http(s) base URL of an OpenAI-compatible endpoint, /v1 included. An "
            "endpoint and a GGUF file also help the chat to understand what is asked; Yingma's own fills slots only."
        ),
    )
    model_path: Path | None = Field(
        default=None,
        description=(
            "With model=local: a GGUF file, or a folder with a yingma.gguf; not set, Yingma's own model as shipped."
        ),
    )
    model_name: str = Field(
        default="", description="With a URL: the model's name at the endpoint. With local: a name for the records."
    )
    model_key: SecretStr = Field(
        default=SecretStr(""), description="With a URL: the endpoint's key. Better in the environment than in the file."
    )
    model_dialect: Dialect = Field(
        default="auto",
        description=(
            "With a URL: how the endpoint is asked for structured output: json_schema (hosted services), "
            "json_object (with a schema: llama_cpp.server), json_plain (JSON, no schema), or auto: the first, and the "
            "next where it is refused."
        ),
    )
    model_timeout: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds that one question to the model may take."
    )
    model_retries: int = Field(
        default=2,
        ge=0,
        le=10,
        description="With a URL: how often a question is sent again when the endpoint is busy or down.",
    )
    model_backoff: float = Field(
        default=0.5,
        ge=0,
        le=60,
        description="Seconds before the first repetition; doubles each time; a longer Retry-After wins.",
    )
    model_backoff_max: float = Field(
        default=30.0, ge=0, le=3600, description="Longest wait in seconds; a Retry-After beyond it ends the attempts."
    )
    model_give_up_after: int = Field(
        default=5,
        ge=1,
        description="With a URL: after so many names in a row without an answer, the endpoint is left alone a while.",
    )
    model_give_up_seconds: float = Field(default=60.0, ge=0, description="How long it is then left alone.")
    model_wait_minutes: float = Field(
        default=5.0,
        ge=0,
        description="With a URL: so long a job waits for an endpoint that does not answer; then it pauses.",
    )
    model_concurrency: int = Field(default=4, ge=1, le=256, description="With a URL: questions under way at once.")
    model_max_tokens: int = Field(default=200, ge=16, le=4096, description="Most tokens that an answer may have.")
    model_max_exams: int = Field(default=4, ge=1, le=16, description="Most exams that an answer may name.")
    model_name_limit: int = Field(
        default=200, ge=16, le=4000, description="Characters of an exam name that the model is shown."
    )
    model_mask: bool = Field(
        default=True,
        description="With a URL: persons, ids and phone numbers are masked before a name leaves the machine.",
    )
    model_threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description=(
            "With local: threads; 0 is 1 for Yingma's own model, for another the machine's cores less one, at least 1, "
            "at most 4."
        ),
    )
    model_context: int = Field(
        default=4096, ge=512, le=131072, description="With a GGUF file of your own: tokens of context."
    )
    model_cache: bool = Field(
        default=True,
        description=(
            "What a model answered in a run over files is kept (cache/model-answers.db in the home folder), and it is "
            "not asked again while nothing has changed that the answer depends on. After a hosted model changed behind "
            "its name, delete the file."
        ),
    )
    model_price_in: float = Field(
        default=0.0,
        ge=0,
        description="With a URL: price of a million tokens sent, in the currency of max_cost and model_budget_cost.",
    )
    model_price_out: float = Field(default=0.0, ge=0, description="With a URL: price of a million tokens received.")
    model_budget_cost: float = Field(
        default=0.0,
        ge=0,
        description="Most that a hosted model may cost in one process (serve, chat, a job); 0 is no limit.",
    )
    model_budget_tokens: int = Field(
        default=0, ge=0, description="Most tokens, sent and received, of a hosted model in one process; 0 is no limit."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        value = value.strip()
        try:
            if value:
                ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("a time zone, as Asia/Shanghai, or nothing for the machine's") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value().strip()
        if url and not url.startswith(POSTGRESQL):
            raise ValueError("postgresql://user:password@host/database, or nothing for SQLite")
        return SecretStr(url)

    @field_validator("chroma_url")
    @classmethod
    def _http(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        parts = urlsplit(value)
        try:
            whole = (
                parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
            )
        except ValueError:  # a port that is no number
            whole = False
        if value and (not whole or parts.username or parts.query or parts.fragment):
            raise ValueError("http(s)://host:port, the token in YINGMA_CHROMA_TOKEN")
        return value

    @field_validator("public_origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        value = value.strip().rstrip("/").lower()
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("http", "https") or not parts.netloc or value != f"{parts.scheme}://{parts.netloc}"
        ):
            raise ValueError("https://host or https://host:port, without a path")
        return value

    @field_validator("model")
    @classmethod
    def _known_model(cls, value: str) -> str:
        value = value.strip()
        if value in ("none", "local") or value.startswith(("http://", "https://")):
            return value
        raise ValueError("none, local or an http(s) URL")

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone; None: the machine's."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then settings.toml."""
        return init_settings, env_settings, FileSource(settings_cls, _read_file(home_folder() / FILE_NAME))


def _read_file(path: Path) -> dict[str, Any]:
    """The values of settings.toml; nothing when there is no such file. InputError when it is no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(
            f"读不了设置文件 {path}：{err}；请检查权限，并存为 UTF-8。",
            f"The settings file {path} cannot be read: {err}; check its permissions and save it as UTF-8.",
        ) from err
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise InputError(
            f"设置文件 {path} 不是合法的 TOML：{err}；请改正这一行。",
            f"The settings file {path} is not valid TOML: {err}; correct that line.",
        ) from err
    if "home" in values:
        raise InputError(
            f"设置文件 {path} 不能设 home：文件就在这个目录里；请用环境变量 {PREFIX}HOME。",
            f"The settings file {path} cannot set home, since it lies in that folder; "
            f"use the environment variable {PREFIX}HOME.",
        )
    return values


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` win. InputError names every setting that does not fit."""
    try:
        return Settings(**overrides)
    except ValidationError as err:
        faults = []
        for fault in err.errors():
            name = str(fault["loc"][0]) if fault["loc"] else "?"
            if fault["type"] == "extra_forbidden":
                faults.append((f"{name}：没有这个设置", f"{name}: there is no such setting"))
                continue
            secret = name in SECRET
            value = "***" if secret else repr(fault["input"])
            where = PREFIX + name.upper()
            faults.append((f"{where}={value}：{fault['msg']}", f"{where}={value}: {fault['msg']}"))
        raise InputError(
            "设置不对：" + "；".join(zh for zh, _ in faults) + f"。请改环境变量，或 {home_folder() / FILE_NAME}。",
            "Settings do not hold: "
            + "; ".join(en for _, en in faults)
            + f". Correct the environment variable, or {home_folder() / FILE_NAME}.",
        ) from err
