from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle import expander, packs
from bundler.bundle.expander import is_safe_name
from bundler.bundle.manifest import LARGEST_PACK, RECIPE, Content, Manifest, Pack
from bundler.bundle.soundness import CONTENT_RATIO, CONTENT_SLACK, LARGEST_RECIPES, PACKS_RATIO, PACKS_SLACK
from bundler.digests import Digest
from bundler.errors import BundleFormatError
from tests.bundle.samples import artifact, document, manifest_of, pin, target

DEMO = replace(
    manifest_of({"requirements.txt": b"demo==1.0\n"}, {"a-1.0.tar.gz": b"a", "b-1.0-py3-none-any.whl": b"b"}),
    pins=(pin("a", "a-1.0.tar.gz", ("b",)), pin("b", "b-1.0-py3-none-any.whl")),
)


CONTENT = Content(
    recipes=document("recipes", b"how"),
    packs=(Pack(filename="pack-0001", size=1000), Pack(filename="pack-0002", size=1)),
    blobs=Digest.sha256(b"blobs"),
)
COMPACT = replace(DEMO, artifacts=(replace(DEMO.artifacts[0], stored=RECIPE), DEMO.artifacts[1]), content=CONTENT)


def edited(change: Callable[[dict[str, Any]], object], manifest: Manifest = DEMO) -> bytes:
    fields = json.loads(manifest.encode())
    change(fields)
    return canonical(fields)


def canonical(fields: object) -> bytes:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{text}\n".encode()


def refusal(data: bytes) -> str:
    with pytest.raises(BundleFormatError) as caught:
        Manifest.decode(data)
    return caught.value.message


@pytest.mark.parametrize("manifest", [DEMO, COMPACT])
def test_decoding_gives_back_what_was_encoded(manifest: Manifest) -> None:
    assert Manifest.decode(manifest.encode()) == manifest


def test_the_program_that_travels_has_the_same_bounds() -> None:
    theirs = expander.LARGEST_PACK, expander.LARGEST_RECIPES, expander.CONTENT_SLACK, expander.CONTENT_RATIO
    assert theirs == (LARGEST_PACK, LARGEST_RECIPES, CONTENT_SLACK, CONTENT_RATIO)
    assert (expander.PACKS_SLACK, expander.PACKS_RATIO) == (PACKS_SLACK, PACKS_RATIO)


@pytest.mark.parametrize(("size", "most"), [(1, PACKS_SLACK), (LARGEST_PACK // 2, PACKS_SLACK + 31)])
def test_there_are_no_more_packs_than_their_content_needs(size: int, most: int) -> None:
    def with_packs(count: int) -> bytes:
        listed = tuple(Pack(filename=f"pack-{number:04}", size=size) for number in range(1, count + 1))
        large = (replace(COMPACT.artifacts[0], size=1 << 40), COMPACT.artifacts[1])
        return replace(COMPACT, artifacts=large, content=replace(CONTENT, packs=listed)).encode()

    assert Manifest.decode(with_packs(most))
    assert [file.kind for file in expander.read_list(with_packs(most))].count(expander.PACK) == most
    for wrong in (with_packs(most + 1), with_packs(100_000)) if size == 1 else ():
        assert "more packs" in refusal(wrong)
        with pytest.raises(expander.Refusal, match="or more"):
            expander.read_list(wrong)


@given(st.lists(st.integers(1, 41) | st.integers(1, 200)))
def test_as_few_packs_are_written_whatever_the_blobs(sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "LARGEST_PACK", 40)
        patch.setattr(packs, "_FULL_ENOUGH", 30)
        cut = [*packs._cut([(3, "", "", size) for size in sizes])]
    assert len(cut) <= PACKS_SLACK + PACKS_RATIO * sum(sizes) // 40


def test_a_manifest_without_packs_is_of_format_1_as_it_always_was() -> None:
    assert (DEMO.format, COMPACT.format) == (1, 2)
    assert "content" not in json.loads(DEMO.encode())


def test_recipes_stand_before_whole_artifacts_in_the_tar_and_packs_behind_them() -> None:
    names = [file.filename for file in COMPACT.members]
    assert names == ["requirements.txt", "recipes", "b-1.0-py3-none-any.whl", "pack-0001", "pack-0002"]
    assert [file.filename for file in COMPACT.rebuilt] == ["a-1.0.tar.gz"]
    assert COMPACT.files == (*COMPACT.documents, *COMPACT.artifacts)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda fields: fields.pop("content"), "recipes without packs"),
        (lambda fields: fields["artifacts"][0].update(stored="whole"), "packs without recipes"),
        (lambda fields: fields["content"].update(packs=[]), "can't be read"),
        (lambda fields: fields["content"]["packs"][0].update(size=0), "can't be read"),
        (lambda fields: fields["content"]["packs"][0].update(size=LARGEST_PACK + 1), "can't be read"),
        (lambda fields: fields["content"].update(packs=2 * fields["content"]["packs"]), "other names"),
        (lambda fields: fields["content"]["packs"].reverse(), "other names"),
        (lambda fields: fields["content"]["packs"][0].update(filename="../pack"), "other names"),
        (lambda fields: fields["content"]["packs"][1].update(filename="pack-2"), "other names"),
        (lambda fields: fields["content"]["recipes"].update(size=LARGEST_RECIPES + 1), "larger than"),
        (lambda fields: fields["content"]["recipes"].update(filename="A-1.0.tar.gz"), "other names"),
        (lambda fields: fields["documents"][0].update(filename="Recipes"), "twice"),
        (lambda fields: fields["documents"][0].update(filename="pack-0002"), "twice"),
        (lambda fields: fields["content"]["packs"][0].update(size=LARGEST_PACK), "larger than"),
        (lambda fields: fields.update(content=None), "recipes without packs"),
        (lambda fields: fields.update(format=1), "canonical"),
    ],
    ids=range(16),
)
def test_packs_and_recipes_must_fit_each_other(change: Callable[[dict[str, Any]], object], reason: str) -> None:
    assert reason in refusal(edited(change, COMPACT))


