"""`whyspend prices`, as a person and as a script use it."""

import csv
import io
import json
import re
import subprocess
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import HOSTILE, Run, micros
from tests.cli.shell import command, environment

from whyspend.engines.duckdb import connect
from whyspend.ledger import Ledger
from whyspend.model import DEFAULT_DIMENSIONS, Batch, Call

GPT_4O = ("openai/gpt-4o", "--at", "2026-11-01", "--input", 1000, "--output", 200, "--cache-read", 400)


def quoted(whyspend: Run, *args: object) -> Any:
    shown = whyspend("prices", "quote", *args, "--format", "json")
    assert (shown.code, shown.err) == (0, "")
    return json.loads(shown.text, parse_float=Decimal)


def lines(home: Path, text: str | bytes) -> subprocess.CompletedProcess[str]:
    body = text if isinstance(text, bytes) else text.encode()
    done = subprocess.run(
        command("prices", "quote", "--stdin"),
        cwd=home,
        env=environment(),
        input=body,
        capture_output=True,
        timeout=60,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


# quote


def test_a_quote_is_one_object_with_exact_numbers(whyspend: Run) -> None:
    answer = quoted(whyspend, *GPT_4O)
    assert list(answer) == [
        "provider", "model", "price", "match", "at", "context", "tier", "buckets", "list_cost_usd", "discounts",
        "cost_usd", "reason",
    ]  # fmt: skip
    assert answer["cost_usd"] == Decimal("0.004")  # 600 x 2.5 + 400 x 1.25 + 200 x 10, in millionths
    assert (answer["provider"], answer["model"], answer["price"], answer["match"], answer["reason"]) == (
        "openai", "gpt-4o", "openai/gpt-4o", "exact", None,
    )  # fmt: skip
    assert answer["at"] == "2026-11-01T00:00:00Z"
    cached = answer["buckets"][1]
    assert cached["source"].startswith("genai-prices@")
    assert {key: cached[key] for key in ("bucket", "quantity", "unit", "rate_usd", "per", "cost_usd")} == {
        "bucket": "cache_read_tokens",
        "quantity": 400,
        "unit": "tokens",
        "rate_usd": Decimal("1.25"),
        "per": 1_000_000,
        "cost_usd": Decimal("0.0005"),
    }
    assert sum(each["cost_usd"] for each in answer["buckets"]) == answer["cost_usd"]


def test_a_quote_is_readable(whyspend: Run) -> None:
    shown = whyspend("prices", "quote", *GPT_4O)
    assert shown.code == 0
    assert "cost      $0.004\n" in shown.text
    assert "input_tokens            600  tokens   $2.50 per M" in shown.text
    assert "source    genai-prices@" in shown.text


def test_an_unknown_cost_is_null_with_a_reason_and_no_error(whyspend: Run) -> None:
    answer = quoted(whyspend, "openai/no-such-model", "--input", 10)
    assert answer["cost_usd"] is None
    assert answer["reason"] == "no model of this name is listed by openai"
    assert [each["rate_usd"] for each in answer["buckets"]] == [None]
    shown = whyspend("prices", "quote", "openai/no-such-model", "--input", 10)
    assert "cost      unknown: no model of this name" in shown.text


def test_the_tier_that_was_used_is_said(whyspend: Run) -> None:
    answer = quoted(whyspend, "google/gemini-2.5-pro", "--input", 200_001)
    assert answer["tier"] == {"over": 200_000, "upto": None}
    assert (
        "tier      input over 200,000 tokens"
        in whyspend("prices", "quote", "google/gemini-2.5-pro", "--input", 200_001).text
    )


def test_the_context_is_that_of_the_ledger(whyspend: Run) -> None:
    answer = quoted(
        whyspend, "openai/gpt-4.1", "--input", 10, "--context", "processing=Batch", "--at", "2026-11-20"
    )
    assert answer["price"] == "openai/gpt-4.1;processing=batch"
    same = quoted(whyspend, "openai/gpt-4.1", "--input", 10, "--context", "service_tier=default")
    assert same["price"] == "openai/gpt-4.1"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01T14:30", "2026-11-01T14:30:00Z"),
        ("2026-11-01T14:30:00+02:00", "2026-11-01T12:30:00Z"),
        ("2026-11-01 14:30:00Z", "2026-11-01T14:30:00Z"),
    ],
)
def test_a_time_without_a_zone_is_utc(whyspend: Run, given: str, shown: str) -> None:
    assert quoted(whyspend, "openai/gpt-4o", "--at", given)["at"] == shown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "There is no model."),
        (
            ("openai/gpt-4o", "--input", "10", "--cache-read", "11"),
            "add up to 11 tokens, but the input is 10",
        ),
        (("openai/gpt-4o", "--at", "tomorrow"), "'at' cannot be 'tomorrow'. Give a day"),
        (("openai/gpt-4o", "--input", "-1"), "--input"),
        (("openai/gpt-4o", "--input", "1.5"), "--input"),
        (("openai/gpt-4o", "--input", str(10**30)), "input: expected a whole number <= "),
        (("openai/gpt-4o", "--context", "flex"), "is not KEY=VALUE"),
        (("openai/gpt-4o", "--context", "a=b", "--context", "a=c"), "--context 'a' is given twice"),
        (("openai/gpt-4o", "--seconds", "soon"), "seconds"),
        (("openai/gpt-4o", "--seconds", "nan"), "seconds cannot be NaN"),
        (("openai/gpt-4o", "--seconds", "1.0000000000000000000000000000000001"), "at most three decimals"),
        (("openai/gpt-4o", "--stdin"), "Leave out the others"),
        (("--stdin", "--input", "1"), "Leave out the others"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(whyspend: Run, args: tuple[str, ...], said: str) -> None:
    shown = whyspend("prices", "quote", *args)
    assert (shown.code, shown.out) == (2, b"")
    assert said in shown.err
    assert shown.err.count("\n") == 1


def test_your_own_prices_and_discounts_hold_for_a_quote(home: Path, whyspend: Run) -> None:
    (home / "whyspend.toml").write_text(
        '[[prices]]\nprovider = "self"\nmodel = "llama-*"\nper_second = 0.002\n'
        '[[discounts]]\nname = "contract"\nprovider = "openai"\npercent = 15\nwhere = { feature = "rag" }\n'
    )
    mine = quoted(whyspend, "self/llama-3", "--seconds", "1.5")
    assert (mine["cost_usd"], mine["match"]) == (Decimal("0.003"), "user")
    assert quoted(whyspend, "self/llama-3")["reason"].startswith("it is priced by the second")
    less = quoted(whyspend, *GPT_4O, "--context", "dimension.feature=rag")
    assert (less["list_cost_usd"], less["cost_usd"]) == (Decimal("0.004"), Decimal("0.0034"))
    assert less["discounts"] == ["15 % (contract)"]
    assert quoted(whyspend, *GPT_4O)["cost_usd"] == Decimal("0.004")


# quote --stdin


def test_lines_are_priced_in_their_order_as_the_options_would(home: Path, whyspend: Run) -> None:
    given = [
        {"model": "openai/gpt-4o", "at": "2026-11-01", "input": 1000, "output": 200, "cache_read": 400},
        {
            "provider": "google_genai",
            "model": "gemini-2.5-pro",
            "at": "2026-11-01T10:00:00Z",
            "input": 200_001,
        },
        {"model": "nobody/knows", "at": "2026-11-01", "input": 5, "context": {"service_tier": "flex"}},
    ]
    done = lines(home, "\n".join(map(json.dumps, given)) + "\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    assert [answer["model"] for answer in answers] == ["gpt-4o", "gemini-2.5-pro", "knows"]
    assert answers[0] == quoted(whyspend, *GPT_4O)
    assert [answer["context"] for answer in answers] == [{}, {}, {"service_tier": "flex"}]


def test_a_byte_order_mark_before_the_first_line_is_no_part_of_it(home: Path) -> None:
    done = lines(home, b'\xef\xbb\xbf{"model": "openai/gpt-4o", "input": 1}\r\n')
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        (b"\xff", "not JSON"),
        ("[1]", "not an object"),
        ("{}", "'model' is missing"),
        ('{"model": 3}', "model: expected text, got a whole number"),
        ('{"model": "a/b", "inptu": 3}', "unknown key 'inptu'. Did you mean 'input'?"),
        ('{"model": "a/b", "input": "3"}', "input: expected a whole number, got text"),
        ('{"model": "a/b", "input": -3}', "input: expected a whole number >= 0"),
        ('{"model": "a/b", "input": 1, "reasoning": 1}', "output add up to 1 tokens, but the output is 0"),
        ('{"model": "a/b", "at": 5}', "'at' cannot be '5'"),
        ('{"model": "a/b", "at": 20261101}', "'at' cannot be '20261101'"),
        ('{"model": "a/b", "at": ["2026-11-01"]}', "'at' cannot be"),
        ('{"model": "a/b", "seconds": "nan"}', "seconds cannot be NaN"),
        ('{"model": "a/b", "context": {"a": 1}}', "context.a: expected text"),
        ('{"model": "a/b", "context": {"a": "b;c"}}', "without ; | and ="),
        ("[" * 5000, "not JSON"),
    ],
)
def test_a_bad_line_ends_it_with_its_number(home: Path, line: str | bytes, said: str) -> None:
    good = b'{"model": "openai/gpt-4o", "input": 1}\n'
    bad = line if isinstance(line, bytes) else line.encode()
    done = lines(home, good + b"\n" + bad + b"\n" + good)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.startswith("whyspend: stdin line 3: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


# list and show


def test_the_list_has_the_models_of_the_ledger(whyspend: Run, sample: Path) -> None:
    shown = whyspend("prices", "list", "--ledger", sample, "--format", "json")
    rows = json.loads(shown.text, parse_float=Decimal)["prices"]
    known = next(row for row in rows if row["model"] == "gpt-4o")
    assert (known["input"], known["output"], known["cache_read"], known["match"]) == (
        Decimal("2.5"), Decimal(10), Decimal("1.25"), "exact",
    )  # fmt: skip
    assert all(row["input"] is None and row["reason"] for row in rows if row["model"] != "gpt-4o")
    text = whyspend("prices", "list", "--ledger", sample).text
    assert "$2.50  $10.00" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_without_calls_the_list_says_how_to_see_all(whyspend: Run) -> None:
    shown = whyspend("prices", "list")
    assert (shown.code, shown.err) == (0, "")
    assert shown.text == "No such model in the ledger. Every price there is: whyspend prices list --all.\n"
    table = csv.DictReader(
        io.StringIO(whyspend("prices", "list", "--all", "--provider", "google_genai", "--format", "csv").text)
    )
    rows = list(table)
    assert {row["provider"] for row in rows} == {"google"}
    assert any(row["model"] == "gemini-2.5-pro" and row["tiers"] == "1" for row in rows)


def test_all_cells_of_a_model_are_shown_with_their_origin(whyspend: Run) -> None:
    shown = whyspend("prices", "show", "google/gemini-2.5-pro")
    assert "input over 200,000 tokens" in shown.text
    assert "[1] genai-prices@" in shown.text
    rows = json.loads(whyspend("prices", "show", "gemini-2.5-pro", "--format", "json").text)["rates"]
    assert {row["tier_over"] for row in rows} >= {None, 200_000}
    assert {row["unit"] for row in rows} == {"tokens", "searches"}


def test_an_unknown_model_is_refused_with_the_nearest_names(whyspend: Run) -> None:
    shown = whyspend("prices", "show", "openai/gpt-4oo")
    assert (shown.code, shown.out) == (2, b"")
    assert "Did you mean openai/gpt-4o" in shown.err
    hostile = whyspend("prices", "show", "\x1b[31mgpt\n")
    assert "\x1b" not in hostile.err
    assert hostile.err.count("\n") == 1


def test_a_misspelled_command_names_the_nearest(whyspend: Run) -> None:
    shown = whyspend("prices", "lits")
    assert shown.code == 2
    assert "Did you mean 'list'?" in shown.err


# check


def test_the_check_counts_what_agrees_and_explains_what_does_not(whyspend: Run) -> None:
    shown = whyspend("prices", "check", "--provider", "openai", "--format", "json")
    answer = json.loads(shown.text)
    assert answer["agree"] > 100
    assert len(answer["sources"]) == 2
    assert all(row["reason"] for row in answer["rates"] if row["status"] == "explained")
    assert shown.code == (1 if answer["unexplained"] else 0)
    text = whyspend("prices", "check", "--provider", "openai").text
    assert text.splitlines()[-1].startswith(
        f"{answer['agree']:,} rates of {answer['read']} agree with litellm@"
    )


# unpriced


DAYS = ("--since", "2026-11-15", "--until", "2026-11-21")


def test_days_without_calls_are_not_called_priced(whyspend: Run, sample: Path) -> None:
    assert "The ledger is empty. Bring calls in: whyspend pull" in whyspend("prices", "unpriced").text
    empty = ("--since", "2020-01-01", "--until", "2020-01-02", "--ledger", sample)
    said = "No calls in these days. The ledger holds 2026-11-08 to 2026-11-21"
    assert said in whyspend("prices", "unpriced", *empty).text


def test_unpriced_models_are_listed_with_what_is_at_stake(whyspend: Run, sample: Path) -> None:
    shown = whyspend("prices", "unpriced", *DAYS, "--ledger", sample, "--format", "json")
    rows = json.loads(shown.text, parse_float=Decimal)["models"]
    assert {row["provider"] for row in rows} == {"openai"}
    assert sum(row["calls"] for row in rows) == 7
    assert all(row["at_stake_usd"] > 0 and row["tokens"] > 10**6 for row in rows)
    text = whyspend("prices", "unpriced", *DAYS, "--ledger", sample).text
    assert "~$" in text
    assert all(line.isprintable() for line in text.splitlines())


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of models that no price list has, named as applications may name them; and one served in batches."""
    folder = tmp_path_factory.mktemp("strangers") / "ledger"
    engine = connect(threads=1)
    writer = Ledger(folder).writer(engine, "prod", DEFAULT_DIMENSIONS)
    names = [
        ("acme", name, "") for name in (*HOSTILE, "claude-sonnet-4-9", "a*b", "[[prices]]", "x # y", '"""')
    ]
    names += [(f"prov {name}"[:20].replace("|", "/"), "m", "") for name in HOSTILE]
    names += [
        ("openai", "gpt-4o", "service_tier=slow"),
        ("openai", "gpt-9", "processing=batch"),
        ("", "who", ""),
    ]
    calls = [
        Call(
            source="prod", project="p", call_id=f"{number}", trace_id=f"{number}", provider=provider or None,
            started_at=micros("2026-11-20 10:00:00"), model_requested=model, price_context=context,
            input_tokens=9_000, cache_read_tokens=1_000, output_tokens=1_000, reasoning_tokens=10,
            prompt_total=10_000, completion_total=1_010, usage_source="server", dimensions=(None, None, None),
            attributed=(None, None, None),
        )
        for number, (provider, model, context) in enumerate(names)
    ]  # fmt: skip
    writer.add(Batch(calls=calls))
    writer.commit({})
    engine.close()
    return folder


