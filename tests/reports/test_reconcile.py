"""LangSmith's figure and ours, apart for planted reasons: each is named with its amount, and they add up exactly."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.loopback.langsmith_server import KEY
from tests.loopback.langsmith_stats import LangSmithWithStats
from tests.loopback.pulling import four_days
from tests.reports.reconciled import (
    DAYS,
    FULL,
    MINI,
    NOON,
    OLD,
    PROJECT,
    Place,
    adds_up,
    llm,
    parts,
    price,
    right_prices,
    tool,
    without,
)

from whyspend.engines.duckdb import connect
from whyspend.sources.langsmith import stats

Capture = pytest.CaptureFixture[str]
MIDNIGHT = datetime.fromisoformat("2026-11-11T00:00:00+00:00")


@pytest.fixture
def server() -> Iterator[LangSmithWithStats]:
    made = LangSmithWithStats(projects=[PROJECT], prices=right_prices())
    with made:
        yield made


@pytest.fixture
def place(tmp_path: Path, server: LangSmithWithStats) -> Place:
    return Place(tmp_path, server)


def test_four_planted_reasons_are_named_with_their_amounts_and_add_up(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    # LangSmith's table: gpt-4o without a price for cached tokens; gpt-4o-mini at twice its price; gpt-5-mini was
    # three times as dear when its runs came in. And one run comes in after the pull.
    server.prices = [
        price(FULL, "gpt-4o", "0.0000025", "0.00001"),
        price(MINI, "gpt-4o-mini", "0.0000003", "0.0000012"),
        price(OLD, "gpt-5-mini", "0.00000025", "0.000002"),
    ]
    server.hold(
        [
            llm(cached=600_000, cost="2.5"),
            llm("gpt-4o-mini", completion=500_000, cost="0.9", row=MINI),
            llm("gpt-5-mini", completion=100_000, cost="1.35", row=OLD),
            llm(),
        ]
    )
    place.pull(capfd)
    server.hold([llm(at=NOON + timedelta(hours=1), prompt=400_000, cost="1")])
    answer = place.reconcile(capfd)
    assert parts(answer) == {
        "LangSmith": Decimal("8.25"),
        "not pulled": Decimal(-1),
        "cached tokens at full rate": Decimal("-0.75"),  # 600,000 x ($2.50 - $1.25) per million
        "price table": Decimal("-0.45"),  # 1,000,000 x $0.15 + 500,000 x $0.60 per million
        "frozen price": Decimal("-0.9"),  # $1.35 then, $0.45 by today's table
        "whyspend": Decimal("5.15"),
    }
    assert adds_up(answer)
    assert answer["code"] == 1
    assert any("outside the tolerance of 5.00%" in note for note in answer["notes"])


def test_the_price_table_is_told_row_by_row(server: LangSmithWithStats, place: Place, capfd: Capture) -> None:
    server.prices = [price(MINI, "gpt-4o-mini", "0.0000003", "0.0000012")]
    server.hold([llm("gpt-4o-mini", completion=500_000, cost="0.9", row=MINI)])
    place.pull(capfd)
    answer = place.reconcile(capfd)
    said = {row["what"]: row["amount_usd"] for row in answer["rows"] if row["part"] == "price table"}
    assert said == {
        "gpt-4o-mini: input_tokens, USD per million: 0.15 here, 0.3 there": Decimal("-0.15"),
        "gpt-4o-mini: output_tokens, USD per million: 0.6 here, 1.2 there": Decimal("-0.3"),
    }


def test_without_a_difference_there_is_no_part(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    server.hold([llm(), llm(cached=200_000, cost="2.25")])
    place.pull(capfd)
    asked = len(server.queries)
    answer = place.reconcile(capfd)
    assert parts(answer) == {"LangSmith": Decimal("4.75"), "whyspend": Decimal("4.75")}
    assert answer["code"] == 0
    assert [query.body["page_size"] for query in server.queries[asked:]] == [1], "no run was listed"


@pytest.mark.parametrize("lacks_v2", [False, True], ids=["v2", "v1"])
def test_what_only_one_side_has_is_told_apart(
    server: LangSmithWithStats, place: Place, capfd: Capture, lacks_v2: bool
) -> None:
    server.lacks_v2 = lacks_v2
    gone = llm(prompt=2_000_000, cost="5")
    outer = llm(prompt=0, cost=None) if lacks_v2 else llm()
    inner = llm(parents=(outer.id,), trace_id=outer.id, at=NOON + timedelta(milliseconds=100))
    pending = llm(
        prompt=0, cost=None, row=None, status="pending", end=None, metadata={"usage_metadata": None}
    )
    server.hold([gone, outer, inner, pending, tool("0.25")])
    place.pull(capfd)
    without(server, gone)
    server.hold([llm(prompt=800_000, cost="2")])
    answer = place.reconcile(capfd)
    found = parts(answer)
    assert found["not pulled"] == -2
    assert found["pending or deleted"] == 5
    assert found["non-LLM runs"] == Decimal("0.25")
    if not lacks_v2:
        assert found["roll-ups counted twice"] == Decimal("-2.5")
        assert "unexplained" not in found
    assert adds_up(answer)


def test_by_feature_a_tag_of_the_root_moves_dollars_and_the_parts_still_add_up(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    root = llm(
        prompt=0, cost=None, row=None, run_type="chain", metadata={"feature": "rag", "usage_metadata": None}
    )
    inside = llm(parents=(root.id,), trace_id=root.id)
    server.hold([root, inside, llm(metadata={"feature": "rag"}), llm(metadata={"feature": "chat"})])
    place.pull(capfd)
    answer = place.reconcile(capfd, "--by", "feature")
    assert parts(answer, feature="rag") == {
        "LangSmith": Decimal("2.5"),
        "untagged filter": Decimal("2.5"),
        "whyspend": Decimal(5),
    }
    assert parts(answer, feature="untagged")["untagged filter"] == Decimal("-2.5")
    assert adds_up(answer)
    assert answer["code"] == 0


@pytest.mark.parametrize("by", ["day", "model", "feature", "day,model", "metadata.team"])
def test_the_parts_add_up_for_each_day_model_and_feature(
    server: LangSmithWithStats, place: Place, capfd: Capture, by: str
) -> None:
    server.hold(
        llm(model, prompt=1_000 * number, cost=f"0.0{number}", row=row, at=NOON + timedelta(hours=9 * number),
            metadata={"feature": feature, "team": feature})
        for number, (model, row, feature) in enumerate(
            [("gpt-4o", FULL, "rag"), ("gpt-4o-mini", MINI, None), ("gpt-5-mini", OLD, "chat"), ("x", None, "rag")], 1
        )
    )  # fmt: skip
    place.pull(capfd)
    server.hold([llm(cost="1", at=NOON + timedelta(hours=3), metadata={"feature": "late"})])
    answer = place.reconcile(capfd, "--by", by)
    assert adds_up(answer)
    assert "unexplained" not in parts(answer)
    assert parts(answer)["not pulled"] == -1


def test_runs_at_the_instant_a_day_ends_are_a_time_boundary(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    server.counts_the_end = True
    server.hold([llm(), llm(at=MIDNIGHT, prompt=2_000_000, cost="5")])
    place.pull(capfd)
    answer = place.reconcile(capfd, "--by", "day")
    assert parts(answer, day="2026-11-10")["time boundary"] == -5
    assert parts(answer, day="2026-11-11") == {"LangSmith": Decimal(5), "whyspend": Decimal(5)}
    assert adds_up(answer)


def test_what_nothing_explains_is_a_row_of_its_own(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    server.hold([llm()])
    place.pull(capfd)
    server.adds_up_wrongly = Decimal("0.5")
    answer = place.reconcile(capfd)
    assert parts(answer)["unexplained"] == Decimal("-0.5")
    assert adds_up(answer)


def test_days_with_too_many_runs_to_list_are_unexplained_and_say_so(
    server: LangSmithWithStats, place: Place, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "MOST_LISTED", {"v2": 2, "v1": 2})
    server.hold([llm(), llm()])
    place.pull(capfd)
    server.hold([llm(), llm(at=MIDNIGHT)])
    answer = place.reconcile(capfd)
    assert parts(answer)["unexplained"] == Decimal("-2.5")
    assert parts(answer)["not pulled"] == Decimal("-2.5"), "of a day that the ledger has nothing of"
    assert any("more than 2 runs were not looked at" in note for note in answer["notes"])


def test_recorded_costs_need_no_network(server: LangSmithWithStats, place: Place, capfd: Capture) -> None:
    server.hold(
        [
            llm(cached=600_000, cost="2.5"),  # cached tokens at the full rate
            llm("gpt-4o-mini", cost="0.3", row=MINI),  # twice its price
            llm("gpt-5-mini", prompt_details={"flex": 1_000_000}, completion=100_000, cost="0.45", row=OLD),
            llm("nobody-knows", cost="7", row=None),
            tool("0.25"),
        ]
    )
    place.pull(capfd)
    asked = len(server.requests)
    answer = place.reconcile(capfd, "--recorded")
    assert len(server.requests) == asked
    assert parts(answer) == {
        "recorded by the source": Decimal("10.25"),
        "cached tokens at full rate": Decimal("-0.75"),
        "price table": Decimal("-0.15"),
        "tier or batch": Decimal("-0.225"),  # flex is half of $0.45
        "no price here": Decimal(-7),
        "non-LLM runs": Decimal("0.25"),
        "whyspend": Decimal("2.375"),
    }
    assert adds_up(answer)


def test_a_discount_is_a_part(server: LangSmithWithStats, tmp_path: Path, capfd: Capture) -> None:
    place = Place(tmp_path, server, '[[discounts]]\nprovider = "openai"\npercent = 10\n')
    server.hold([llm()])
    place.pull(capfd)
    answer = place.reconcile(capfd)
    assert parts(answer)["discounts"] == Decimal("-0.25")
    assert adds_up(answer)


def test_the_tolerance_decides_the_exit_code(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    server.hold([llm(), llm(cost="2.6")])
    place.pull(capfd)
    assert place.reconcile(capfd, "--tolerance", "2%")["code"] == 0  # 0.1 of 5.1 is 1.96 %
    assert place.reconcile(capfd, "--tolerance", "1.9")["code"] == 1


def test_a_hidden_price_table_is_said_and_prices_are_guessed(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    server.hides_prices = True
    server.hold([llm(cached=600_000, cost="2.5")])
    place.pull(capfd)
    answer = place.reconcile(capfd)
    assert parts(answer)["cached tokens at full rate"] == Decimal("-0.75")
    assert any("does not show its price table" in note for note in answer["notes"])


def test_a_server_that_finds_a_thousand_groups_too_many_is_asked_for_fewer(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    server.most_groups = 100
    server.hold([llm(metadata={"feature": f"f{number}"}) for number in range(101)])
    place.pull(capfd)
    answer = place.reconcile(capfd, "--by", "feature")
    assert any("more values of feature than it names" in note for note in answer["notes"])
    assert adds_up(answer)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--where", "env=prod"], 2, "LangSmith cannot filter as --where does"),
        (["--tolerance", "nan"], 2, "is no percentage"),
        (["--tolerance", "much"], 2, "is no percentage"),
        (["--by", "model,feature"], 2, "groups by day and by one of"),
        (["--by", "part"], 2, "write metadata.part"),
        (["nothing"], 2, "There is no source named 'nothing'"),
    ],
)
def test_bad_usage_is_one_clear_line(
    place: Place, capfd: Capture, arguments: list[str], code: int, said: str
) -> None:
    got, out, err = place.run(capfd, "reconcile", *arguments)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_server_without_statistics_names_the_way_without_it_and_never_the_key(
    server: LangSmithWithStats, place: Place, capfd: Capture
) -> None:
    server.hold([llm()])
    place.pull(capfd)
    server.lacks_stats = True
    code, _, err = place.run(capfd, "reconcile")
    assert code == 3
    assert "whyspend reconcile --recorded" in err
    assert KEY not in err


HOSTILE = '=HYPERLINK("http://x") <script> \x1b[31m\u202e *b*<!channel>\x00' + "x" * 10_000


@pytest.mark.parametrize("form", ["text", "csv", "json", "markdown"])
def test_hostile_names_are_harmless_in_every_format(
    server: LangSmithWithStats, place: Place, capfd: Capture, form: str
) -> None:
    server.hold([llm(HOSTILE, cost="3", row=None, metadata={"feature": HOSTILE})])
    place.pull(capfd)
    code, out, err = place.run(capfd, "reconcile", *DAYS, "--by", "feature", "--recorded", "--format", form)
    assert code == 1, err
    assert not [sign for sign in ("\x1b", "\x00", "\u202e") if sign in out]
    if form == "csv":
        assert not [line for line in out.splitlines() if line.startswith(("=", '"='))]


def test_json_and_parquet_give_hostile_names_back(
    server: LangSmithWithStats, place: Place, capfd: Capture, tmp_path: Path
) -> None:
    names = (HOSTILE[:60], "'; DROP TABLE answer; --", '=1+1|"<b>', "line\nbreak\ttab")
    server.hold([llm(name, cost="3", row=None, metadata={"feature": name}) for name in names])
    place.pull(capfd)
    for form in ("json", "parquet"):
        output = ("--format", form, "-o", str(tmp_path / f"answer.{form}"))
        code, _, err = place.run(capfd, "reconcile", *DAYS, "--by", "feature", "--recorded", *output)
        assert code == 1, err
    told = json.loads((tmp_path / "answer.json").read_text(), parse_float=Decimal)["rows"]
    engine = connect(threads=1)
    file = engine.literal(str(tmp_path / "answer.parquet"))
    held = engine.rows(f"SELECT feature, part, what, CAST(amount_usd AS VARCHAR) FROM read_parquet({file})")
    engine.close()
    assert {row["feature"] for row in told} == {*names}
    assert {row["what"] for row in told} == {"", *names}
    assert [(row["feature"], row["part"], row["what"], Decimal(row["amount_usd"])) for row in told] == [
        (feature, part, what, Decimal(usd)) for feature, part, what, usd in held
    ]


@pytest.mark.parametrize("lacks_v2", [False, True], ids=["v2", "v1"])
@pytest.mark.parametrize("by", ["", "feature", "day,model"])
def test_of_traffic_of_every_kind_nothing_is_unexplained(
    tmp_path: Path, capfd: Capture, lacks_v2: bool, by: str
) -> None:
    made = four_days()
    server = LangSmithWithStats(projects=made.projects, lacks_v2=lacks_v2)
    server.hold(made.runs)
    with server:
        place = Place(tmp_path, server)
        days = ("--since", "2026-03-02", "--until", "2026-03-05")
        assert place.run(capfd, "pull", *days)[0] == 0
        code, out, err = place.run(
            capfd, "reconcile", *days, "--format", "json", *(("--by", by) if by else ())
        )
    assert code in (0, 1), err
    answer = json.loads(out, parse_float=Decimal, parse_int=Decimal)
    assert adds_up(answer)
    assert "unexplained" not in parts(answer)
    assert parts(answer).keys() >= {"LangSmith", "whyspend", "roll-ups counted twice"}
