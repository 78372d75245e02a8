from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from bundler.digests import Digest
from bundler.errors import RequirementError
from bundler.requirements.files.references import absolute_url, parse_editable, parse_reference, reference_at
from bundler.requirements.model import DeclaredReference
from bundler.requirements.origins import Origin
from tests.requirements.disk import Disk

ORIGIN = Origin(source="in/r.txt", line=3)
SHA256 = "a" * 64
WHEEL = "x_y-1.0-py3-none-any.whl"
DISK = Disk.holding(
    *("./", "/", "shop/", "/abs/shop/", "my shop/", WHEEL, "/abs/x_y-1.0.tar.gz", "foo@bar/x-2.zip"),
    *("C:/wheels/x-2.zip", "tag.tar.gz", "notes.pdf", "requirements.txt"),
)


def _read(text: str, hashes: tuple[Digest, ...] = ()) -> DeclaredReference | None:
    return parse_reference(text, origin=ORIGIN, locate=DISK.locate, hashes=hashes)


def _parts(text: str) -> tuple[str, str | None, tuple[str, ...], str]:
    reference = _read(text)
    assert reference is not None
    assert reference.origin == ORIGIN
    return reference.url, reference.name, reference.extras, str(reference.marker or "")


def _refusal(text: str) -> RequirementError:
    with pytest.raises(RequirementError) as caught:
        _read(text)
    assert caught.value.message.startswith("in/r.txt:3: ")
    return caught.value


@pytest.mark.parametrize(
    "text", ["flask", "flask[a]>=1 ; platform_version == 'a/b'", "x @", "shop", "", "a=b", "x.zipp"]
)
def test_a_name_is_no_reference(text: str) -> None:
    assert _read(text) is None


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        (f"https://h.example/{WHEEL}", f"https://h.example/{WHEEL}", "x-y"),
        (f"HTTPS://h.example/{WHEEL}?a=b", f"https://h.example/{WHEEL}?a=b", "x-y"),
        ("http://h.example/X.Y-1.0.tar.gz", "http://h.example/X.Y-1.0.tar.gz", "x-y"),
        ("https://h.example/x-1.0%2Bcpu.zip", "https://h.example/x-1.0%2Bcpu.zip", "x"),
        ("https://u:p@h.example/x-1.zip", "https://u:p@h.example/x-1.zip", "x"),
        ("https://h.example/archive/v1.zip", "https://h.example/archive/v1.zip", None),
        ("https://h.example/archive/v1.zip#egg=A.b", "https://h.example/archive/v1.zip#egg=A.b", "a-b"),
        ("A.b @ https://h.example/archive/v-1.zip", "https://h.example/archive/v-1.zip", "a-b"),
        ("a@https://h.example/v1;2.zip", "https://h.example/v1;2.zip", "a"),
        ("git+https://git.example/x@v1#subdirectory=a/b", "git+https://git.example/x@v1#subdirectory=a/b", None),
        ("git+https://git.example/x@v1#egg=z&subdirectory=a", "git+https://git.example/x@v1#egg=z&subdirectory=a", "z"),
        ("x @ git+https://git.example/x#egg=X", "git+https://git.example/x#egg=X", "x"),
        ("x @ git+ssh://git@git.example:2222/x.git@a/b", "git+ssh://git@git.example:2222/x.git@a/b", "x"),
        ("git+http://git.example/x", "git+http://git.example/x", None),
        ("git+git://git.example/x", "git+git://git.example/x", None),
        ("git+file:///srv/x@v1", "git+file:///srv/x@v1", None),
        (".", "file:///w/", None),
        ("..", "file:///", None),
        ("./shop", "file:///w/shop/", None),
        ("./my shop", "file:///w/my%20shop/", None),
        ("/abs/shop", "file:///abs/shop/", None),
        (WHEEL, f"file:///w/{WHEEL}", "x-y"),
        ("/abs/x_y-1.0.tar.gz", "file:///abs/x_y-1.0.tar.gz", "x-y"),
        ("./tag.tar.gz", "file:///w/tag.tar.gz", None),
        ("foo@bar/x-2.zip", "file:///w/foo@bar/x-2.zip", "x"),
        ("C:\\wheels\\x-2.zip", "file:///C:/wheels/x-2.zip", "x"),
        ("file:///C:/wheels/x-2.zip", "file:///C:/wheels/x-2.zip", "x"),
        ("file:///abs/shop", "file:///abs/shop/", None),
        ("FILE:/abs/shop#egg=shop", "file:///abs/shop/#egg=shop", "shop"),
        ("file:./my%20shop", "file:///w/my%20shop/", None),
        ("x @ file:./shop#subdirectory=a", "file:///w/shop/#subdirectory=a", "x"),
        ("x@file:shop", "file:///w/shop/", "x"),
        ("file://localhost/abs/shop", "file:///abs/shop/", None),
    ],
)
def test_a_reference_has_an_absolute_url_and_perhaps_a_name(text: str, url: str, name: str | None) -> None:
    assert _parts(text) == (url, name, (), "")


