"""The anchor scanner: tables, an oracle, and shapes that cost other parsers minutes."""

from __future__ import annotations

import time
from urllib.parse import urldefrag, urljoin

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.errors import Refused, UnusableFile
from bundler.simple.compact import page_of
from bundler.simple.html import read_listing, write_page
from bundler.simple.model import ProjectFile, ProjectPage
from tests.simple.pages import URL, pages, project_files

SHA = "0" * 64
WHEEL = "demo-1.0-py3-none-any.whl"
TITLE = "<title>Links for demo</title>"


def page(body: str, *, url: str = URL, charset: str | None = None) -> ProjectPage:
    return page_of(read_listing(body.encode(), url=url, name="Demo", charset=charset))


def names(body: str) -> tuple[str, ...]:
    return page(TITLE + body).filenames


def read(attributes: str) -> ProjectFile:
    return page(f'<a href="{WHEEL}#sha256={SHA}" {attributes}>{WHEEL}</a>').read(0)


@given(pages(project_files()))
def test_reading_what_was_written_gives_the_same_page(original: ProjectPage) -> None:
    again = page_of(read_listing(write_page(original), url=URL, name="demo"))
    assert again == original
    assert list(again.files()) == list(original.files())


@pytest.mark.parametrize(
    ("attributes", "field", "value"),
    [
        ("", "hashes", (Digest("sha256", SHA),)),
        ("", "url", URL + WHEEL),
        ('data-requires-python="&gt;=3.8"', "requires_python", ">=3.8"),
        ("DATA-REQUIRES-PYTHON='>=3.8'", "requires_python", ">=3.8"),
        ("data-requires-python=", "requires_python", None),
        ("data-requires-python=3 data-requires-python=2", "requires_python", "3"),
        ("data-yanked", "yanked", ""),
        ('data-yanked="broken &amp; bad"', "yanked", "broken & bad"),
        ("", "yanked", None),
        ('data-core-metadata="true"', "has_metadata", True),
        ('data-core-metadata="false"', "has_metadata", False),
        ("", "has_metadata", False),
        (f"data-core-metadata=sha256={SHA}", "metadata_digest", Digest("sha256", SHA)),
        (f"data-dist-info-metadata=sha256={SHA}", "metadata_digest", Digest("sha256", SHA)),
        ("data-dist-info-metadata=true data-core-metadata=false", "has_metadata", False),
        ('data-upload-time="2026-01-01T00:00:00Z"', "upload_time", "2026-01-01T00:00:00Z"),
        ('data-requires-python="&#' + "9" * 5000 + ';"', "requires_python", "&#" + "9" * 5000 + ";"),
    ],
)
def test_every_attribute_is_read(attributes: str, field: str, value: object) -> None:
    assert getattr(read(attributes), field) == value


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a href='a-1.zip'>x</a><A\nHREF=a-2.zip>", ("a-1.zip", "a-2.zip")),
        ('<a rel=x href="a-1.zip?x=1#md5=2">', ("a-1.zip",)),
        ('<a href="https://files.example/d/a-1%2Bl.zip">other text</a>', ("a-1+l.zip",)),
        ('<a href="..%252f..%252fevil.whl">', ("..%2f..%2fevil.whl",)),
        ('<a href="x/..%2f..%2fevil.whl">', ("../../evil.whl",)),
        ('<a href="../">up</a><a href="#top"><a href="?C=M"><a name=x><a href=""><a>', ()),
        ('<!-- <a href="a-1.zip"> --><a href="a-2.zip">', ("a-2.zip",)),
        (
            '<!--><a href="a-1.zip"><!---><a href="a-2.zip"><!-- --!><a href="a-3.zip">',
            ("a-1.zip", "a-2.zip", "a-3.zip"),
        ),
        ('<!-- never closed <a href="a-1.zip">', ()),
        ("""<p title='<a href="a-1.zip">'><a href="a-2.zip">""", ("a-2.zip",)),
        ("""<p a=b'c><a href="a-1.zip">""", ("a-1.zip",)),
        ('<p title="never closed><a href=a-1.zip>', ()),
        ('<a href="a-1.zip', ()),
        ('<script>"<a href=a-1.zip>"</script ><a href=a-2.zip>', ("a-2.zip",)),
        ("<STYLE><a href=a-1.zip></stylex></style><a href=a-2.zip>", ("a-2.zip",)),
        ("<textarea><a href=a-1.zip>", ()),
        ("<title><a href=a-1.zip></title>", ()),
        ("<? <a href=a-1.zip><a href=a-2.zip>", ("a-2.zip",)),
        ("</ <a href=a-1.zip><a href=a-2.zip>", ("a-2.zip",)),
        ("3 < 4 <a href=a-1.zip>", ("a-1.zip",)),
        ("<abbr href=a-1.zip><a/href=a-2.zip />", ("a-2.zip",)),
        ('<a href="a-1.zip"data-yanked>', ("a-1.zip",)),
        ("<a =x href=a-1.zip>", ("a-1.zip",)),
        ('<a href = "a-1.zip">', ("a-1.zip",)),
        ('<a href=" a-1.zip ">', ("a-1.zip",)),
    ],
)
def test_tags_are_read_as_html5_tokenises_them(body: str, expected: tuple[str, ...]) -> None:
    assert names(body) == expected


