"""Resolving, side by side: `bundler lock`, `uv pip compile`, and on one set `pip lock`; cold and warm; and the pins.

Measured on (a) the index as it is, and (b) a loopback index that behaves like the real one (`bench_index`), with 0 and
40 ms of latency per request. Every round runs each command once, A B A B, with fresh directories and caches. A warm run
has the cache of the cold one before it. On (b) the requests of warm runs are counted: none may be sent while answers
are fresh, and one conditional request per project when they are stale.

Pins are compared with uv's for each set, same index, same target, same day. Differences that have an explanation stand
in `bench_resolve_differences.txt`.
"""

from __future__ import annotations

import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundler.cli.options import DEFAULT_INDEX_URL
from scripts.bench_index import LoopbackIndex
from scripts.bench_runs import PROJECTS, Runner, Series, options_of, verdict, work_directory

SETS = {
    "15 projects": PROJECTS,
    "apache-airflow": ("apache-airflow[celery,postgres]",),
    "boto3": ("boto3", "urllib3<1.26"),
    "jupyterlab": ("jupyterlab",),
}
MAIN = "15 projects"
FOUR = ("3.10", "3.11", "3.12", "3.13")

UV_BOUND, PIP_BOUND, WARM_BOUND, FOUR_BOUND = 1.3, 0.20, 0.30, 1.6
MEMORY_BOUND = 300.0  # MB
DIFFERENCES = Path(__file__).with_name("bench_resolve_differences.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An index to measure on: its name in the report, its URL, and its latency if it is the loopback index."""

    name: str
    url: str
    latency: float | None = None


class Bench(Runner):
    """The commands, what was measured of them, and what went wrong."""

    def __init__(self, bundler: Path, peers: Path, loopback: LoopbackIndex) -> None:
        super().__init__()
        self.bundler, self.peers, self.loopback = bundler, peers, loopback
        self.findings: list[str] = []

    # --- commands ---------------------------------------------------------------------------------------------------

    def ours(self, place: Place, projects: Sequence[str], output: Path, cache: Path, *more: str) -> list[str | Path]:
        options: list[str | Path] = [
            "-q",
            "--upgrade",
            "--index-url",
            place.url,
            "--cache-dir",
            cache,
            "-o",
            output,
            *more,
        ]
        return [self.bundler, "lock", *projects, *options]

    def uv(self, place: Place, projects: Sequence[str], output: Path, cache: Path | None) -> list[str | Path]:
        wanted = output.with_suffix(".in")
        wanted.write_text("\n".join([*projects, ""]))
        cached: list[str | Path] = ["--no-cache"] if cache is None else ["--cache-dir", cache]
        options: list[str | Path] = [
            "-q",
            "--no-header",
            "--no-annotate",
            "--python",
            self.peers / "python",
            "--index-url",
            place.url,
        ]
        return [self.peers / "uv", "pip", "compile", *options, *cached, "-o", output, wanted]

    def pip(self, place: Place, projects: Sequence[str], output: Path) -> list[str | Path]:
        options: list[str | Path] = [
            "-q",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--index-url",
            place.url,
            "-o",
            output,
        ]
        return [self.peers / "pip", "lock", *options, *projects]

    # --- rounds -----------------------------------------------------------------------------------------------------

    def record(self, projects: Sequence[str], *, with_pip: bool) -> None:
        """Run every tool once, unmeasured, so that the loopback index knows all that they ask for."""
        self.loopback.set(record=True)
        place = Place(name="record", url=self.loopback.url)
        with work_directory() as work:
            self.run("record bundler", self.ours(place, projects, work / "pylock.toml", work / "cache"))
            self.run("record uv", self.uv(place, projects, work / "uv.txt", None))
            if projects == PROJECTS:
                output = work / "pylock.four.toml"
                self.run("record four targets", self.ours(place, projects, output, work / "cache", *_targets(FOUR)))
            if with_pip:
                self.run("record pip", self.pip(place, projects, work / "pylock.pip.toml"))
        self.loopback.set()

    def round(self, name: str, place: Place, *, with_pip: bool) -> None:
        """Each command once on one set."""
        projects, label = SETS[name], f"{name}, {place.name}"
        with work_directory() as work, self._served(place):
            lock, compiled = work / "pylock.toml", work / "uv.txt"
            ours, uv = (
                self.ours(place, projects, lock, work / "cache"),
                self.uv(place, projects, compiled, work / "uv"),
            )
            self.run(f"{label}: cold", ours)
            self.run(f"{label}: uv, cold", self.uv(place, projects, compiled, None))
            if with_pip:
                self.run(f"{label}: pip, cold", self.pip(place, projects, work / "pylock.pip.toml"))
            self.run("fill uv's cache", uv)
            self.loopback.counts()
            self.run(f"{label}: warm", ours)
            self._expect(place, "fresh", {})
            self.run(f"{label}: uv, warm", uv)
            self.run("nothing", [self.peers / "python", "-c", "pass"])
            self._stale(label, place, self.ours(place, projects, lock, work / "stale cache"))
            self._compare(name, _pins(lock), _pins_of_uv(compiled))

    def four(self, place: Place) -> None:
        """Four targets at once against one, both cold."""
        with work_directory() as work, self._served(place):
            for name, pythons in (("one target", FOUR[-1:]), ("four targets", FOUR)):
                output, cache = work / f"{name}.toml", work / name
                self.run(f"{name}, {place.name}", self.ours(place, PROJECTS, output, cache, *_targets(pythons)))

    def _stale(self, label: str, place: Place, ours: list[str | Path]) -> None:
        """Again, with answers that are stale at once: each page is asked for again, and isn't sent again."""
        if place.latency is not None:
            self.loopback.set(latency=place.latency, max_age=0)
            self.run("fill a stale cache", ours)
            pages = self.loopback.counts()["page"]
            self.run(f"{label}: stale", ours)
            self._expect(place, "stale", {"304": pages})

    @contextmanager
    def _served(self, place: Place) -> Iterator[None]:
        self.loopback.set(latency=place.latency or 0.0)
        yield
        self.loopback.set()

    def _expect(self, place: Place, what: str, expected: dict[str, int]) -> None:
        """Note it if a run asked for something else than it should."""
        counts = self.loopback.counts()
        print(f"    requests of the {what} run: {counts}", file=sys.stderr)
        if place.latency is not None and counts != expected:
            self.findings.append(f"{place.name}: the {what} run asked for {counts}, expected {expected}")

    def _compare(self, name: str, ours: dict[str, str], theirs: dict[str, str]) -> None:
        explained = DIFFERENCES.read_text().splitlines() if DIFFERENCES.is_file() else []
        for project in sorted(ours.keys() | theirs.keys()):
            if ours.get(project) != theirs.get(project):
                line = f"{name}: {project} {ours.get(project, '-')}, uv {theirs.get(project, '-')}"
                known = any(text.startswith(f"{name}: {project} ") for text in explained)
                if line not in self.findings and not known:
                    self.findings.append(line)
        print(f"    {name}: {len(ours)} pins, uv {len(theirs)}", file=sys.stderr)

    # --- report -----------------------------------------------------------------------------------------------------

    def report(self, places: Sequence[Place], names: Sequence[str]) -> None:
        print(f"{'measure':46} {'bundler':>16} {'peer':>16} {'ratio':>6} {'cpu':>6} {'bound':>6}")
        for place in places:
            for name in names:
                label = f"{name}, {place.name}"
                main = name == MAIN
                self._ratio(f"{label}: cold / uv", f"{label}: cold", f"{label}: uv, cold", UV_BOUND if main else None)
                self._ratio(f"{label}: cold / pip", f"{label}: cold", f"{label}: pip, cold", PIP_BOUND)
                self._ratio(f"{label}: warm / uv", f"{label}: warm", f"{label}: uv, warm", None)
                self._ratio(f"{label}: stale / uv, warm", f"{label}: stale", f"{label}: uv, warm", None)
                if main and place.latency is not None:
                    over = self.series[f"{label}: warm"].median - self.series["nothing"].median
                    told = f"{over:6.2f} s {'':32} {WARM_BOUND:6.2f} {verdict(over, WARM_BOUND)}"
                    print(f"{label + ': warm over `python -c pass`':46} {told}")
            self._ratio(
                f"four targets / one, {place.name}",
                f"four targets, {place.name}",
                f"one target, {place.name}",
                FOUR_BOUND,
            )
        peak = max(
            series.peak for name, series in self.series.items() if name.endswith((": cold", ": warm", ": stale"))
        )
        print(f"{'peak memory':46} {peak:13.0f} MB {'':32} {MEMORY_BOUND:6.0f} {verdict(peak, MEMORY_BOUND)}")
        print("medians, wall time (processor time); the ratio of processor times is in the column cpu")
        print("\n".join(self.findings) or "pins: equal; requests: as they should be")

    def _ratio(self, label: str, ours: str, theirs: str, bound: float | None) -> None:
        if ours not in self.series or theirs not in self.series:
            return
        one, other = self.series[ours], self.series[theirs]
        ratio = one.median / other.median
        told = "" if bound is None else f"{bound:6.2f} {verdict(ratio, bound)}"
        cpu = one.processor / other.processor
        print(f"{label:46} {_times(one)} {_times(other)} {ratio:6.2f} {cpu:6.2f} {told}")


def _targets(pythons: Sequence[str]) -> list[str]:
    return ["--platform", "linux-x86_64", *(part for python in pythons for part in ("--python", python))]


def _times(series: Series) -> str:
    return f"{series.median:6.2f} ({series.processor:5.2f}) s"


def _pins(lock: Path) -> dict[str, str]:
    packages = tomllib.loads(lock.read_text())["packages"]
    return {package["name"]: package["version"] for package in packages}


def _pins_of_uv(compiled: Path) -> dict[str, str]:
    pins = [Requirement(line) for line in compiled.read_text().splitlines() if "==" in line]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}


