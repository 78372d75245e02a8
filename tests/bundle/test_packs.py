from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle import packs
from bundler.bundle.expander import Recipes
from bundler.bundle.packs import Layout, lay_out
from bundler.bundle.recipes import LOCAL_HEADER, Blob, Copy, Deflated, Literal, Recipe, Step
from bundler.digests import Digest

Parts = list[tuple[str, Callable[[], Recipe]]]


def blob(content: bytes) -> Blob:
    return Blob(Digest.sha256(content), len(content))


def header(name: str) -> Literal:
    data = name.encode()
    return Literal(LOCAL_HEADER.pack(b"PK\3\4", 0, 8, 0, 0, len(data), 0) + data)


def wheel(files: Mapping[str, bytes]) -> Recipe:
    steps: list[Step] = []
    for name, content in files.items():
        steps += [header(name), Deflated(blob(content), len(content) + 5, 6, 8)]
    return Recipe((*steps, Literal(b"end")))


def parts(artifacts: Mapping[str, Recipe]) -> Parts:
    return [(filename, partial(lambda recipe: recipe, recipe)) for filename, recipe in sorted(artifacts.items())]


def laid_out(artifacts: Mapping[str, Recipe]) -> Layout:
    layout = lay_out(parts(artifacts))
    assert layout is not None
    return layout


def order(layout: Layout, contents: Mapping[bytes, str]) -> list[str]:
    return [contents[each.digest] for each in layout.placed]


def test_without_anything_deflated_there_is_no_layout() -> None:
    assert lay_out([]) is None
    assert lay_out(parts({"a-1.0.tar.gz": Recipe((Copy(blob(b"all of it")),))})) is None


def test_an_artifact_with_nothing_deflated_stays_whole_beside_others() -> None:
    layout = laid_out({"a-1.whl": Recipe((Copy(blob(b"whole")),)), "b-1.whl": wheel({"b.py": b"b"})})
    assert layout.filenames == ("b-1.whl",)
    assert [each.filename for each in layout.placed] == ["b-1.whl"]


def test_content_that_several_artifacts_hold_stands_once() -> None:
    layout = laid_out({"a-1.whl": wheel({"x.py": b"same"}), "b-1.whl": wheel({"y.py": b"same", "z.py": b"other"})})
    assert sorted(each.size for each in layout.placed) == [4, 5]
    assert layout.packs == (9,)


def test_versions_of_one_file_stand_side_by_side_and_machine_code_stands_first() -> None:
    files = {
        "a-1.0-cp310-cp310-linux.whl": {"a/core.cpython-310-x86_64-linux-gnu.so": b"310", "a/one.py": b"a one of 310"},
        "a-1.0-cp311-cp311-linux.whl": {"a/core.cpython-311-x86_64-linux-gnu.so": b"3.11", "a/one.py": b"a one 3.11"},
        "b-2.0-py3-none-any.whl": {"b/two.py": b"two", "b/logo.png": b"picture", "b/b.cpython-312-darwin.so": b"5"},
    }
    layout = laid_out({filename: wheel(members) for filename, members in files.items()})
    contents = {hashlib.sha256(data).digest(): data.decode() for each in files.values() for data in each.values()}
    assert order(layout, contents) == ["310", "3.11", "5", "a one 3.11", "a one of 310", "two", "picture"]


def test_a_copied_stream_without_a_name_stands_last() -> None:
    layout = laid_out({"a-1.whl": Recipe((*wheel({"z.zip": b"zipped"}).steps, Copy(blob(b"unproven"))))})
    assert [each.size for each in layout.placed] == [6, 8]
    assert not layout.placed[-1].is_deflated


_contents = st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=6, unique=True)
_names = st.sampled_from(["a.py", "b/core.cpython-311.so", "c.so.1", "d.png", "e/f-1.2.3.txt", "noext"])
_wheels = st.dictionaries(
    st.from_regex(r"[a-c]-[0-9]\.whl", fullmatch=True), st.dictionaries(_names, st.binary(min_size=1)), min_size=1
).map(lambda files: {filename: wheel(members) for filename, members in files.items() if members})


