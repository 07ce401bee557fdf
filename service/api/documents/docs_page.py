"""The OpenAPI document, and the page at /docs: the same as plain HTML, without scripts or anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from markupsafe import Markup

router = APIRouter()
_STYLE = """body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 15px/1.5 system-ui, sans-serif; }
pre, code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: #f3f4f6; color: #1a2430; padding: .6rem; overflow-x: auto; }
section { border-top: 1px solid #ccd3da; margin-top: 1.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
th { font-weight: 600; white-space: nowrap; } .method { text-transform: uppercase; }
.tag { text-transform: capitalize; } nav h2 { font-size: 1rem; margin: 1rem 0 0; } nav ul { margin: .2rem 0; }
@media (max-width: 40rem) { tr, th, td { display: block; padding: 0; } tr { padding-bottom: .6rem; } }
"""


@router.get("/openapi.json", include_in_schema=False)
def show_openapi(request: Request) -> JSONResponse:
    """Returns the OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs", include_in_schema=False)
def show_docs(request: Request) -> HTMLResponse:
    """Returns the documentation of the API as a page."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    spec = request.app.openapi()
    page = _load_template().render(spec=spec, groups=group_operations(spec["paths"]), style=Markup(_STYLE))
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


@cache
def _load_template() -> jinja2.Template:
    source = resources.files(__package__).joinpath("docs_page.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(type=describe_type, bounds=describe_bounds, example=_write_example, code=_mark_code)
    return environment.from_string(source)


def group_operations(paths: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
    """Returns path, method and description of operations by their first tag, in the order of the document."""
    groups: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append((path, method, operation))
    return groups


def describe_type(schema: Mapping[str, Any]) -> Markup:
    """The type of a value in a few words, with links to the schemas it is made of."""
    return Markup(" or ").join(_list_types(schema)) or Markup("any")


def _list_types(schema: Mapping[str, Any]) -> Iterator[Markup]:
    if "$ref" in schema:
        yield Markup('<a href="#schema-{0}">{0}</a>').format(schema["$ref"].rpartition("/")[2])
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _list_types(part)
    if "const" in schema or "enum" in schema:
        yield Markup(", ").join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    elif schema.get("type") == "array":
        yield Markup("list of {}").format(describe_type(schema.get("items", {})))
    elif "type" in schema:
        yield Markup("{}").format(schema["type"])


def describe_bounds(schema: Mapping[str, Any]) -> str:
    """The limits of a value: its range, length, pattern and default."""
    words = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minItems": "at least {} items",
        "maxItems": "at most {} items",
        "pattern": "pattern {}",
        "default": "default {}",
    }
    parts = [schema, *schema.get("anyOf", ())]
    limits = [
        text.format(part[name] if name == "pattern" else json.dumps(part[name]))
        for part in parts
        for name, text in words.items()
        if name in part
    ]
    return ", ".join(limits)


def _write_example(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _mark_code(text: str | None) -> Markup:
    """Text with what stands between backticks as code."""
    pieces = (text or "").split("`")
    return Markup("").join(
        Markup("<code>{}</code>" if number % 2 else "{}").format(piece) for number, piece in enumerate(pieces)
    )
