from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import UnusableFile
from bundler.trees import links, model
from bundler.trees.links import regular_files
from bundler.trees.model import TreeFile, TreeLink
from tests.trees.making import content


def tree(**entries: str) -> dict[str, TreeFile | TreeLink]:
    """A tree by its names, "__" for "/"; a value that starts with ">" is a link's target, others are contents."""
    return {
        name.replace("__", "/"): TreeLink(target=text[1:]) if text.startswith(">") else content(text.encode())
        for name, text in entries.items()
    }


def resolved(entries: dict[str, TreeFile | TreeLink], subdirectory: str = "") -> dict[str, str]:
    files = regular_files(entries, subdirectory, "here")
    return {name: b"".join(file.read()).decode() for name, file in files.items()}


def test_a_tree_without_links_stays_as_it_is() -> None:
    assert resolved(tree(b="1", a__b__c="2")) == {"a/b/c": "2", "b": "1"}


def test_a_link_is_replaced_by_what_it_leads_to() -> None:
    entries = tree(file="1", link=">file", far=">dir/link", dir__link=">../file", dir__x="2", other=">./dir/")
    assert resolved(entries) == {
        "file": "1",
        "link": "1",
        "far": "1",
        "dir/link": "1",
        "dir/x": "2",
        "other/link": "1",
        "other/x": "2",
    }


def test_a_subdirectory_holds_itself_alone_and_what_its_links_lead_to() -> None:
    entries = tree(LICENSE="L", a__x="1", a__LICENSE=">../LICENSE", b__y="2")
    assert resolved(entries, "a") == {"x": "1", "LICENSE": "L"}


def test_a_subdirectory_may_be_a_link() -> None:
    assert resolved(tree(a__x="1", b=">a"), "b") == {"x": "1"}


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (tree(a=">../b"), "its link 'a' leads out of the tree"),
        (tree(a=">/etc/passwd"), "its link 'a' leads out of the tree"),
        (tree(d__a=">x/../../../etc/passwd", d__x__y="1"), "its link 'd/a' leads out of the tree"),
        (tree(a=">b"), "its link 'a' leads to nothing"),
        (tree(a="1", b=">a/c"), "its link 'b' leads to nothing"),
        (tree(a=">a"), "its link 'a' leads in a circle"),
        (tree(a=">b", b=">a"), "leads in a circle"),
        (tree(d__a=">."), "leads to a directory that it lies in"),
        (tree(d__a=">../e", e__b=">../d"), "leads to a directory that it lies in"),
        (tree(a=">" + "b/" * 5000), "leads in a circle, or"),
        ({"../x": content(b"")}, "'../x' can't stand in an sdist"),
        ({"a/./x": content(b"")}, "can't stand in an sdist"),
        ({"a\\b": content(b"")}, "can't stand in an sdist"),
        ({"a\nb": content(b"")}, "can't stand in an sdist"),
        ({"C:x": content(b"")}, "can't stand in an sdist"),
        ({"\udcff": content(b"")}, "can't stand in an sdist"),
        ({"a": content(b""), "a/b": content(b"")}, "runs through a file"),
        ({"a/b": content(b""), "a": content(b"")}, "is there twice"),
        ({"a/" * 3000 + "b": content(b"")}, "nested too deeply"),
    ],
)
def test_what_cant_stand_in_an_sdist_is_refused_by_name(entries: dict[str, TreeFile | TreeLink], reason: str) -> None:
    with pytest.raises(UnusableFile, match=r"^here: ") as caught:
        regular_files(entries, "", "here")
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("subdirectory", "reason"),
    [("absent", "leads to nothing"), ("x", "is a file"), ("/d", "is an absolute path"), ("d/../..", "leads out")],
)
def test_a_subdirectory_that_isnt_there_is_refused(subdirectory: str, reason: str) -> None:
    with pytest.raises(UnusableFile, match=reason):
        regular_files(tree(x="1", d__y="2"), subdirectory, "here")


def test_links_that_multiply_files_end_at_the_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MAX_FILES", 1000)
    entries = tree(d30__x="1")
    for number in range(30):
        entries |= {f"d{number}/{name}": TreeLink(target=f"../d{number + 1}") for name in "ab"}
    with pytest.raises(UnusableFile, match="more than 1000 files"):
        regular_files(entries, "", "here")


def test_a_tree_that_is_too_large_is_refused() -> None:
    large = TreeFile(size=model.MAX_BYTES, read=lambda: iter(()))
    with pytest.raises(UnusableFile, match="than 1024 MiB"):
        regular_files({"a": large, "b": content(b"1")}, "", "here")


NAMES = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)
ENTRIES = st.one_of(NAMES.map(lambda target: TreeLink(target=target)), st.binary(max_size=3).map(content))


@given(st.dictionaries(NAMES, ENTRIES, max_size=10), NAMES)
def test_any_tree_is_resolved_or_refused(entries: dict[str, TreeFile | TreeLink], subdirectory: str) -> None:
    try:
        files = regular_files(entries, subdirectory, "here")
    except UnusableFile:
        return
    assert all(".." not in name.split("/") for name in files)
    assert {id(file) for file in files.values()} <= {id(entry) for entry in entries.values()}