@given(_wheels.filter(bool), st.integers(1, 40))
def test_recipes_and_packs_are_what_a_reader_asks_for(artifacts: dict[str, Recipe], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "LARGEST_PACK", most)
        patch.setattr(packs, "_FULL_ENOUGH", most * 3 // 4)
        layout = laid_out(artifacts)
    assert all(0 < size <= most for size in layout.packs)
    assert sum(layout.packs) == sum(each.size for each in layout.placed)
    assert len(layout.packs) <= 3 * sum(layout.packs) // most + 3
    sizes = [(filename, artifacts[filename].size) for filename in layout.filenames]
    read = Recipes(layout.recipes, sizes, sum(layout.packs))
    assert [size for _, size, _ in read.blobs()] == [each.size for each in layout.placed]
    assert layout.blobs == Digest.sha256(b"".join(each.digest for each in layout.placed))


@given(_wheels.filter(bool), st.randoms(use_true_random=False))
def test_the_order_of_blobs_does_not_depend_on_that_of_artifacts(
    artifacts: dict[str, Recipe], order: random.Random
) -> None:
    shuffled = parts(artifacts)
    order.shuffle(shuffled)
    other = lay_out(shuffled)
    assert other is not None
    assert [each.digest for each in other.placed] == [each.digest for each in laid_out(artifacts).placed]
    assert other.packs == laid_out(artifacts).packs


def test_a_blob_is_where_the_layout_says() -> None:
    recipe = Recipe((header("a.py"), Deflated(blob(b"deflated"), 20, 6, 8), Copy(blob(b"as it is"))))
    layout = laid_out({"a-1.whl": recipe})
    found = {each.digest: (each.filename, each.offset, each.is_deflated) for each in layout.placed}
    assert found[hashlib.sha256(b"deflated").digest()] == ("a-1.whl", recipe.offsets[1], True)
    assert found[hashlib.sha256(b"as it is").digest()] == ("a-1.whl", recipe.offsets[2], False)


def test_a_nearly_full_pack_ends_where_neighbours_differ_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "LARGEST_PACK", 100)
    monkeypatch.setattr(packs, "_FULL_ENOUGH", 75)
    files = {
        f"lib{letter}.so": bytes([number]) * size
        for number, (letter, size) in enumerate(zip("abcd", (40, 40, 15, 10), strict=True))
    }
    texts = {"a.txt": b"t" * 3}
    assert laid_out({"p-1.whl": wheel({**files, **texts})}).packs[0] in (80, 95)


def test_a_blob_larger_than_a_pack_fills_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "LARGEST_PACK", 100)
    layout = laid_out({"p-1.whl": wheel({"a.so": b"a" * 250, "b.py": b"b" * 30})})
    assert layout.packs == (100, 100, 50, 30)


def test_recipes_of_more_steps_than_readers_take_have_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = {f"{name}-1.whl": wheel({f"{name}.py": name.encode(), "same.py": b"same"}) for name in "abc"}
    artifacts["b-1.whl"] = wheel({f"b{number}.py": b"%d" % number for number in range(9)})
    steps = {filename: len(recipe.steps) for filename, recipe in artifacts.items()}
    monkeypatch.setattr(packs, "MOST_STEPS", steps["a-1.whl"] + steps["c-1.whl"])
    layout = laid_out(artifacts)
    assert layout.filenames == ("a-1.whl", "c-1.whl")
    assert [each.size for each in layout.placed] == [1, 1, 4]
    monkeypatch.setattr(packs, "MOST_STEPS", 1)
    assert lay_out(parts(artifacts)) is None


@given(_wheels.filter(bool), st.integers(1, 2000))
def test_recipes_are_never_larger_than_readers_take(artifacts: dict[str, Recipe], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "LARGEST_RECIPES", most)
        layout = lay_out(parts(artifacts))
    assert layout is None or len(layout.recipes) <= most


def test_a_step_takes_no_more_bytes_than_are_reckoned() -> None:
    largest = Deflated(Blob(Digest.sha256(b""), (1 << 63) - 1), (1 << 63) - 1, 9, 9)
    one, two = (len(Recipe((largest,) * count).encode_placed(lambda blob: (1 << 61) - 1)) for count in (1, 2))
    assert two - one == 28


def test_blobs_that_differ_in_size_alone_stand_apart() -> None:
    lie = Recipe((Deflated(Blob(Digest.sha256(b"same"), 5), 20, 6, 8),))
    layout = laid_out({"a-1.whl": wheel({"x.py": b"same"}), "b-1.whl": lie})
    assert sorted(each.size for each in layout.placed) == [4, 5]
