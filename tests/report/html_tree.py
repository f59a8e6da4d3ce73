"""A page as a tree, parsed strictly: an end tag without its start is an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str | None]
    children: list[Node | str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Node]:
        for child in self.children:
            if isinstance(child, Node):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    def first(self, tag: str) -> Node:
        return next(self.all(tag))

    def by_id(self, identity: str) -> Node:
        return next(node for node in self.all() if node.attributes.get("id") == identity)

    def with_class(self, name: str) -> list[Node]:
        return [node for node in self.all() if name in (node.attributes.get("class") or "").split()]

    @property
    def text(self) -> str:
        """The text below, without the signs that set one label apart from its sentence."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        joined = "".join(parts).replace("\u2068", "").replace("\u2069", "")
        return " ".join(joined.split())


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack = [Node("#root", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>"
        node = Node(tag, dict(attrs))
        self.stack[-1].children.append(node)
        if tag not in VOID:
            self.stack.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert any(node.tag == "svg" for node in self.stack), f"<{tag} /> outside a drawing"
        self.stack[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack[-1].tag == tag, f"</{tag}> closes <{self.stack[-1].tag}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")


def parse(page: str) -> Node:
    """Return the root of a page whose tags are balanced."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert len(builder.stack) == 1, f"<{builder.stack[-1].tag}> is never closed"
    return builder.stack[0]
