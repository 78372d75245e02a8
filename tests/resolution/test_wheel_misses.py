from __future__ import annotations

import pytest

from bundler.resolution.wheel_misses import wheel_miss
from bundler.targets.platforms import targets_for


@pytest.mark.parametrize(
    ("python", "platform", "tags", "reason", "remedy"),
    [
        ("3.14", "linux-x86_64", ["cp312-cp312-any"], "wheels for cp312, none for cp314", "choose --python 3.12"),
        (
            "3.9",
            "linux-x86_64",
            ["cp311-cp311-any", "cp310-cp310-any"],
            "wheels for cp310 and cp311, none for cp39",
            "choose --python 3.10",
        ),
        ("3.13t", "linux-x86_64", ["cp38-abi3-any"], "wheels for cp38-abi3, none for cp313t", "choose --python 3.13"),
        ("3.12", "linux-x86_64", ["py2-none-any"], "wheels for py2, none for cp312", ""),
        ("pypy3.11", "linux-x86_64", ["cp311-cp311-any"], "wheels for cp311, none for pp311", "choose --python 3.11"),
        (
            "3.12",
            "linux-x86_64-glibc2.17",
            ["cp312-cp312-manylinux_2_34_x86_64", "cp312-cp312-manylinux_2_28_x86_64.manylinux_2_31_x86_64"],
            "needs glibc 2.28, the target has 2.17",
            "choose --platform linux-x86_64-glibc2.28",
        ),
        (
            "3.12",
            "windows-arm64",
            ["cp312-cp312-manylinux2014_x86_64", "cp312-cp312-win32"],
            "wheels for manylinux_x86_64 and win32, none for win_arm64",
            "choose --platform linux-x86_64 or windows-x86",
        ),
        (
            "3.12",
            "manylinux_2_28_ppc64le",
            ["cp310-cp310-macosx_11_0_universal2"],
            "wheels for cp310 on macosx_universal2, none for cp312 on manylinux_ppc64le",
            "",
        ),
    ],
)
def test_the_nearest_miss_is_told(python: str, platform: str, tags: list[str], reason: str, remedy: str) -> None:
    (target,) = targets_for([python], [platform])
    miss = wheel_miss([f"app-1.0-{tag}.whl" for tag in tags], target)
    assert (miss.reason, miss.remedy) == (reason, remedy)


def test_many_platforms_are_cut_with_a_count() -> None:
    (target,) = targets_for(["3.12"], ["linux-x86_64"])
    machines = ("aarch64", "armv7l", "i686", "ppc64le", "riscv64", "s390x")
    miss = wheel_miss([f"app-1.0-py3-none-manylinux_2_28_{machine}.whl" for machine in machines], target)
    assert miss.reason.startswith("wheels for manylinux_aarch64, manylinux_armv7l, manylinux_i686, manylinux_ppc64le")
    assert "and 2 more, none for manylinux_x86_64" in miss.reason


@pytest.mark.parametrize("filename", ["app-1.0-cp312.whl", "..whl", "app-1.0-cp312-cp312-\x1b[0m.whl"])
def test_a_name_that_cannot_be_read_tells_nothing(filename: str) -> None:
    (target,) = targets_for(["3.12"], ["linux-x86_64"])
    assert wheel_miss([filename], target).reason == "no wheel for this platform and Python"
