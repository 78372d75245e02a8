"""Each kind of bad input: one clear sentence, the exit code of the contract, and nothing half-made left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.running import Outcome, left_in, run
from tests.support.fake_index import FakeIndex
from tests.support.wheels import make_sdist, make_wheel


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without their pauses."""
    monkeypatch.setattr("bundler.index.transport.pause", lambda failures, jitter: 0.0)


class TestBuild:
    @pytest.fixture(autouse=True)
    def _setting(self, capsys: pytest.CaptureFixture[str], origin: str, place: Path, index: FakeIndex) -> None:
        self.capsys, self.origin, self.place, self.index = capsys, origin, place, index

    def build(self, *arguments: str | Path, output: Path | None = None) -> Outcome:
        options = ("--index-url", f"{self.origin}/simple/")
        outcome = run(self.capsys, "build", *options, "-o", output or self.place / "app.tar.zst", *arguments)
        assert outcome.code != 0
        assert outcome.err.count("error: ") == 1
        assert left_in(self.place) == []
        return outcome

    def test_an_unknown_package(self) -> None:
        outcome = self.build("nosuch")
        assert (outcome.code, "nosuch" in outcome.err) == (4, True)

    def test_an_unknown_version(self) -> None:
        outcome = self.build("app==99")
        assert outcome.code == 3
        assert "command line asks for app==99" in outcome.err
        assert "there is 1.0" in outcome.err

    def test_an_impossible_set(self) -> None:
        outcome = self.build("app", "old")
        assert outcome.code == 3
        assert "old 1.0 (asked for by the command line) asks for lib<1" in outcome.err
        assert "hint: " in outcome.err

    def test_a_bad_requirement_line_is_named_with_its_file_and_line(self, tmp_path: Path) -> None:
        path = tmp_path / "requirements.txt"
        path.write_text("# fine\napp\nlib >== 3\n")
        outcome = self.build("-r", path)
        assert (outcome.code, f"{path}:3: " in outcome.err) == (2, True)

    def test_a_bad_requirement_on_the_command_line(self) -> None:
        outcome = self.build("app >== 3")
        assert (outcome.code, "command line: " in outcome.err) == (2, True)

    @pytest.mark.parametrize("name", [("--platform", "linux-x86_65"), ("--python", "3.x")])
    def test_a_bad_target_name(self, name: tuple[str, str]) -> None:
        outcome = self.build("app", *name)
        assert (outcome.code, name[1] in outcome.err, "hint: " in outcome.err) == (2, True, True)

    def test_a_bad_target_file(self, tmp_path: Path) -> None:
        (tmp_path / "target.json").write_text("{")
        outcome = self.build("app", "--target", tmp_path / "target.json")
        assert (outcome.code, "target.json" in outcome.err) == (2, True)

    @pytest.mark.parametrize("option", ["-r", "-c"])
    def test_an_unreadable_file(self, option: str, tmp_path: Path) -> None:
        outcome = self.build("app", option, tmp_path / "absent.txt")
        assert outcome.code == 2
        assert f"can't read {tmp_path / 'absent.txt'}: no such file" in outcome.err

    def test_nothing_asked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty.txt").write_text("# nothing\n")
        assert (self.build("-r", tmp_path / "empty.txt").code, self.build().code) == (2, 2)

    def test_a_missing_output_directory(self) -> None:
        outcome = self.build("app", output=self.place / "absent" / "app.tar.zst")
        assert (outcome.code, "its directory doesn't exist" in outcome.err) == (7, True)
        assert self.index.requests == []

    def test_an_output_that_is_a_directory(self, tmp_path: Path) -> None:
        assert self.build("app", output=tmp_path).code == 2

    def test_a_bad_index_url(self) -> None:
        outcome = self.build("app", "--index-url", "ftp://user:secret@index.example/simple/")
        assert (outcome.code, "secret" in outcome.err) == (2, False)

    def test_an_index_that_is_down(self) -> None:
        outcome = self.build("app", "--index-url", "http://127.0.0.1:9/simple/")
        assert (outcome.code, "http://127.0.0.1:9/simple/app/" in outcome.err) == (4, True)

    def test_an_index_that_fails(self) -> None:
        self.index.fault("/simple/lib/", "status", times=None, status=503)
        outcome = self.build("app")
        assert (outcome.code, "/simple/lib/" in outcome.err, "503" in outcome.err) == (4, True, True)

    def test_a_file_with_the_wrong_hash(self) -> None:
        self.index.fault("/files/lib-1.0-py3-none-any.whl$", "flip", times=None)
        outcome = self.build("app")
        assert outcome.code == 5
        assert "lib-1.0-py3-none-any.whl" in outcome.err
        assert "expected: sha256:" in outcome.err
        assert "actual:   sha256:" in outcome.err

    def test_a_download_that_is_always_cut(self) -> None:
        self.index.fault("/files/lib-1.0-py3-none-any.whl$", "cut", times=None)
        outcome = self.build("app")
        assert (outcome.code, "lib-1.0-py3-none-any.whl" in outcome.err) == (4, True)

    def test_a_wheel_that_is_not_what_the_index_said_is_refused_and_the_next_is_taken(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, other = make_wheel("lib", "2.0", requires=["something"])
        self.index.add(
            "lib-2.0-py3-none-any.whl", other, metadata=b"Metadata-Version: 2.1\nName: lib\nVersion: 2.0\n\n"
        )
        options = ("--index-url", f"{self.origin}/simple/", "-o", self.place / "app.tar.zst", "--json")
        outcome = run(capsys, "build", "app", *options)
        assert outcome.code == 0
        assert "refused lib-2.0-py3-none-any.whl: " in outcome.err
        (passed,) = outcome.json["passed_over"]
        assert (passed["name"], passed["version"]) == ("lib", "2.0")


@pytest.fixture
def confined(tmp_path: Path, origin: str) -> list[str]:
    """Start of a command that mounts a small file system at $1 with options $2 and builds a bundle there."""
    prefix = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("this system offers no mount namespace (unshare -m)")
    place = tmp_path / "mounted"
    place.mkdir()
    script = 'mount -t tmpfs -o "$0" tmpfs "$1" && place=$1 && shift && "$@"; code=$?; ls -A "$place"; exit $code'
    arguments = [sys.executable, "-m", "bundler", "build", "app", "--index-url", f"{origin}/simple/"]
    options = ["-q", "--cache-dir", str(tmp_path / "cache"), "-o", str(place / "app.tar.zst")]
    return [*prefix, "sh", "-c", script, "OPTIONS", str(place), *arguments, *options]


@pytest.mark.parametrize(
    ("options", "reason"), [("size=8k", "no space left on device"), ("ro", "isn't writable")], ids=["full", "read-only"]
)
def test_a_full_disk_and_a_read_only_one(confined: list[str], options: str, reason: str) -> None:
    command = [options if part == "OPTIONS" else part for part in confined]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (7, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


class TestBundles:
    @pytest.mark.parametrize("verb", ["expand", "verify", "inspect"])
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "isn't a bundle"),
            (b"hello, this is no bundle at all\n" * 10, "isn't a bundle"),
            (b"\x1f\x8b\x08\x00" + bytes(100), "isn't a bundle"),
        ],
        ids=["empty", "text", "gzip"],
    )
    def test_a_foreign_file(
        self, verb: str, content: bytes, reason: str, capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "foreign.tar.zst"
        path.write_bytes(content)
        outcome = run(capsys, verb, path, *([place / "out"] if verb == "expand" else []))
        assert (outcome.code, reason in outcome.out + outcome.err) == (5, True)
        assert left_in(place) == []

    @pytest.mark.parametrize("verb", ["expand", "verify", "inspect"])
    def test_a_missing_bundle(self, verb: str, capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path) -> None:
        outcome = run(capsys, verb, tmp_path / "absent.tar.zst", *([place / "out"] if verb == "expand" else []))
        assert (outcome.code, "absent.tar.zst" in outcome.err) == (2, True)
        assert left_in(place) == []

    @pytest.mark.parametrize("verb", ["expand", "verify"])
    def test_a_flipped_byte(self, verb: str, bundle: Path, capsys: pytest.CaptureFixture[str], place: Path) -> None:
        data = bytearray(bundle.read_bytes())
        data[len(data) * 3 // 4] ^= 1
        bundle.write_bytes(data)
        outcome = run(capsys, verb, bundle, *([place / "out"] if verb == "expand" else []))
        assert outcome.code == 5
        assert left_in(place) == []

    def test_a_directory_that_is_not_empty(self, bundle: Path, capsys: pytest.CaptureFixture[str], place: Path) -> None:
        (place / "mine").write_text("mine")
        outcome = run(capsys, "expand", bundle, place)
        assert (outcome.code, "isn't empty" in outcome.err) == (2, True)
        forced = run(capsys, "expand", bundle, place, "--force")
        assert (forced.code, "isn't a former expansion" in forced.err) == (2, True)
        assert left_in(place) == ["mine"]

    def test_a_missing_parent_directory(self, bundle: Path, capsys: pytest.CaptureFixture[str], place: Path) -> None:
        outcome = run(capsys, "expand", bundle, place / "absent" / "out")
        assert outcome.code == 7
        assert left_in(place) == []


def test_a_wrong_option_and_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "build", "--nosuch").code == 2
    assert run(capsys, "nosuch").code == 2
    assert run(capsys, "build", "app").code == 2


CANARY = "CANARY77"


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{CANARY}/pw@127.0.0.1:9/simple/",
        f"http://user:{CANARY}#x@index.example/",
        f"user:{CANARY}@index.example/simple/",
        f"http:/user:{CANARY}@index.example/",
        f"http://user:{CANARY}\udcff@127.0.0.1:9/simple/",
        f"http://user:{CANARY}@127.0.0.1:9/simple/",
        f"http://user:{CANARY}@a..b/simple/",
    ],
)
def test_no_message_tells_the_password_of_an_index(url: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    outcome = run(capsys, "build", "app", "-o", place / "app.tar.zst", "--index-url", url)
    assert outcome.code in (2, 4)
    assert CANARY not in outcome.out + outcome.err


@pytest.mark.parametrize("line", ["a" + "\u3000" * 3000 + "!x", "1" * 60_000 + " x", "(" * 60_000])
def test_a_line_made_to_be_slow_is_refused_at_once(line: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "r.txt").write_text(line)
    started = time.process_time()
    assert run(capsys, "build", "-r", place / "r.txt", "-o", place / "app.tar.zst").code == 2
    assert time.process_time() - started < 2


@pytest.mark.parametrize("option", ["-r", "-c", "--target"])
def test_an_endless_file_is_refused(option: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    outcome = run(capsys, "build", "app", option, "/dev/zero", "-o", place / "app.tar.zst")
    assert (outcome.code, "/dev/zero is larger than" in outcome.err) == (2, True)


def test_a_device_is_not_replaced(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    os.mkfifo(place / "pipe")
    outcome = run(capsys, "build", "app", "-o", place / "pipe")
    assert (outcome.code, (place / "pipe").is_fifo()) == (2, True)


def test_a_link_is_followed(capsys: pytest.CaptureFixture[str], place: Path, origin: str) -> None:
    (place / "link").symlink_to(place / "real")
    assert run(capsys, "build", "app", "-o", place / "link", "--index-url", f"{origin}/simple/").code == 0
    assert ((place / "link").is_symlink(), (place / "real").is_file()) == (True, True)


def test_one_file_under_two_names_is_checked_under_each(
    capsys: pytest.CaptureFixture[str], place: Path, origin: str, index: FakeIndex
) -> None:
    filename, data = make_sdist("two", "1.0")
    index.add(filename, data, requires_python="<3.12")
    index.add("two-2.0.tar.gz", data, requires_python=">=3.12", url=f"{origin}/files/{filename}")
    pythons = ("--python", "3.11", "--python", "3.12", "--platform", "linux-x86_64")
    options = ("-o", place / "app.tar.zst", "--index-url", f"{origin}/simple/")
    outcome = run(capsys, "build", "two", *pythons, *options)
    assert (outcome.code, "two-2.0.tar.gz" in outcome.err) == (3, True)


def test_names_that_differ_only_in_case_are_refused(
    capsys: pytest.CaptureFixture[str], place: Path, origin: str, index: FakeIndex
) -> None:
    _, data = make_wheel("case", "1.0")
    index.add("Case-1.0-py3-none-any.whl", data, requires_python="<3.12")
    index.add("case-1.0-py3-none-any.whl", data, requires_python=">=3.12")
    pythons = ("--python", "3.11", "--python", "3.12", "--platform", "linux-x86_64")
    options = ("-o", place / "app.tar.zst", "--index-url", f"{origin}/simple/")
    outcome = run(capsys, "build", "case", *pythons, *options)
    assert (outcome.code, "are one file name on some systems" in outcome.err) == (5, True)


def test_a_directory_in_the_place_of_a_blob_is_replaced(
    capsys: pytest.CaptureFixture[str], place: Path, origin: str, tmp_path: Path
) -> None:
    options = ("-o", place / "app.tar.zst", "--index-url", f"{origin}/simple/", "--cache-dir", tmp_path / "cache")
    assert run(capsys, "build", "app", *options).code == 0
    for blob in [path for path in (tmp_path / "cache" / "v1" / "blobs").rglob("*") if path.is_file()]:
        blob.unlink()
        blob.mkdir()
        (blob / "inside").write_text("x")
    assert run(capsys, "build", "app", *options).code == 0


def test_a_bundle_that_cannot_fit_is_refused_before_any_work(
    bundle: Path, capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    outcome = run(capsys, "expand", bundle, place / "out")
    assert (outcome.code, "only 1000 are free" in outcome.err) == (7, True)
    assert left_in(place) == []
