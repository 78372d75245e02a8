"""Project pages for the laws that both codecs obey."""

from __future__ import annotations

from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.simple.model import ProjectFile, ProjectPage

URL = "https://index.example/simple/demo/"

digests = st.builds(lambda value: Digest("sha256", value), st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
# Any character but those that no writer could keep: surrogates aren't text, and HTML changes CR and NUL.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
filenames = st.from_regex(r"[a-z]{1,5}-[0-9]{1,3}(\+l\.1)?(-py3-none-any\.whl|\.tar\.gz)", fullmatch=True)


def project_files(**more: st.SearchStrategy[object]) -> st.SearchStrategy[ProjectFile]:
    def build(filename: str, metadata_digest: Digest | None, has_metadata: bool, **rest: object) -> ProjectFile:
        return ProjectFile(
            filename=filename,
            url=f"https://files.example/a%20b/{filename.replace('+', '%2B')}",
            has_metadata=has_metadata or metadata_digest is not None,
            metadata_digest=metadata_digest,
            **rest,  # type: ignore[arg-type]  # drawn by field name
        )

    return st.builds(
        build,
        filename=filenames,
        metadata_digest=st.none() | digests,
        has_metadata=st.booleans(),
        hashes=st.lists(digests, max_size=1).map(tuple),
        requires_python=st.none() | texts.filter(bool),
        yanked=st.none() | texts,
        upload_time=st.none() | texts,
        **more,
    )


def pages(files: st.SearchStrategy[ProjectFile]) -> st.SearchStrategy[ProjectPage]:
    def build(files: list[ProjectFile], status: str, reason: str | None) -> ProjectPage:
        names = tuple(file.filename for file in files)
        return ProjectPage(
            name="demo", url=URL, filenames=names, read=files.__getitem__, status=status, status_reason=reason
        )

    statuses = st.sampled_from(["active", "archived", "quarantined", "deprecated"])
    return st.builds(build, files=st.lists(files, max_size=4), status=statuses, reason=st.none() | texts)
