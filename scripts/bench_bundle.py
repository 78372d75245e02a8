"""Compact bundles: how small, how near to the machine's limit, in how much memory, and whether all comes back exactly.

sizes    the main job's projects for this Python, for four Pythons, and for this one at level 19, beside the bytes of
         their artifacts; after `expand` each artifact has a SHA-256 that the requirements name, as the index stated it
speed    a first build with an empty cache, a second one, and one that has every file but proves it again; expanding.
         The limit is what plain loops over the same bytes (`bench_loops`) take in one thread, divided by the cores
memory   the peak of the process for four Pythons, and for a set about twice that size
sdists   the newest sdist of each project of the set (`bench_sdists`)

A round runs each command once. Every build proves all that it packs, but for the second one and that at level 19. All
parts but speed share one cache, which is a temporary one unless it is named.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import statistics
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bundler.bundle.ahead import CORES
from bundler.bundle.manifest import Manifest
from scripts.bench_runs import PROJECTS, Runner, options_of, verdict, work_directory
from scripts.bench_sdists import pack_newest

PARTS = ("sizes", "speed", "memory", "sdists")
FOUR = ("--python", "3.10", "--python", "3.11", "--python", "3.12", "--python", "3.13")
ONE_PYTHON, FOUR_PYTHONS, TWICE = "one Python", "four Pythons", "four Pythons, two platforms"
SETS: Mapping[str, tuple[str, ...]] = {
    ONE_PYTHON: (),
    FOUR_PYTHONS: (*FOUR, "--platform", "linux-x86_64"),
    TWICE: (*FOUR, "--platform", "linux-x86_64", "--platform", "linux-aarch64"),
}
LEVEL, HIGH_LEVEL = 9, 19

SIZE_BOUNDS = {ONE_PYTHON: 0.78, FOUR_PYTHONS: 0.47}
HIGH_LEVEL_BOUND = 0.70
LIMIT_BOUND, SECOND_BOUND = 0.80, 0.45
MEMORY_BOUND, GROWTH_BOUND = 600.0, 1.1  # MB; how much more for twice as much

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Bench(Runner):
    """The commands, what was measured of them, and the lines of the report."""

    def __init__(self, bundler: Path, work: Path, cache: Path) -> None:
        super().__init__()
        self.bundler, self.work, self.cache = bundler, work, cache
        self.loops: list[dict[str, tuple[float, float]]] = []  # by kind, wall and processor time
        self.lines = [f"{'measure':52} {'bundler':>9} {'beside':>9} {'ratio':>6} {'bound':>6}"]

    # --- commands ---------------------------------------------------------------------------------------------------

    def build(self, name: str, set_name: str, output: Path, cache: Path, *more: str) -> None:
        options: tuple[str | Path, ...] = (*SETS[set_name], *more, "-q", "-o", output, "--cache-dir", cache)
        self.run(name, [self.bundler, "build", *PROJECTS, *options])

    def bundle(self, set_name: str) -> Path:
        """The bundle of a set, built once in a run."""
        output = self.work / f"{set_name}.tar.zst"
        if not output.exists():
            _forget_recipes(self.cache)
            self.build(f"build, {set_name}", set_name, output, self.cache)
        return output

    @contextmanager
    def expanded(self, name: str, bundle: Path) -> Iterator[Path]:
        directory = self.work / "wheelhouse"
        self.run(name, [self.bundler, "expand", "-q", bundle, directory])
        yield directory
        shutil.rmtree(directory)

    # --- parts ------------------------------------------------------------------------------------------------------

    def sizes(self) -> None:
        for set_name, bound in SIZE_BOUNDS.items():
            self._size(set_name, self.bundle(set_name), bound)
        name, output = f"{ONE_PYTHON}, level {HIGH_LEVEL}", self.work / "high.tar.zst"
        self.build(f"build, {name}", ONE_PYTHON, output, self.cache, "--level", str(HIGH_LEVEL))
        self._size(name, output, HIGH_LEVEL_BOUND)

    def _size(self, name: str, bundle: Path, bound: float) -> None:
        with self.expanded(f"expand, {name}", bundle) as directory:
            artifacts = Manifest.decode((directory / "bundle.json").read_bytes()).artifacts
            stated = {each for file in directory.glob("requirements*.txt") for each in _HASH.findall(file.read_text())}
            exact = sum(_sha256(directory / artifact.filename) in stated for artifact in artifacts)
        size, whole = bundle.stat().st_size, sum(artifact.size for artifact in artifacts)
        self._line(f"{name}: bundle / artifacts", _mb(size), _mb(whole), size / whole, bound)
        self._exact(name, exact, len(artifacts))

    def speed(self, rounds: int) -> None:
        for number in range(1, rounds + 1):
            print(f"round {number} of {rounds}", file=sys.stderr)
            cache, output = self.work / "empty at first", self.work / "round.tar.zst"
            self.build("first", ONE_PYTHON, output, cache)
            self.build("second", ONE_PYTHON, output, cache)
            _forget_recipes(cache)
            self.build("prove and pack", ONE_PYTHON, output, cache)
            with self.expanded("expand", output) as directory:
                self._loop(output, directory)
            shutil.rmtree(cache)
        self._limit("proving and packing", "prove and pack", ("inflate", "deflate", "deflate again", "compress"))
        self._limit("expanding", "expand", ("decode", "deflate"))
        self._seconds("second build / first", "second", "first", SECOND_BOUND)
        self._seconds("second build / one that proves, with all files here", "second", "prove and pack", None)

    def _loop(self, bundle: Path, directory: Path) -> None:
        output = self.work / "loops.json"
        program = [sys.executable, "-m", "scripts.bench_loops"]
        self.run("plain loops", [*program, "--level", str(LEVEL), bundle, directory, output])
        self.loops.append(json.loads(output.read_text()))

    def memory(self) -> None:
        for set_name in (FOUR_PYTHONS, TWICE):
            bundle = self.bundle(set_name)
            if f"expand, {set_name}" not in self.series:
                with self.expanded(f"expand, {set_name}", bundle):
                    pass
        for command in ("build", "expand"):
            peak, more = (self.series[f"{command}, {set_name}"].peak for set_name in (FOUR_PYTHONS, TWICE))
            told = f"{MEMORY_BOUND:6.0f} {verdict(peak, MEMORY_BOUND)}"
            self.lines.append(f"{f'peak memory, {command}, {FOUR_PYTHONS}':52} {peak:6.0f} MB {'':16} {told}")
            label = f"peak memory, {command}, two platforms / one"
            self._line(label, f"{more:6.0f} MB", f"{peak:6.0f} MB", more / peak, GROWTH_BOUND)

    def sdists(self) -> None:
        lock, bundle = self.work / "pylock.toml", self.work / "sdists.tar.zst"
        self.run("lock", [self.bundler, "lock", *PROJECTS, "-q", "-o", lock, "--cache-dir", self.cache])
        names = [package["name"] for package in tomllib.loads(lock.read_text())["packages"]]
        packed = pack_newest(names, bundle, self.cache)
        with self.expanded("expand, sdists", bundle) as directory:
            exact = sum(_sha256(directory / name) == digest.hexdigest for name, digest in packed.digests.items())
        size = bundle.stat().st_size
        self._line("sdists: bundle / artifacts", _mb(size), _mb(packed.size), size / packed.size, None)
        self._line("sdists: proven / all", _mb(packed.proven), _mb(packed.size), packed.proven / packed.size, None)
        self._exact("sdists", exact, len(packed.digests))
        self.lines.append(f"of {len(names)} projects without an sdist: {', '.join(packed.without) or 'none'}")

    # --- report -----------------------------------------------------------------------------------------------------

    def _limit(self, label: str, name: str, kinds: tuple[str, ...]) -> None:
        ours = self.series[name]
        parts = {kind: statistics.median(loops[kind][0] for loops in self.loops) for kind in kinds}
        processor = sum(statistics.median(loops[kind][1] for loops in self.loops) for kind in kinds)
        limit = sum(parts.values()) / CORES
        told = f"{LIMIT_BOUND:6.2f} {verdict(limit / ours.median, LIMIT_BOUND, at_least=True)}"
        line = f"{f'{label}: limit / bundler':52} {ours.median:7.2f} s {limit:7.2f} s {limit / ours.median:6.2f} {told}"
        loops = " + ".join(f"{kind} {seconds:.2f} s" for kind, seconds in parts.items())
        self.lines += (
            line,
            f"    ({loops}) / {CORES}; processor time: loops {processor:.2f} s, bundler {ours.processor:.2f} s",
        )

    def _seconds(self, label: str, ours: str, theirs: str, bound: float | None) -> None:
        one, other = self.series[ours].median, self.series[theirs].median
        self._line(label, f"{one:7.2f} s", f"{other:7.2f} s", one / other, bound)

    def _exact(self, name: str, exact: int, count: int) -> None:
        told = "ok" if exact == count else "MISS"
        self.lines.append(f"{name}: {exact} of {count} artifacts have the index's SHA-256 {told}")

    def _line(self, label: str, ours: str, beside: str, ratio: float, bound: float | None) -> None:
        told = "" if bound is None else f"{bound:6.2f} {verdict(ratio, bound)}"
        self.lines.append(f"{label:52} {ours:>9} {beside:>9} {ratio:6.2f} {told}")


def _forget_recipes(cache: Path) -> None:
    shutil.rmtree(cache / "v1" / "recipes", ignore_errors=True)


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _mb(size: int) -> str:
    return f"{size / 1e6:6.1f} MB"


def main() -> None:
    parser = options_of("bundle", __doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part (default: all)")
    parser.add_argument("--cache", type=Path, help="the cache of all parts but `speed` (default: temporary)")
    options = parser.parse_args()
    parts = options.only or PARTS
    with work_directory() as work:
        bench = Bench(options.bundler, work, options.cache or work / "cache")
        if "sizes" in parts:
            bench.sizes()
        if "memory" in parts:
            bench.memory()
        if "sdists" in parts:
            bench.sdists()
        if "speed" in parts:
            bench.speed(options.rounds)
    print("\n".join(bench.lines))


if __name__ == "__main__":
    main()
