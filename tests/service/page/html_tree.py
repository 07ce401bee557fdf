"""A page of HTML as a tree, for tests: strict where browsers are lenient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "br", "input", "rect", "path", "line", "link", "img"}


@dataclass
class Element:
    """An element with its attributes; text is a child of type `str`."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def find_all(self, tag: str = "", /, **attributes: str) -> list[Element]:
        """Elements below with this tag, the class in `class_`, and the other attributes as given."""
        class_ = attributes.pop("class_", "")
        return [
            element
            for element in self.walk()
            if tag in ("", element.tag)
            and (not class_ or class_ in element.attributes.get("class", "").split())
            and all(element.attributes.get(name) == value for name, value in attributes.items())
        ]

    def find(self, tag: str = "", /, **attributes: str) -> Element:
        """The first of `find_all`."""
        return self.find_all(tag, **attributes)[0]

    def text(self, *, skip: Callable[[Element], bool] = lambda element: element.tag == "style") -> str:
        """All characters below, without elements that `skip` names."""
        return "".join(
            child if isinstance(child, str) else "" if skip(child) else child.text(skip=skip) for child in self.children
        )


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"an attribute of {tag} is there twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _VOID, f"<{tag}/> closes nothing in HTML"
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse_html(page: str) -> Element:
    """The tree of a page; raises AssertionError where elements are not closed in order."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert len(builder.open) == 1, f"not closed: {[element.tag for element in builder.open[1:]]}"
    return builder.open[0]
