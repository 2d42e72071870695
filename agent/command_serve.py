"""`yingma serve`: the server, from the check of its address to its stop."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from agent.api.context import Context
from agent.api.desk import work_of
from agent.api.gate import anybody_there
from agent.api.log import start_log
from agent.console import note, say
from agent.jobs.process import start_left
from agent.settings import load_settings
from standard.errors import InputError

KEEP_SECONDS = 75  # that an idle connection is kept, longer than proxies and programs do
STOP_SECONDS = 5  # that open streams may take at the end


def run(host: str | None, port: int | None, local: bool, make: Callable[[Context], FastAPI]) -> None:
    """Serve until stopped. InputError for an address that cannot be had, StoreError for a database that is away.

    `make` makes the application with its pages.
    """
    settings = load_settings()
    host, port = host or settings.host, settings.port if port is None else port
    if local and not loopback(host):
        raise InputError(
            f"--local 不用登录，只能监听本机地址，不能监听 {host}；请去掉 --host，或去掉 --local 并建立用户。",
            f"--local needs no log-in, so it listens on loopback only, not on {host}; drop --host, or drop --local and "
            "make users.",
        )
    listener = listen(host, port)
    start_log(settings)
    context = Context(settings, local)
    try:
        store = context.store
        context.pipeline  # noqa: B018 (a model that cannot be opened is told now, not to the first who asks)
        work_of(context)  # nobody's first page waits for it
        app = make(context)
        for name in start_left(settings):
            note(say(f"任务 {name} 在等待，已启动。", f"The job {name} was waiting and is started."))
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        if local:
            note(
                say(f"单用户模式：不用登录，只接受本机。{address}", f"Single user, no log-in, loopback only. {address}")
            )
        else:
            note(say(f"影码在 {address}/ui/", f"Yingma is at {address}/ui/"))
            if not anybody_there(store):
                note(
                    say(
                        "还没有用户；请运行 ./yingma user add NAME --role admin。",
                        "There is no user yet; run ./yingma user add NAME --role admin.",
                    )
                )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=settings.proxies,
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        with suppress(KeyboardInterrupt):  # uvicorn has stopped in order, and then raises the signal once more
            uvicorn.Server(config).run(sockets=[listener])
        note(say("已停止。", "Stopped."))
    finally:
        context.close()
        listener.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. InputError where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(
            f"没有主机名或地址 {host}（--host）；请改正。", f"There is no host or address {host} (--host); correct it."
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"端口 {port} 已被占用；请用 --port 换一个，或停下另一个程序。",
                f"Port {port} is in use; take another one with --port, or stop the other program.",
            ) from error
        raise InputError(
            f"不能监听 {host}:{port}：{error.strerror}；请换 --host 或 --port。",
            f"{host}:{port} cannot be listened on: {error.strerror}; take another --host or --port.",
        ) from error
    return listener


def loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