def main() -> None:
    parser = options_of("resolve", __doc__)
    parser.add_argument("--set", action="append", choices=SETS, help="measure this set (default: all)")
    parser.add_argument("--place", action="append", choices="ab", help="measure on this index (default: both)")
    parser.add_argument("--pip", action="store_true", help="compare with `pip lock` too, on the 15 projects: slow")
    parser.add_argument("--index-url", default=DEFAULT_INDEX_URL, help="the index as it is (default: bundler's)")
    parser.add_argument(
        "--recording", type=Path, help="where the loopback index has its recording (default: temporary)"
    )
    options = parser.parse_args()
    names = options.set or list(SETS)
    with work_directory() as temporary, LoopbackIndex(options.recording or temporary, options.index_url) as loopback:
        as_it_is = Place(name="(a)", url=options.index_url)
        loopbacks = [Place(name=f"(b) {1000 * s:.0f} ms", url=loopback.url, latency=s) for s in (0.0, 0.04)]
        places = [place for place in (as_it_is, *loopbacks) if place.name[1] in (options.place or "ab")]
        bench = Bench(options.bundler, options.peers, loopback)
        if "b" in (options.place or "ab"):
            for name in names:
                bench.record(SETS[name], with_pip=options.pip and name == MAIN)
        for number in range(1, options.rounds + 1):
            print(f"round {number} of {options.rounds}, {time.strftime('%H:%M:%S')}", file=sys.stderr)
            for place in places:
                for name in names:
                    bench.round(name, place, with_pip=options.pip and name == MAIN)
                if MAIN in names:
                    bench.four(place)
    bench.report(places, names)


if __name__ == "__main__":
    main()