PARTS = st.sampled_from(
    [
        f'<a href="https://files.example/{WHEEL}#sha256={SHA}">{WHEEL}</a><br/>\n',
        '<a class=x href="a-1.tar.gz" data-yanked="not &lt;good&gt;">a</a>',
        "<a href='a-2%2B1.zip' data-requires-python='&gt;=3'><b>a</b></a>",
        "<a name=anchor>none</a>",
        "<A HREF=a-3.zip>A</A>",
        '<!-- <a href="hidden-1.zip">x</a> -->',
        '<p title="&lt;a href=x&gt; > <a href=y-1.zip>">text</p>',
        "<br>",
        "<h1>Links &amp; files</h1>",
        "1 &lt; 2",
        '<script>var x = "<a href=z-1.zip>";</script>',
        "<style>a { color: red }</style>",
        "<pre>\n",
        "</pre>",
    ]
)


@given(st.lists(PARTS, max_size=12))
def test_the_scanner_agrees_with_lxml(parts: list[str]) -> None:
    body = f"<!DOCTYPE html><html><head>{TITLE}</head><body><p>.</p>{''.join(parts)}</body></html>"
    anchors = [dict(anchor.attrib) for anchor in lxml.html.fromstring(body).iter("a") if "href" in anchor.attrib]
    files = list(page(body).files())
    assert [file.url for file in files] == [urljoin(URL, urldefrag(anchor["href"]).url) for anchor in anchors]
    assert [file.yanked for file in files] == [anchor.get("data-yanked") for anchor in anchors]
    assert [file.requires_python for file in files] == [anchor.get("data-requires-python") for anchor in anchors]


HOSTILE = {
    "open quote": '<a href="',
    "many quotes": '<a x="',
    "nested": "<a><b>",
    "deep": "<div>",
    "anchors": "<a href=x>",
    "anchors that never close": '<a href="x" ',
    "tags that never close": "<p ",
    "attributes": "a=1 ",
    "names": "a ",
    "slashes": "<a / / /",
    "equals": "<a = = =",
    "white space": "<a  \n\t  ",
    "less-than": "<",
    "end tags": "</",
    "comments": "<!--",
    "dashes": "<!-- -- - --- ",
    "bogus comments": "<?",
    "declarations": "<!DOCTYPE",
    "scripts": "<script>",
    "end of scripts": "<script></scrip ",
    "titles": "<title></title",
    "entities": "<a href='&",
    "references": "&amp",
    "long entity": '<a href="&#99999999',
    "metas": "<meta name=a content='",
    "bases": "<base href ",
}