def test_what_is_printed_can_be_pasted_and_then_all_is_priced(
    home: Path, whyspend: Run, strangers: Path
) -> None:
    """Whatever the models are called; and the prices are those of the estimate."""
    place = (*DAYS, "--ledger", strangers)
    before = json.loads(whyspend("report", *place, "--by", "model", "--format", "json").text)
    assert before["total"]["unpriced_calls"] == before["total"]["calls"] > 20
    stakes = json.loads(whyspend("prices", "unpriced", *place, "--format", "json").text, parse_float=Decimal)[
        "models"
    ]
    text = whyspend("prices", "unpriced", *place).text
    assert all(line.isprintable() for line in text.splitlines())
    _, _, entries = text.partition("# For whyspend.toml:\n")
    assert len(tomllib.loads(entries)["prices"]) == len(stakes)
    (home / "whyspend.toml").write_text(entries, encoding="utf-8")
    shown = whyspend("report", *place, "--by", "model", "--format", "json")
    total = json.loads(shown.text, parse_float=Decimal)["total"]
    assert (shown.code, total["unpriced_calls"]) == (0, 0)
    assert total["cost_usd"] == sum(row["at_stake_usd"] for row in stakes)
    assert whyspend("prices", "unpriced", *place).text == (
        "2026-11-15 to 2026-11-21 · UTC\n\nEvery call of these days has a price.\n"
    )


