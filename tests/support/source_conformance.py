"""What every implementation of the source port does; a test class inherits `SourceConformance` and says how to get one.

The world that an implementation has to show, on an index of its own:

    alpha 1.0, a wheel that requires beta>=1 and, with the extra "more", gamma; and alpha 2.0, yanked as "broken"
    beta 1.0, an sdist with static metadata that requires Python 3.9
    delta 1.0, a wheel whose METADATA is of another project
    epsilon, known and without files
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bundler.errors import NotFound, UnusableFile
from bundler.resolution.source import Source
from bundler.simple.model import ProjectFile
from bundler.targets.model import Target

__all__ = ["TARGET", "SourceConformance", "file_of"]

TARGET = Target(
    name="test",
    environment=(("python_full_version", "3.12.0"), ("python_version", "3.12"), ("sys_platform", "linux")),
    tags=(),
)


def file_of(source: Source, project: str, filename: str) -> ProjectFile:
    page = source.page(project)
    return page.read(page.filenames.index(filename))


class SourceConformance:
    """Inherit, and give a fixture `source` that shows the world above."""

    def test_a_page_has_its_files_in_order(self, source: Source) -> None:
        page = source.page("alpha")
        assert page.name == "alpha"
        assert page.filenames == ("alpha-1.0-py3-none-any.whl", "alpha-2.0-py3-none-any.whl")
        assert [file.filename for file in page.files()] == list(page.filenames)
        assert all(file.digest is not None for file in page.files())

    def test_a_page_tells_what_is_yanked(self, source: Source) -> None:
        assert [file.yanked for file in source.page("alpha").files()] == [None, "broken"]

    def test_a_page_may_be_empty(self, source: Source) -> None:
        assert source.page("epsilon").filenames == ()

    def test_an_unknown_project_is_not_found_each_time(self, source: Source) -> None:
        for _ in range(2):
            with pytest.raises(NotFound, match="'absent'"):
                source.page("absent")

    def test_the_same_question_has_the_same_answer(self, source: Source) -> None:
        assert source.page("alpha") == source.page("alpha")
        wheel = file_of(source, "alpha", "alpha-1.0-py3-none-any.whl")
        assert source.metadata(wheel) == source.metadata(wheel)

    def test_a_wheels_metadata_is_read(self, source: Source) -> None:
        metadata = source.metadata(file_of(source, "alpha", "alpha-1.0-py3-none-any.whl"))
        assert (metadata.name, metadata.version, metadata.extras) == ("alpha", Version("1.0"), ("more",))
        assert [str(requirement) for requirement in metadata.requires_dist] == [
            "beta>=1",
            'gamma; extra == "more"',
        ]

    def test_a_static_sdists_metadata_is_read(self, source: Source) -> None:
        metadata = source.metadata(file_of(source, "beta", "beta-1.0.tar.gz"))
        assert (metadata.name, metadata.version, str(metadata.requires_python)) == ("beta", Version("1.0"), ">=3.9")

    def test_a_broken_file_is_unusable_each_time_and_named(self, source: Source) -> None:
        broken = file_of(source, "delta", "delta-1.0-py3-none-any.whl")
        for _ in range(2):
            with pytest.raises(UnusableFile, match=r"^delta-1\.0-py3-none-any\.whl"):
                source.metadata(broken)

    def test_a_hint_returns_at_once_and_never_raises(self, source: Source) -> None:
        source.anticipate([Requirement("absent"), Requirement("alpha[more]"), Requirement("delta")], TARGET)
        source.anticipate([], TARGET)
        source.anticipate_files(source.page(name).read(0) for name in ("alpha", "delta"))
        source.anticipate_files([])
        assert source.page("alpha").name == "alpha"

    def test_many_threads_get_the_same_answers(self, source: Source) -> None:
        with ThreadPoolExecutor(8) as pool:
            pages = list(pool.map(source.page, ["alpha", "beta", "epsilon"] * 20))
        assert pages == [source.page(name) for name in ["alpha", "beta", "epsilon"] * 20]
