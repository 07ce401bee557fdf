from __future__ import annotations

import base64
import hashlib
import re

import pytest
from fastapi.testclient import TestClient

from vivavoce.service.api.documents.docs_page import describe_bounds, describe_type


def test_the_page_describes_every_route_and_schema(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    page = api.get("/docs").text
    for path in document["paths"]:
        assert f"</span> {path}</code>" in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert "VIVA_MAX_WAIT_SECONDS" in page


def test_operations_stand_in_groups(api: TestClient) -> None:
    page = api.get("/docs").text
    index = page[page.index("<nav>") : page.index("</nav>")]
    headings = re.findall(r'<h2 class="tag"><a href="#tag-\d+">(.*?)</a></h2>', index)
    assert headings[:2] == ["gradings", "reviews"]
    assert len(headings) == len(set(headings))
    cohorts = index[index.index(">cohorts<") :]
    assert "/v1/cohorts/{cohort_id}/start" in cohorts[: cohorts.index("</ul>")]


def test_links_within_the_page_lead_somewhere(api: TestClient) -> None:
    page = api.get("/docs").text
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links
    assert links <= set(re.findall(r'id="([^"]+)"', page))


def test_the_page_loads_nothing_and_its_policy_allows_its_style_only(api: TestClient) -> None:
    reply = api.get("/docs")
    assert not re.search(r"<script|<link|<img|\bsrc=|url\(|href=.?https?:", reply.text)
    (style,) = re.findall(r"<style>(.*?)</style>", reply.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_there_is_no_other_page_of_documentation(api: TestClient) -> None:
    assert api.get("/redoc").status_code == 404


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"$ref": "#/components/schemas/A"}, '<a href="#schema-A">A</a>'),
        ({"type": "array", "items": {"$ref": "#/x/A"}}, 'list of <a href="#schema-A">A</a>'),
        ({"enum": ["a", "<b>"]}, "&#34;a&#34;, &#34;&lt;b&gt;&#34;"),
        ({}, "any"),
    ],
)
def test_types_are_written_in_words(schema: dict[str, object], words: str) -> None:
    assert str(describe_type(schema)) == words


def test_bounds_are_written_in_words() -> None:
    assert describe_bounds({"minimum": 0, "maximum": 10, "default": None}) == "from 0, to 10, default null"
    assert describe_bounds({"anyOf": [{"maxLength": 3, "pattern": "^a"}]}) == "at most 3 characters, pattern ^a"
