"""Records the examples of replies in the API's document: `python -m tests.fuzzing.reply_examples` after a change.

Every example is a reply of a real service with one of each resource; the links of the document lead to them.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from .seeds import make_seeds
from .service import FuzzedService, run_service

# Of this checkout, whichever one is imported.
_PLACE = Path(__file__).parents[2] / "service" / "api" / "documents" / "reply_examples.json"
_PATIENCE_SECONDS = 60.0
_SHOWN_ITEMS = 2
# In place of a real one; keys have an example of their own.
_SECRET = "whsec_…32 random bytes in base64…"
_HAS_EXAMPLE = "KeyCreated"


class Recorder:
    """Keeps the first reply for each schema, by its name; lists are cut to two items."""

    def __init__(self, service: FuzzedService) -> None:
        self.examples: dict[str, Any] = {}
        self._service = service
        self._operations = {
            f"{method.upper()} {path}": operation
            for path, operations in service.schema["paths"].items()
            for method, operation in operations.items()
        }

    def record(self) -> None:
        """Makes one of each resource, and reads all that the links lead to."""
        make_seeds(self._service, self._note)
        waiting = [name.split()[1] for name in self._operations if name.startswith("GET ") and "{" not in name]
        seen: set[str] = set()
        with httpx.Client(
            base_url=self._service.url, headers=self._service.headers, timeout=_PATIENCE_SECONDS
        ) as client:
            while waiting:
                address = waiting.pop(0)
                name = self._find("GET", address)
                if name in seen or not self._read_schema(name, 200):
                    continue
                seen.add(name)
                response = client.get(address).raise_for_status()
                self._note(response)
                waiting += self._follow(name, address, response)

    def _note(self, response: httpx.Response) -> None:
        response.read()
        if not response.is_success or response.headers.get("content-type") != "application/json":
            return
        name = self._find(response.request.method, response.url.path)
        schema = self._read_schema(name, response.status_code)
        reference = schema.get("$ref") or schema.get("items", {}).get("$ref", "")
        model, shown = reference.rpartition("/")[2], response.json()
        if isinstance(shown, list):
            shown = shown[0]
        # What was finished shows more than what was begun.
        is_better = response.request.method == "GET" and shown.get("state") not in ("queued", "running")
        if model and model != _HAS_EXAMPLE and (is_better or model not in self.examples):
            self.examples[model] = {field: _shorten(field, value) for field, value in shown.items()}

    def _find(self, method: str, address: str) -> str:
        """Returns the operation at an address; the one with fewer parameters comes first."""
        fitting = [
            name
            for name in self._operations
            if name.startswith(f"{method} ") and re.fullmatch(re.sub(r"{\w+}", "[^/]+", name.split()[1]), address)
        ]
        return min(fitting, key=lambda name: name.count("{"))

    def _read_schema(self, name: str, status: int) -> Mapping[str, Any]:
        content = self._operations[name]["responses"][str(status)].get("content", {})
        schema: Mapping[str, Any] = content.get("application/json", {}).get("schema", {})
        return schema

    def _follow(self, name: str, address: str, response: httpx.Response) -> Iterator[str]:
        """Returns the addresses to read that a reply links to."""
        if response.headers.get("content-type") != "application/json":
            return
        by_id = {one["operationId"]: key.split() for key, one in self._operations.items()}
        own = dict(zip(name.split()[1].split("/"), address.split("/"), strict=True))
        for target, link in self._operations[name]["responses"]["200"].get("links", {}).items():
            values = {
                parameter: own.get(f"{{{parameter}}}", _read_pointer(response.json(), expression.partition("#")[2]))
                for parameter, expression in link["parameters"].items()
            }
            if by_id[target][0] == "GET" and None not in values.values():
                yield by_id[target][1].format(**values)


def _shorten(field: str, value: Any) -> Any:
    if field == "secret":
        return _SECRET
    return value[:_SHOWN_ITEMS] if isinstance(value, list) else value


def _read_pointer(value: Any, pointer: str) -> Any:
    for part in pointer.strip("/").split("/"):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def main() -> int:
    """Writes the examples where the document reads them."""
    with tempfile.TemporaryDirectory() as folder, run_service(Path(folder)) as service:
        recorder = Recorder(service)
        recorder.record()
    text = json.dumps(dict(sorted(recorder.examples.items())), ensure_ascii=False, indent=1)
    _PLACE.write_text(f"{text}\n", encoding="utf-8")
    print(f"{len(recorder.examples)} examples are in {_PLACE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
