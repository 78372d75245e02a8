from __future__ import annotations

import pytest

from bundler.errors import UsageError
from bundler.targets.machines import KNOWN_PLATFORMS, Platform, platform_name


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("linux-x86_64", ("posix", "linux", "Linux", "x86_64")),
        ("linux-aarch64", ("posix", "linux", "Linux", "aarch64")),
        ("alpine-aarch64", ("posix", "linux", "Linux", "aarch64")),
        ("macos-arm64", ("posix", "darwin", "Darwin", "arm64")),
        ("macos-x86_64", ("posix", "darwin", "Darwin", "x86_64")),
        ("windows-x86_64", ("nt", "win32", "Windows", "AMD64")),
        ("windows-arm64", ("nt", "win32", "Windows", "ARM64")),
        ("windows-x86", ("nt", "win32", "Windows", "x86")),
    ],
)
def test_markers_are_as_python_reports_them_there(text: str, markers: tuple[str, ...]) -> None:
    environment = Platform.parse(text).environment
    variables = ("os_name", "sys_platform", "platform_system", "platform_machine")
    assert tuple(environment[variable] for variable in variables) == markers
    assert environment["platform_release"] == environment["platform_version"] == ""


def test_manylinux_goes_down_to_glibc_2_5_with_its_legacy_names() -> None:
    tags = Platform.parse("linux-x86_64").tags
    assert tags[:2] == ("linux_x86_64", "manylinux_2_28_x86_64")
    assert tags[-2:] == ("manylinux_2_5_x86_64", "manylinux1_x86_64")
    assert tags[tags.index("manylinux_2_17_x86_64") + 1] == "manylinux2014_x86_64"
    assert tags[tags.index("manylinux_2_12_x86_64") + 1] == "manylinux2010_x86_64"


def test_other_architectures_start_at_glibc_2_17() -> None:
    assert Platform.parse("linux-aarch64-glibc2.17").tags == (
        "linux_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    )


def test_musl_has_no_manylinux_tags() -> None:
    assert Platform.parse("alpine-x86_64").tags == (
        "linux_x86_64",
        "musllinux_1_2_x86_64",
        "musllinux_1_1_x86_64",
        "musllinux_1_0_x86_64",
    )


def test_macos_takes_universal2_and_older_releases() -> None:
    arm = Platform.parse("macos-arm64").tags
    assert arm[:2] == ("macosx_13_0_arm64", "macosx_13_0_universal2")
    assert "macosx_11_0_arm64" in arm
    assert "macosx_10_9_universal2" in arm
    assert not [tag for tag in arm if tag.endswith("x86_64")]
    intel = Platform.parse("macos-x86_64").tags
    assert "macosx_10_9_x86_64" in intel
    assert "macosx_14_0_x86_64" not in intel


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("linux-x86_64", "linux-x86_64"),
        ("Linux-x86_64-glibc2.28", "linux-x86_64"),
        ("linux-x86_64-glibc2.17", "linux-x86_64-glibc2.17"),
        ("alpine-x86_64-musl1.1", "alpine-x86_64-musl1.1"),
        ("macos-arm64-14", "macos-arm64-14.0"),
        ("macos-arm64-14.5", "macos-arm64-14.0"),
        ("macos-x86_64-10.15", "macos-x86_64-10.15"),
        ("manylinux_2_17_x86_64", "manylinux_2_17_x86_64"),
        ("win_amd64", "win_amd64"),
    ],
)
def test_the_name_states_the_floor_only_where_it_isnt_the_default(text: str, name: str) -> None:
    assert Platform.parse(text).name == name


@pytest.mark.parametrize(
    ("tag", "same_as"),
    [
        ("manylinux_2_17_x86_64", "linux-x86_64-glibc2.17"),
        ("manylinux2014_aarch64", "linux-aarch64-glibc2.17"),
        ("manylinux1_i686", "linux-i686-glibc2.5"),
        ("x86_64-manylinux2014", "linux-x86_64-glibc2.17"),
        ("aarch64-manylinux_2_31", "linux-aarch64-glibc2.31"),
        ("x86_64-musllinux_1_1", "alpine-x86_64-musl1.1"),
        ("musllinux_1_1_x86_64", "alpine-x86_64-musl1.1"),
        ("macosx_12_0_arm64", "macos-arm64-12.0"),
        ("win_amd64", "windows-x86_64"),
        ("win_arm64", "windows-arm64"),
        ("win32", "windows-x86"),
    ],
)
def test_a_raw_tag_is_a_floor(tag: str, same_as: str) -> None:
    raw, named = Platform.parse(tag), Platform.parse(same_as)
    assert (raw.tags, raw.environment) == (named.tags, named.environment)


def test_the_plain_linux_tag_promises_no_c_library() -> None:
    assert Platform.parse("linux_x86_64").tags == ("linux_x86_64",)


@pytest.mark.parametrize(
    "text",
    [
        "linux-x86_64-glibc2.4",
        "linux-aarch64-glibc2.12",
        "linux-x86_64-glibc3.0",
        "alpine-x86_64-musl2.0",
        "macos-arm64-10.15",
        "manylinux_2_4_x86_64",
    ],
)
def test_a_floor_that_has_no_tags_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"platform {text} can't be a target"):
        Platform.parse(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("linx-x86_64", "linux-x86_64"),
        ("linux-amd64", "linux-x86_64"),
        ("linux-arm64", "linux-aarch64"),
        ("windows-amd64", "windows-x86_64"),
        ("windows-x86_64-10.0", "windows-x86_64"),
        ("alpine-x86_64-glibc2.28", "alpine-x86_64"),
    ],
)
def test_an_unknown_platform_is_refused_with_the_nearest_known(text: str, near: str) -> None:
    with pytest.raises(UsageError, match="unknown platform") as caught:
        Platform.parse(text)
    assert f"did you mean {near}" in (caught.value.hint or "")
    assert "bundler target list" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text", ["", "x", "any", "macosx_11_0_universal2", "linux_", "linux-x86_64 ; rm", "../linux-x86_64"]
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="unknown platform"):
        Platform.parse(text)


def test_every_known_platform_is_understood_and_is_its_own_name() -> None:
    assert all(Platform.parse(name).name == name and explanation for name, explanation in KNOWN_PLATFORMS)


@pytest.mark.parametrize("name", [name for name, _ in KNOWN_PLATFORMS])
def test_a_machine_is_named_by_its_tags(name: str) -> None:
    assert platform_name(Platform.parse(name).tags) == name


@pytest.mark.parametrize("tag", ["linux_x86_64", "linux_armv6l", "freebsd_14_amd64", "any"])
def test_a_machine_without_a_name_is_named_by_its_best_tag(tag: str) -> None:
    assert platform_name([tag]) == tag
