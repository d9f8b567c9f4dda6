"""A question is the same one as a command line and as the query of an address."""

import json
import subprocess
import sys

import click
import pytest
from tests.cli.conftest import HOSTILE

from whyspend import registry
from whyspend.cli.reports import command_of
from whyspend.errors import UsageError
from whyspend.workspace.questions import Option, Question, of_pairs, options_of, shell_line

OTHER = {int: 3, float: 0.5, str: "x y", bool: True}
SPECIAL = {"swap": ("gpt-4o=gpt-4.1", "o*=o3"), "suggest": True}


def another(option: Option) -> object:
    """A value that is not the default."""
    if option.name in SPECIAL:
        return SPECIAL[option.name]
    return ("model", "env") if option.is_list else OTHER[option.kind]


def every_question() -> list[Question]:
    found = []
    for name in registry.names("reports"):
        plain = Question(name, "2026-11-15", "2026-11-21", "Europe/Berlin", ("env=prod*", "name!=x"), "now")
        found += [Question(name), plain]
        found += [plain.with_options(**{option.name: another(option)}) for option in options_of(name)]
        found.append(plain.with_options(**{option.name: another(option) for option in options_of(name)}))
    return found


@pytest.mark.parametrize("question", every_question(), ids=lambda question: str(question.arguments()))
def test_the_query_of_an_address_is_read_as_the_question_that_wrote_it(question: Question) -> None:
    assert of_pairs(question.report, question.pairs()) == question


@pytest.mark.parametrize("question", every_question(), ids=lambda question: str(question.arguments()))
def test_the_command_line_says_just_what_the_question_says(question: Question) -> None:
    name, *arguments = question.arguments()
    with command_of(name).make_context(name, arguments) as context:
        given = {
            name: value
            for name, value in context.params.items()
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        }
    expected = dict(question.options)
    if "suggest" in expected:
        expected["suggest"] = 0  # the command numbers the proposals; 0 lists them
    for shared in ("since", "until", "timezone", "where"):
        expected |= {shared: getattr(question, shared)} if getattr(question, shared) else {}
    expected |= {"prices": question.prices} if question.prices != "then" else {}
    if name == "reconcile":
        expected["recorded"] = True
    assert given == expected


@pytest.mark.parametrize(
    "text", [*HOSTILE, "-x", "--ledger=/", "$(id)", "`id`", "!!", "a'b", "", "\x85\u2028"]
)
def test_a_shell_reads_back_every_hostile_argument(text: str) -> None:
    question = Question("report", where=(f"name={text}",)).with_options(by=(text or "x",))
    arguments = question.arguments()
    line = shell_line([sys.executable, "-c", "import sys, json; print(json.dumps(sys.argv[1:]))", *arguments])
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == arguments


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("b", "feature")], "report cannot be told 'b'. Did you mean 'by'?"),
        ([("top", "many")], "--top cannot be 'many'. Give a whole number."),
        ([("by_", "x")], "report cannot be told 'by_'."),
    ],
)
def test_what_a_report_cannot_be_told_is_said(pairs: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?").split(" There")[0]):
        of_pairs("report", pairs)


def test_an_empty_field_of_a_form_is_as_by_default() -> None:
    empty = [(word, "") for word in ("since", "until", "timezone", "where", "prices", "by", "top")]
    assert of_pairs("report", empty) == Question("report")
    assert of_pairs("explain", [("show-requests", "")]) == Question("explain")
    assert of_pairs("explain", [("show-requests", "on")]).told("show_requests") is True