@pytest.mark.parametrize(
    "text",
    [
        "x-y[B,a] @ https://h.example/p.zip ; os_name == 'nt'",
        "x-y [a,b]@https://h.example/p.zip; os_name == 'nt'",
        "x-y[a,A,b] @ https://h.example/p.zip\t; os_name == 'nt'",
    ],
)
def test_extras_are_sorted_and_markers_read(text: str) -> None:
    assert _parts(text) == ("https://h.example/p.zip", "x-y", ("a", "b"), 'os_name == "nt"')


@pytest.mark.parametrize("text", ["./shop[b,a];os_name == 'nt'", "./shop [a,b] ; os_name == 'nt'"])
def test_a_path_may_have_extras_and_a_marker(text: str) -> None:
    assert _parts(text) == ("file:///w/shop/", None, ("a", "b"), 'os_name == "nt"')


def test_an_empty_marker_is_none() -> None:
    assert _parts("./shop ;") == ("file:///w/shop/", None, (), "")


def test_hashes_come_from_the_options_and_from_the_fragment() -> None:
    stated, other = Digest("sha256", SHA256), Digest("sha512", "b" * 128)
    for hashes in ((other,), (other, stated)):
        reference = _read(f"https://h.example/{WHEEL}#sha256={SHA256}", hashes)
        assert reference is not None
        assert reference.hashes == (other, stated)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("./absent", "there is no file or directory './absent'", "relative to the working directory"),
        ("~/absent", "there is no file or directory", "relative to the working directory"),
        ("absent-1.0.tar.gz", "there is no file or directory", "relative to the working directory"),
        ("x @ ./shop", "there is no file or directory 'x @ ./shop'", "name @ file:./path"),
        ("file://far.example/abs/shop", "there is no file or directory", "relative"),
        ("file:///abs/%00", "there is no file or directory", "relative"),
        ("file:", "there is no file or directory", "relative"),
        ("./notes.pdf", "'notes.pdf' is neither a wheel nor an sdist", ".tar.gz"),
        ("./requirements.txt", "isn't a requirement", "did you mean -r ./requirements.txt?"),
        ("https://h.example/x-1.0.tar.bz2", "is neither a wheel nor an sdist", ".tar.gz"),
        ("https://h.example/x-1.0.exe", "is neither a wheel nor an sdist", ".whl"),
        ("https://h.example/x/", "a URL names no file", ".whl"),
        ("https://h.example/x.whl", "not the file name of a wheel", ""),
        ("https://h.example/a%2Fb-1.0-py3-none-any.whl", "unsafe file name", ""),
        (f"z @ https://h.example/{WHEEL}", f"{WHEEL} is a wheel of x-y, and asked for as z", "write x-y @ …"),
        ("a @ https://h.example/v1.zip#egg=b", "named a, and b behind #egg=", "leave #egg= out"),
        ("https://h.example/x-1.zip#subdir=a", "'subdir=a' behind the # of a URL", "#subdirectory="),
        ("https://h.example/x 1.zip", "isn't a usable URL", "percent-encoded"),
        ("https:///x-1.zip", "isn't a usable URL", "https://host/path"),
        ("https://h.example:x/x-1.zip", "isn't a usable URL", "https://host/path"),
        ("https://[h.example/x-1.zip", "isn't a usable URL", "https://host/path"),
        ("x @ https://h.example/x-1.zip ; os_name", "'x ; os_name' isn't understood", ""),
        ("x[ @ https://h.example/x-1.zip", "there is no file or directory", ""),
        ("x[!] @ https://h.example/x-1.zip", "isn't understood of a direct reference", ""),
        ("ftp://h.example/x-1.zip", "is a URL of a kind that isn't taken, ftp", "git+https"),
        ("git://git.example/x", "is a URL of a kind that isn't taken, git", "git+https"),
        ("ssh://git@git.example/x", "is a URL of a kind that isn't taken, ssh", "git+ssh"),
        ("git+ftp://git.example/x", "is a URL of a kind that isn't taken, git+ftp", "git+ssh"),
        ("hg+https://hg.example/x", "Mercurial repositories aren't taken", "make an sdist"),
        ("x @ svn+ssh://svn.example/x", "Subversion repositories aren't taken", "make an sdist"),
        ("bzr+lp://x/y", "Bazaar repositories aren't taken", "make an sdist"),
        ("git@git.example:team/x.git", "'git@git.example:team/x.git' isn't a URL", "git+ssh://git@git.example/"),
        ("git@git.example:x", "isn't a URL", "git+ssh://git@git.example/"),
        ("git+git@git.example:team/x.git", "isn't a URL", "git+ssh://git@git.example/"),
        ("x @ git+ssh://git@git.example:team/x", "isn't a URL", "git+ssh://git@git.example/"),
        ("git+file://srv/x", "isn't a usable URL", ""),
        ("git+https://git.example", "isn't a usable URL", ""),
        ("git+https://git.example/x@", "names no commit, tag or branch", "leave the @ out"),
        ("git+https://git.example/x@--upload-pack=x", "names no commit, tag or branch", ""),
        ("git+ssh://-oProxyCommand=x/y", "isn't a usable URL", ""),
        ("git+https://git.example/x#egg=y", "#egg= alone", "write y @ git+https://git.example/x"),
        ("git+https://git.example/x@v1#egg=Y.z", "#egg= alone", "write Y.z @ git+https://git.example/x@v1"),
        (f"git+https://git.example/x#sha256={SHA256}", "a repository has no hash", "leave the hash out"),
        (f"file:./shop#sha256={SHA256}", "a directory has no hash", "leave the hash out"),
    ],
)
def test_a_reference_that_isnt_taken_is_refused_with_what_to_write(text: str, message: str, hint: str) -> None:
    error = _refusal(text)
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize("text", ["./shop", "x @ git+https://git.example/x"])
def test_a_hash_option_binds_no_directory_and_no_repository(text: str) -> None:
    with pytest.raises(RequirementError, match="has no hash that could be checked"):
        _read(text, (Digest("sha256", SHA256),))


