"""What all benchmarks share: commands run one by one in a clean environment, and measured by the operating system.

The disk is synced before each, so that nobody pays for another's writes. Processor time and peak memory are the
operating system's own counts for the process and its children (wait4); wall time depends on what else runs, processor
time much less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PROJECTS", "Run", "Runner", "Series", "options_of", "verdict", "work_directory"]

# fmt: off
PROJECTS = (
    "numpy", "pandas", "scipy", "scikit-learn", "matplotlib", "pyarrow", "jupyterlab",
    "fastapi[standard]", "sqlalchemy", "psycopg[binary]", "celery[redis]", "boto3", "django",
    "cryptography", "pydantic",
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished command: seconds of wall and processor time, and peak memory in MB of its largest process."""

    seconds: float
    processor: float
    megabytes: float


@dataclass(slots=True)
class Series:
    """The runs of one command over all rounds."""

    name: str
    runs: list[Run] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def processor(self) -> float:
        return statistics.median(run.processor for run in self.runs)

    @property
    def peak(self) -> float:
        return max(run.megabytes for run in self.runs)


class Runner:
    """Runs commands, and keeps what was measured of them by name."""

    def __init__(self) -> None:
        self.environment = _clean_environment()
        self.series: dict[str, Series] = {}

    def run(self, name: str, command: Sequence[str | Path]) -> None:
        os.sync()
        started = time.perf_counter()
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"error: {name} failed with {process.returncode}: {' '.join(map(str, command))}")
        unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # ru_maxrss is bytes there, KiB elsewhere
        run = Run(seconds=seconds, processor=usage.ru_utime + usage.ru_stime, megabytes=usage.ru_maxrss / unit)
        self.series.setdefault(name, Series(name)).runs.append(run)
        print(f"    {name:32} {run.seconds:7.2f} s {run.processor:7.2f} s cpu {run.megabytes:6.0f} MB", file=sys.stderr)


def _clean_environment() -> dict[str, str]:
    """Without the settings of pip, uv, bundler and Python on this machine: they could bring files from elsewhere."""
    foreign = ("PIP_", "UV_", "BUNDLER_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign) or name == "PIP_CERT"}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}


def verdict(value: float, bound: float, *, at_least: bool = False) -> str:
    return "ok" if (value >= bound if at_least else value <= bound) else "MISS"


@contextmanager
def work_directory() -> Iterator[Path]:
    """A temporary directory for a block."""
    with tempfile.TemporaryDirectory(prefix="bundler-bench-") as work:
        yield Path(work)


def options_of(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(prog=f"scripts/bench {name}", description=description)
    parser.add_argument("--bundler", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3, help="how often the commands run (default: 3)")
    return parser
