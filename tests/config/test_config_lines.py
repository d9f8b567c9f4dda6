import pytest

from whyspend.config.lines import Document, Place, line_of

TEXT = '''# timezone = "no"
timezone = "UTC"
dimensions = [
  "feature",
  "env",  # [sources.prod]
]

[sources.prod]
type = "langsmith"
note = """
[sources.stage]
type = "inside a text"
"""
projects.first = 1

["sources"."a.b"]
type = 'x'

[[attribution]]
when = { project = "a", "metadata.x" = ["p", "q"] }
set = { feature = "a" }

[[attribution]]
  [attribution.when]
  project = "b"
  [attribution.set]
  feature = "b"

[[budgets]]
name = "one"
[[budgets.steps]]
at = 1
[[budgets.steps]]
at = 2
[[budgets]]
[[budgets.steps]]
at = 3
'''


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("timezone",), 2),
        (("dimensions",), 3),
        (("dimensions", 1), 3),
        (("sources",), 8),
        (("sources", "prod"), 8),
        (("sources", "prod", "type"), 9),
        (("sources", "prod", "note"), 10),
        (("sources", "prod", "projects", "first"), 14),
        (("sources", "a.b", "type"), 17),
        (("attribution", 0), 19),
        (("attribution", 0, "when", "metadata.x", 1), 20),
        (("attribution", 0, "set", "feature"), 21),
        (("attribution", 1), 23),
        (("attribution", 1, "when", "project"), 25),
        (("attribution", 1, "set"), 26),
        (("attribution", 1, "set", "feature"), 27),
        (("budgets", 0, "steps", 0, "at"), 32),
        (("budgets", 0, "steps", 1, "at"), 34),
        (("budgets", 1, "steps", 0, "at"), 37),
    ],
)
def test_the_line_of_a_key_is_where_its_statement_begins(place: Place, line: int, newline: str) -> None:
    assert line_of(TEXT.replace("\n", newline), place) == line


def test_a_place_that_is_absent_has_the_line_of_what_is_around_it() -> None:
    assert line_of(TEXT, ("sources", "prod", "absent")) == 8
    assert line_of(TEXT, ("attribution", 1, "absent", "too")) == 23
    assert line_of(TEXT, ("absent",)) == 1
    assert line_of("", ("absent",)) == 1


def test_a_document_never_shows_its_text() -> None:
    assert "lsv2" not in repr(Document(None, "api_key = 'lsv2_secret'"))
