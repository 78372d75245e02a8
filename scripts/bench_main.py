"""The main job, side by side: build against `pip download` + tar, warm against cold, expand against tar + sha256sum.

Every round runs each command once, A B A B, with fresh directories and caches; the disk is synced before each, so that
nobody pays for another's writes. Peak memory is the operating system's own count for the process (wait4).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# fmt: off
PROJECTS = (
    "numpy", "pandas", "scipy", "scikit-learn", "matplotlib", "pyarrow", "jupyterlab",
    "fastapi[standard]", "sqlalchemy", "psycopg[binary]", "celery[redis]", "boto3", "django",
    "cryptography", "pydantic",
)
# fmt: on
BUILD_BOUND, WARM_BOUND, EXPAND_BOUND = 0.45, 0.60, 1.5
MEMORY_BOUND = 250.0  # MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished command: seconds of wall time, and peak memory in MB of its largest process."""

    seconds: float
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
    def peak(self) -> float:
        return max(run.megabytes for run in self.runs)


class Bench:
    """The commands, and what was measured of them."""

    def __init__(self, bundler: Path, peers: Path, projects: Sequence[str]) -> None:
        self.bundler = bundler
        self.peers = peers
        self.projects = projects
        self.environment = _clean_environment()
        self.series: dict[str, Series] = {}

    def round(self, work: Path) -> None:
        bundle, cache = work / "app.tar.zst", work / "cache"
        build: list[str | Path] = [self.bundler, "build", *self.projects, "-q", "-o", bundle, "--cache-dir", cache]
        self.run("build", build)
        self.run("pip", ["sh", "-ec", _PIP_AND_TAR, "sh", self.peers / "pip", work / "pip", *self.projects])
        self.run("warm", build)
        uv: list[str | Path] = [self.peers / "uv", *_UV_INSTALL, "--target", work / "uv", *self.projects]
        self.run("uv", uv)
        self.run("expand", [self.bundler, "expand", "-q", bundle, work / "wheelhouse"])
        self.run("tar", ["sh", "-ec", _TAR_AND_SHA, "sh", bundle, work / "unpacked"])
        print(f"    bundler: {_extent(work / 'wheelhouse')}; pip: {_extent(work / 'pip')}", file=sys.stderr)

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
        run = Run(seconds=seconds, megabytes=usage.ru_maxrss / unit)
        self.series.setdefault(name, Series(name)).runs.append(run)
        print(f"    {name:8} {run.seconds:7.2f} s {run.megabytes:6.0f} MB", file=sys.stderr)

    def report(self) -> None:
        print(f"{'measure':50} {'bundler':>9} {'peer':>9} {'ratio':>6} {'bound':>6}")
        self._ratio("build, cold / pip download + tar -I 'zstd -3 -T0'", "build", "pip", BUILD_BOUND)
        self._ratio("build, warm / build, cold", "warm", "build", WARM_BOUND)
        self._ratio("expand / tar --zstd -xf + sha256sum", "expand", "tar", EXPAND_BOUND)
        self._ratio("build, cold / uv pip install --target", "build", "uv", None)
        for name in ("build", "warm", "expand"):
            peak = self.series[name].peak
            print(
                f"{'peak memory, ' + name:50} {peak:6.0f} MB {'':16} {MEMORY_BOUND:6.0f} {_verdict(peak, MEMORY_BOUND)}"
            )
        print(
            f"medians of {len(self.series['build'].runs)} rounds, wall time; uv is for orientation: it can't download"
        )

    def _ratio(self, label: str, ours: str, theirs: str, bound: float | None) -> None:
        one, other = self.series[ours].median, self.series[theirs].median
        ratio = one / other
        verdict = "" if bound is None else f"{bound:6.2f} {_verdict(ratio, bound)}"
        print(f"{label:50} {one:7.2f} s {other:7.2f} s {ratio:6.2f} {verdict}")


_PIP_AND_TAR = """
pip=$1 directory=$2; shift 2
"$pip" download -q --no-cache-dir --disable-pip-version-check -d "$directory" "$@"
tar -C "$directory" -I 'zstd -3 -T0' -cf "$directory.tar.zst" .
"""
_TAR_AND_SHA = 'mkdir "$2"; tar --zstd -xf "$1" -C "$2"; sha256sum "$2"/*'
_UV_INSTALL = ("pip", "install", "-q", "--no-cache", "--python", sys.executable)


def _clean_environment() -> dict[str, str]:
    """Without the settings of pip, uv and bundler on this machine, which could bring files from elsewhere."""
    foreign = ("PIP_", "UV_", "BUNDLER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign) or name == "PIP_CERT"}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}


def _extent(directory: Path) -> str:
    sizes = [path.stat().st_size for path in directory.iterdir() if path.suffix in (".whl", ".gz", ".zip")]
    return f"{len(sizes)} distributions, {sum(sizes) / 1e6:.1f} MB"


def _verdict(value: float, bound: float) -> str:
    return "ok" if value <= bound else "MISS"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench main", description=__doc__)
    parser.add_argument("--bundler", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3, help="how often each command runs (default: 3)")
    parser.add_argument(
        "projects", nargs="*", default=PROJECTS, help="what to bundle (default: 15 well-known projects)"
    )
    options = parser.parse_args()
    bench = Bench(options.bundler, options.peers, options.projects)
    for number in range(1, options.rounds + 1):
        print(f"round {number} of {options.rounds}", file=sys.stderr)
        work = Path(tempfile.mkdtemp(prefix="bundler-bench-"))
        try:
            bench.round(work)
        finally:
            shutil.rmtree(work)
    bench.report()


if __name__ == "__main__":
    main()