def test_a_hostile_name_stays_harmless_in_csv(whyspend: Run, strangers: Path) -> None:
    shown = whyspend("prices", "unpriced", *DAYS, "--ledger", strangers, "--format", "csv")
    rows = list(csv.reader(io.StringIO(shown.text)))
    assert len(rows) > 20
    for row in rows:
        assert all(not cell.startswith(("=", "+", "-", "@")) for cell in row)
    assert all(line.isprintable() for line in shown.text.splitlines())
    listed = whyspend("prices", "list", "--ledger", strangers)
    assert all(line.isprintable() for line in listed.text.splitlines())


def test_doctor_points_at_entries_that_are_for_nothing(home: Path, whyspend: Run, sample: Path) -> None:
    (home / "whyspend.toml").write_text(
        '[[prices]]\nprovider = "opnai"\nmodel = "made-up*"\ninput = 1\n'
        '[[discounts]]\nprovider = "openai"\npercent = 5\n'
    )
    shown = whyspend("doctor", "--ledger", sample)
    assert "[[prices]] entry 1 (opnai/made-up*) matches no model" in shown.text
    assert "[[discounts]]" not in shown.text
    for asked in ("list", "unpriced"):
        said = whyspend("prices", asked, "--ledger", sample).err
        assert said.count("[[prices]] entry 1 (opnai/made-up*) matches no model") == 1, asked


def test_the_prices_of_a_model_are_a_page_with_their_picture(whyspend: Run) -> None:
    page = whyspend("prices", "show", "mistral/mistral-large-4", "--format", "html")
    assert (page.code, page.err) == (0, "")
    assert "What does mistral/mistral-large-4 cost?" in page.text
    assert 'data-picture="price_steps"' in page.text
    rates = json.loads(
        whyspend("prices", "show", "mistral/mistral-large-4", "--format", "json").out, parse_float=str
    )
    shown = re.findall(r'<td class="number" data-value="([\d.]+)">', page.text.partition("All rates of")[2])
    assert [str(rate["rate_usd"]) for rate in rates["rates"]] == shown[::2]