def test_the_bytes_are_canonical_json_with_a_final_newline() -> None:
    assert DEMO.encode() == canonical(json.loads(DEMO.encode()))


def test_the_identity_is_the_sha256_of_the_bytes() -> None:
    assert str(DEMO.identity).startswith("sha256:")
    assert DEMO.identity != replace(DEMO, requirements=("other",)).identity


_names = st.from_regex(r"[A-Za-z0-9_+!][A-Za-z0-9._+!-]{0,254}", fullmatch=True).filter(
    lambda name: is_safe_name(name) and name.lower() not in ("bundle.json", "requirements.txt")
)


@given(
    names=st.lists(_names, max_size=6, unique_by=str.lower),
    requirements=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3),
    size=st.integers(0, 1 << 40),
)
def test_every_manifest_with_safe_names_survives_the_round_trip(
    names: list[str], requirements: list[str], size: int
) -> None:
    artifacts = tuple(replace(artifact(name, b""), size=size) for name in sorted(names))
    manifest = replace(DEMO, requirements=tuple(requirements), pins=(), artifacts=artifacts)
    assert Manifest.decode(manifest.encode()) == manifest


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format":1}\n'])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    assert "can't be read" in refusal(data)


@pytest.mark.parametrize("found", [0, 3, 99])
def test_another_format_is_refused_by_its_number(found: int) -> None:
    assert refusal(edited(lambda fields: fields.update(format=found, novelty={}))) == (
        f"the bundle is of format {found}, this bundler reads 1 to 2"
    )


def test_a_newer_format_asks_for_a_newer_bundler() -> None:
    with pytest.raises(BundleFormatError) as caught:
        Manifest.decode(b'{"format":3}\n')
    assert caught.value.hint == "upgrade bundler"


def test_an_unknown_way_of_storing_is_refused() -> None:
    assert "stored as 'split'" in refusal(edited(lambda fields: fields["artifacts"][0].update(stored="split")))


