"""HTML, written by construction: plain text is escaped here and nowhere else, so that it cannot be forgotten."""

from html import escape

from whyspend.spelling import visible

_VOID = frozenset({"br", "col", "img", "input", "link", "meta"})


class Markup(str):
    """HTML that is whole and safe. Any other text is escaped when it is put into an element."""

    __slots__ = ()


def tag(name: str, /, *inside: str, **attributes: str | bool | None) -> Markup:
    """One element.

    Args:
        name: of the element.
        inside: Markup as it is, any other text escaped.
        attributes: escaped; a trailing underscore of a name is dropped (`class_`), any other becomes a dash; True is an
            attribute without a value, False and None leave it out.
    """
    given = "".join(
        f" {key}" if value is True else f' {key}="{_safe(str(value))}"'
        for key, value in ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
        if value is not None and value is not False
    )
    start = f"<{name}{given}>"
    return Markup(start if name in _VOID else f"{start}{joined(*inside)}</{name}>")


def joined(*parts: str) -> Markup:
    """Parts in a row: Markup as it is, any other text escaped."""
    return Markup("".join(part if isinstance(part, Markup) else _safe(part) for part in parts))


def _safe(text: str) -> str:
    return escape(visible(text))