@pytest.mark.parametrize("shape", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_anything_is_scanned_in_linear_time(shape: str) -> None:
    body = TITLE + shape * (1_000_000 // len(shape))
    wrapped = TITLE + "<a " + shape * (1_000_000 // len(shape)) + f'><a href="{WHEEL}">'
    start = time.process_time()
    page(body)
    page(wrapped)
    # Measured: at most 0.3 s. What is quadratic takes minutes.
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html><body><form action=/login><input name=user></form><a href=/help>help</a></body></html>",
        "<title>Welcome to the airport</title><a href='terms.html'>",
        '{"meta": {"api-version": "1.0"}}',
    ],
)
def test_a_page_without_any_mark_of_an_index_is_refused_with_its_url(body: str) -> None:
    with pytest.raises(Refused, match=r"^https://index\.example/simple/demo/: .*doesn't look like"):
        page(body)


@pytest.mark.parametrize(
    "body",
    [TITLE, "<title>Index of /simple/demo</title>", '<meta name="pypi:repository-version" content="1.0">'],
)
def test_an_empty_project_on_a_marked_page_has_no_files(body: str) -> None:
    assert page(body).filenames == ()


def test_a_higher_major_version_is_refused() -> None:
    with pytest.raises(Refused, match=r"version '2\.0'"):
        page('<meta content="2.0" name="pypi:repository-version">')


def test_the_status_is_read() -> None:
    metas = (
        "<meta name='pypi:project-status' content=archived><meta name='pypi:project-status-reason' content='no time'>"
    )
    found = page(TITLE + metas)
    assert (found.name, found.status, found.status_reason) == ("demo", "archived", "no time")


@pytest.mark.parametrize("base", ["/files/", "https://index.example:443/files/", "../../files/"])
def test_a_base_of_the_same_origin_is_honoured(base: str) -> None:
    url = page(f'{TITLE}<base href="{base}"><base href="https://evil.example/"><a href="{WHEEL}">').read(0).url
    assert url in (f"https://index.example/files/{WHEEL}", f"https://index.example:443/files/{WHEEL}")


@pytest.mark.parametrize("base", ["https://evil.example/", "http://index.example/", "//evil.example", "https://[x/"])
def test_a_base_elsewhere_is_refused(base: str) -> None:
    with pytest.raises(Refused, match=r"^https://index\.example/simple/demo/: the page's <base>"):
        page(f'{TITLE}<base href="{base}"><a href="{WHEEL}">')


@pytest.mark.parametrize(
    "href",
    ["../../..%2f..%2fetc/.hidden.whl", "x/%2e%2e%2fevil.whl", "file:///srv/demo-1.0.zip", "javascript:demo-1.0.zip"],
)
def test_a_hostile_link_is_unusable_and_the_others_go_on(href: str) -> None:
    found = page(f'<a href="{href}"></a><a href="{WHEEL}"></a>')
    with pytest.raises(UnusableFile):
        found.read(0)
    assert found.read(1).filename == WHEEL


@pytest.mark.parametrize("charset", [None, "UTF-8", "latin-1", "us-ascii", "windows-1252"])
def test_common_charsets_are_read(charset: str | None) -> None:
    assert page(f'<a href="{WHEEL}">', charset=charset).filenames == (WHEEL,)


@pytest.mark.parametrize("charset", ["utf-7", "punycode", "bz2", "no such thing", "utf-16", "\0"])
def test_odd_charsets_are_refused(charset: str) -> None:
    with pytest.raises(Refused, match="charset"):
        page(f'<a href="{WHEEL}">', charset=charset)


def test_bytes_outside_the_charset_spoil_only_their_file() -> None:
    body = f'<a href="{WHEEL}"><a href="d'.encode() + b'\xff-1.0.zip">'
    found = page_of(read_listing(body, url=URL, name="demo"))
    assert found.read(0).filename == WHEEL
    with pytest.raises(UnusableFile):
        found.read(1)
