"""The main job, side by side: build against `pip download` + tar, warm against cold, expand against tar + sha256sum.

Every round runs each command once, A B A B, with fresh directories and caches. All that has a bound is measured with
`--no-recompress`: then bundler does what its peers do, and the tar holds the artifacts themselves. What the default
takes, a compact bundle, stands beside it without a bound; its own bounds are those of `scripts/bench bundle`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.bench_runs import PROJECTS, Runner, options_of, verdict, work_directory

BUILD_BOUND, WARM_BOUND, EXPAND_BOUND = 0.45, 0.60, 1.5
MEMORY_BOUND = 250.0  # MB


class Bench(Runner):
    """The commands, and what was measured of them."""

    def __init__(self, bundler: Path, peers: Path, projects: Sequence[str]) -> None:
        super().__init__()
        self.bundler = bundler
        self.peers = peers
        self.projects = projects

    def round(self, work: Path) -> None:
        bundle, cache = work / "app.tar.zst", work / "cache"
        build: list[str | Path] = [self.bundler, "build", *self.projects, "-q"]
        whole = [*build, "--no-recompress", "-o", bundle, "--cache-dir", cache]
        self.run("build", whole)
        self.run("pip", ["sh", "-ec", _PIP_AND_TAR, "sh", self.peers / "pip", work / "pip", *self.projects])
        self.run("warm", whole)
        uv: list[str | Path] = [self.peers / "uv", *_UV_INSTALL, "--target", work / "uv", *self.projects]
        self.run("uv", uv)
        self.run("expand", [self.bundler, "expand", "-q", bundle, work / "wheelhouse"])
        self.run("tar", ["sh", "-ec", _TAR_AND_SHA, "sh", bundle, work / "unpacked"])
        compact = work / "compact.tar.zst"
        self.run("build compact", [*build, "-o", compact, "--cache-dir", work / "another cache"])
        self.run("expand compact", [self.bundler, "expand", "-q", compact, work / "compact"])
        print(f"    bundler: {_extent(work / 'wheelhouse')}; pip: {_extent(work / 'pip')}", file=sys.stderr)

    def report(self) -> None:
        print(f"{'measure':50} {'bundler':>9} {'peer':>9} {'ratio':>6} {'bound':>6}")
        self._ratio("build, cold / pip download + tar -I 'zstd -3 -T0'", "build", "pip", BUILD_BOUND)
        self._ratio("build, warm / build, cold", "warm", "build", WARM_BOUND)
        self._ratio("expand / tar --zstd -xf + sha256sum", "expand", "tar", EXPAND_BOUND)
        self._ratio("build, cold / uv pip install --target", "build", "uv", None)
        self._ratio("build, cold, compact / whole", "build compact", "build", None)
        self._ratio("expand, compact / whole", "expand compact", "expand", None)
        for name in ("build", "warm", "expand"):
            peak = self.series[name].peak
            print(
                f"{'peak memory, ' + name:50} {peak:6.0f} MB {'':16} {MEMORY_BOUND:6.0f} {verdict(peak, MEMORY_BOUND)}"
            )
        print(
            f"medians of {len(self.series['build'].runs)} rounds, wall time; uv is for orientation: it can't download"
        )

    def _ratio(self, label: str, ours: str, theirs: str, bound: float | None) -> None:
        one, other = self.series[ours].median, self.series[theirs].median
        ratio = one / other
        told = "" if bound is None else f"{bound:6.2f} {verdict(ratio, bound)}"
        print(f"{label:50} {one:7.2f} s {other:7.2f} s {ratio:6.2f} {told}")


_PIP_AND_TAR = """
pip=$1 directory=$2; shift 2
"$pip" download -q --no-cache-dir --disable-pip-version-check -d "$directory" "$@"
tar -C "$directory" -I 'zstd -3 -T0' -cf "$directory.tar.zst" .
"""
_TAR_AND_SHA = 'mkdir "$2"; tar --zstd -xf "$1" -C "$2"; sha256sum "$2"/*'
_UV_INSTALL = ("pip", "install", "-q", "--no-cache", "--python", sys.executable)


def _extent(directory: Path) -> str:
    sizes = [path.stat().st_size for path in directory.iterdir() if path.suffix in (".whl", ".gz", ".zip")]
    return f"{len(sizes)} distributions, {sum(sizes) / 1e6:.1f} MB"


def main() -> None:
    parser = options_of("main", __doc__)
    parser.add_argument(
        "projects", nargs="*", default=PROJECTS, help="what to bundle (default: 15 well-known projects)"
    )
    options = parser.parse_args()
    bench = Bench(options.bundler, options.peers, options.projects)
    for number in range(1, options.rounds + 1):
        print(f"round {number} of {options.rounds}", file=sys.stderr)
        with work_directory() as work:
            bench.round(work)
    bench.report()


if __name__ == "__main__":
    main()