@pytest.mark.parametrize(
    "spelling",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace(b'":', b'": ', 1),
        lambda data: data.replace(b'"format":1', b'"format":1,"format":1'),
        lambda data: data.replace(b'"demo"', b'"d\\u0065mo"'),
    ],
    ids=["no newline", "two newlines", "a space", "a key twice", "an escape"],
)
def test_another_spelling_of_the_same_is_refused(spelling: Callable[[bytes], bytes]) -> None:
    assert "canonical" in refusal(spelling(DEMO.encode()))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "/a",
        "a/b",
        "a\\b",
        "C:a",
        "a\0",
        "a\n",
        "-a",
        ".a",
        "a" * 256,
        "ä",
        "nul.whl",
        "CON",
        "a.",
    ],
)
def test_an_unsafe_file_name_is_refused(name: str) -> None:
    assert "unsafe file name" in refusal(edited(lambda fields: fields["documents"][0].update(filename=name)))


@pytest.mark.parametrize("name", ["bundle.json", "Bundle.JSON", "a-1.0.tar.gz", "A-1.0.tar.gz"])
def test_two_files_of_one_name_are_refused_in_any_case(name: str) -> None:
    assert "twice" in refusal(edited(lambda fields: fields["documents"][0].update(filename=name)))


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields["artifacts"][0].update(size=-1),
        lambda fields: fields["artifacts"][0].update(size=1 << 41),
        lambda fields: fields["artifacts"][0].update(size=1.0),
        lambda fields: fields["artifacts"][0].update(size=True),
        lambda fields: fields["artifacts"][0].update(size="1"),
        lambda fields: fields["artifacts"][0].update(sha256="0" * 63),
        lambda fields: fields["artifacts"][0].update(sha256="A" * 64),
        lambda fields: fields["artifacts"][0].update(sha256="0" * 64 + "\n"),
        lambda fields: fields["artifacts"][0].update(mode=0o4755),
        lambda fields: fields.update(novelty=1),
        lambda fields: fields.pop("pins"),
        lambda fields: fields["targets"][0].pop("environment"),
        lambda fields: fields["targets"][0].update(name="../a"),
    ],
)
def test_a_field_out_of_its_bounds_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    assert "can't be read" in refusal(edited(change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda fields: fields["artifacts"].reverse(), "artifacts aren't in their order"),
        (lambda fields: fields["pins"].reverse(), "pins aren't in their order"),
        (lambda fields: fields["pins"].append(fields["pins"][1]), "pins aren't in their order"),
        (lambda fields: fields["pins"][0].update(requires=["b", "b"]), "requirements of a aren't in their order"),
        (lambda fields: fields["pins"][0].update(artifact="c.whl"), "isn't in the bundle"),
        (lambda fields: fields["pins"][0].update(target="elsewhere"), "isn't in the bundle"),
        (lambda fields: fields["pins"][0].update(requires=["c"]), "isn't in the bundle"),
        (lambda fields: fields["pins"][0].update(name="A_b"), "isn't a name and a version"),
        (lambda fields: fields["pins"][0].update(version="\x1b[2J"), "isn't a name and a version"),
        (lambda fields: fields["artifacts"][0].update(targets=["elsewhere"]), "isn't in the bundle"),
        (lambda fields: fields["artifacts"][0].update(targets=[]), "isn't in the bundle"),
        (lambda fields: fields["artifacts"][0].update(targets=["cp312-linux-x86_64"] * 2), "aren't in their order"),
        (lambda fields: fields["targets"].append(fields["targets"][0]), "a target twice"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(change: Callable[[dict[str, Any]], object], words: str) -> None:
    assert words in refusal(edited(change))


def test_files_come_in_the_order_of_the_tar() -> None:
    files = [file.filename for file in DEMO.files]
    assert files == ["requirements.txt", "a-1.0.tar.gz", "b-1.0-py3-none-any.whl"]


def test_targets_keep_their_order_and_artifacts_follow_it() -> None:
    both = ("cp313-linux-x86_64", "cp312-linux-x86_64")
    manifest = replace(
        DEMO, targets=tuple(target(name) for name in both), pins=(), artifacts=(artifact("a-1.0.tar.gz", b"", both),)
    )
    assert Manifest.decode(manifest.encode()) == manifest
    wrong = replace(manifest, artifacts=(artifact("a-1.0.tar.gz", b"", both[::-1]),))
    assert "aren't in their order" in refusal(wrong.encode())


def test_a_document_may_be_empty() -> None:
    manifest = replace(DEMO, documents=(document("empty.txt", b""),))
    assert Manifest.decode(manifest.encode()).documents[0].size == 0