@pytest.mark.parametrize("text", [".", "./shop", "shop", "shop[a]", "/abs/shop", "file:///abs/shop", "x @ file:./shop"])
def test_an_editable_directory_is_that_directory(text: str) -> None:
    reference = parse_editable(text, origin=ORIGIN, locate=DISK.locate)
    assert reference.url.startswith("file:///")
    assert reference.url.endswith("/")
    assert reference.extras == (("a",) if "[" in text else ())


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("absent", "there is no file or directory 'absent'", "relative to the working directory"),
        (WHEEL, "isn't a local directory", "leave -e out"),
        (f"https://h.example/{WHEEL}", "isn't a local directory", "leave -e out"),
        (
            "git+https://git.example/x@v1",
            "editable install of a repository",
            "write NAME @ git+https://git.example/x@v1",
        ),
        (
            "git+https://git.example/x@v1#egg=y&subdirectory=z",
            "editable install of a repository",
            "write y @ git+https://git.example/x@v1#subdirectory=z",
        ),
        (
            "x[b,a] @ git+ssh://git@git.example/x",
            "editable install of a repository",
            "write x[a,b] @ git+ssh://git@git.example/x",
        ),
    ],
)
def test_nothing_else_can_be_editable(text: str, message: str, hint: str) -> None:
    with pytest.raises(RequirementError) as caught:
        parse_editable(text, origin=ORIGIN, locate=DISK.locate)
    assert message in caught.value.message
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_a_path_can_be_made_absolute_from_a_file() -> None:
    locate = Disk.holding("x", "in/x/").locate
    assert absolute_url("x", locate, "in/r.txt") == "file:///w/in/x/"
    assert absolute_url("file:x#egg=y", locate) == "file:///w/x#egg=y"
    assert absolute_url("", locate) is None
    assert absolute_url("x\0", locate) is None


@pytest.mark.parametrize("url", ["git+../x", "x", "", "hg+https://hg.example/x", "https://"])
def test_a_table_names_an_absolute_url_that_is_taken(url: str) -> None:
    with pytest.raises(RequirementError, match=r"^in/r\.txt:3: "):
        reference_at(Requirement("x"), url, ORIGIN, DISK.locate)


def test_a_subdirectory_joins_the_fragment() -> None:
    url = f"https://files.example/x-1.0.tar.gz#sha256={SHA256}"
    found = reference_at(Requirement("x"), url, ORIGIN, DISK.locate, subdirectory="a b/c")
    assert found.url.endswith("&subdirectory=a%20b/c")
    found = reference_at(Requirement("x"), "git+https://git.example/x", ORIGIN, DISK.locate, subdirectory="c")
    assert found.url == "git+https://git.example/x#subdirectory=c"


_PIECES = st.sampled_from(
    [
        *("x", "@", " @ ", "https://", "git+", "hg+", "ssh://", "file:", "//", "/", "./", "..", "~", ":", "h.example"),
        *(WHEEL, "./shop", ".zip", "-1.0", "#", "egg=", "&", "subdirectory=", "sha256=", SHA256, "[a]", "[", "]", ";"),
        *(" ; ", "os_name=='nt'", "(", "%00", "%2F", "\\", "C:\\", "\x00", "\n", "-", "é", "?", "::"),
    ]
)


@given(st.lists(_PIECES, max_size=10).map("".join) | st.text(max_size=30))
def test_no_text_does_worse_than_a_requirement_error(text: str) -> None:
    with contextlib.suppress(RequirementError):
        reference = _read(text)
        assert reference is None or reference.url.startswith(("file:///", "http://", "https://", "git+"))
    with contextlib.suppress(RequirementError):
        assert parse_editable(text or "x", origin=ORIGIN, locate=DISK.locate).url.startswith("file:///")
