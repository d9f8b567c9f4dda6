"""What one request to the demo's product does: which models it calls, with how many tokens.

Only `random()` and plain arithmetic decide: the one part of Python's random numbers that is promised to stay
the same, and the one part of floating point that every machine does alike. Tokens are integers from there on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import msgspec

from whyspend.model import Call
from whyspend.sources.demo import product as product
from whyspend.sources.demo.product import DAY, SECOND, Feature, Model

_SEARCH_COST = 8_000_000_000
"""What the agent's web search charges for one search: $0.008."""

_FAILS = 0.006
_CUT_OFF = 0.003
_UNCOUNTED = 0.02


@dataclass
class Request:
    """A trace in the making."""

    random: Callable[[], float]
    feature: Feature
    source: str
    at: int
    """When the next call can begin, microseconds UTC."""
    trace_id: str = ""
    env: str = "production"
    thread_id: str | None = None
    release: str = ""
    dimensions: tuple[str | None, ...] = ()
    attributed: tuple[str | None, ...] = ()
    metadata: str | None = None
    calls: list[Call] = field(default_factory=list)

    def about(self, middle: int) -> int:
        """A number of tokens: most within a third of the middle, few up to 2.5 times; the middle on average."""
        draw = self.random()
        square = draw * draw
        tail = square * square * square * square
        size = 0.3 if self.env == "ci" else 1.0
        return int(middle * size * (0.55 + 0.6 * draw + 1.35 * tail))

    def chance(self, share: float) -> bool:
        """Whether something happens that happens in a share of all cases."""
        return self.random() < share


def calls_of_day(day: int, history: str, source: str, dimensions: tuple[str, ...]) -> list[Call]:
    """All calls of the UTC day that begins at an instant, in the order in which they were made."""
    random = Random(f"{history}-{day // DAY}").random
    calls: list[Call] = []
    for feature in product.FEATURES:
        for number in range(_count(feature, day, random)):
            request = _begun(feature, day, number, random, source, dimensions)
            _DOES[feature.root](request)
            calls += request.calls
    calls.sort(key=lambda call: (call.started_at, call.call_id))
    return calls


def _count(feature: Feature, day: int, random: Callable[[], float]) -> int:
    """How many requests a day brings: fewer at weekends, a little more each month, never quite even."""
    grown = 1 + product.GROWTH * ((day - product.BEGIN) / (30 * DAY))
    usual = feature.requests * (feature.weekend if _is_weekend(day) else 1.0)
    return round(usual * grown * (0.94 + 0.12 * random()))


def _is_weekend(day: int) -> bool:
    return (day // DAY + 3) % 7 >= 5  # 1970-01-01 was a Thursday


def _begun(
    feature: Feature,
    day: int,
    number: int,
    random: Callable[[], float],
    source: str,
    dimensions: tuple[str, ...],
) -> Request:
    at = day + int(product.second_of_day(random(), feature.hours) * SECOND)
    request = Request(random, feature, source, at, env=_environment(feature, day, random))
    request.trace_id = _id(at, random)
    request.release = product.release_at(at)
    customer = None
    if feature.customers and request.env == "production":
        customer = product.customer_at(random(), feature.customers)
    if feature.threads:
        who = "qa" if customer is None else product.CUSTOMERS[customer]
        request.thread_id = f"{who}-{day // DAY}-{number % 3}"
    _tag(request, customer, dimensions)
    return request


def _environment(feature: Feature, day: int, random: Callable[[], float]) -> str:
    draw = random()
    if not feature.tested or _is_weekend(day) or draw < 0.88:
        return "production"
    return "staging" if draw < 0.96 else "ci"


def _tag(request: Request, customer: int | None, dimensions: tuple[str, ...]) -> None:
    """Put each tag where it belongs: into its dimension, or else into the metadata."""
    feature = request.feature
    tags = {
        "customer_id": None if customer is None else product.CUSTOMERS[customer],
        "env": request.env if feature.env else None,
        "feature": feature.name,
        "prompt_version": _prompt_version(request),
        "region": None if customer is None else ("us", "eu", "eu")[customer % 3],
        "team": feature.team,
        "user_tier": None if customer is None else product.tier_of(customer),
    }
    request.dimensions = tuple(tags.get(name) for name in dimensions)
    request.attributed = tuple(None if value is None else feature.origin for value in request.dimensions)
    rest = {name: value for name, value in tags.items() if value is not None and name not in dimensions}
    request.metadata = msgspec.json.encode(rest).decode() if rest else None


def _prompt_version(request: Request) -> str | None:
    if request.feature.name != "rag-search":
        return None
    return "search-v8" if request.at >= product.PROMPT_SINCE else "search-v7"


# What each kind of request does.


def _search(request: Request) -> None:
    """Rewrite the question, embed it, answer from what was found. Since PROMPT_SINCE twice as much is passed on."""
    _call(
        request, "rewrite", "ChatOpenAI", product.GPT_4O_MINI,
        given=request.about(420), made=request.about(40),
    )  # fmt: skip
    _call(request, "retrieve", "OpenAIEmbeddings", product.EMBEDDING, given=request.about(45), made=0)
    found = 42_000 if request.at >= product.PROMPT_SINCE else 21_000
    _call(
        request, "answer", "ChatOpenAI", product.GPT_4_1,
        given=request.about(found), made=request.about(1_000),
    )  # fmt: skip


def _copilot(request: Request) -> None:
    """Plan, act a few times, answer; each step reads the steps before it from the cache.

    Since LOOP_SINCE it acts twice as often and twice more: 5 to 8 calls a request become 10 to 16.
    """
    loops = request.at >= product.LOOP_SINCE
    steps = 3 + int(request.random() * 4)
    acts = steps * 2 + 2 if loops else steps
    cached = request.about(22_000)
    new_system = request.chance(0.2)
    for step in range(acts + 2):
        node = "plan" if step == 0 else "answer" if step == acts + 1 else "act"
        news = request.about(5_400)
        _call(
            request, node, "ChatAnthropic", product.CLAUDE_SONNET,
            given=request.about(90), made=request.about(1_150),
            read=0 if step == 0 and new_system else cached,
            write=news, write_1h=cached if step == 0 and new_system else 0,
        )  # fmt: skip
        cached += news
        if node == "act" and request.chance(0.22):
            _web_search(request)


def _summarize(request: Request) -> None:
    """Read a document, then tighten the summary. Since SWITCH_SINCE with another model."""
    switched = request.at >= product.SWITCH_SINCE
    model = product.GPT_5_4_MINI if switched else product.GPT_4O
    thought = request.about(700) if switched else 0
    _call(
        request, "read", "ChatOpenAI", model,
        given=request.about(44_000), made=request.about(2_200), thought=thought,
    )  # fmt: skip
    _call(request, "tighten", "ChatOpenAI", model, given=request.about(5_200), made=request.about(900))


def _draft(request: Request) -> None:
    """One call; since UNKNOWN_SINCE staging tries another model with every second draft."""
    name, model = "ChatMistralAI", product.MISTRAL_LARGE
    if request.env == "staging" and request.at >= product.UNKNOWN_SINCE and request.chance(0.5):
        name, model = "ChatKestrel", product.UNKNOWN
    _call(request, None, name, model, given=request.about(28_000), made=request.about(1_800))


def _support(request: Request) -> None:
    """Sort the question, then answer it; the answer is streamed, and now and then its usage gets lost."""
    _call(
        request, "triage", "ChatGoogleGenerativeAI", product.GEMINI_SMALL,
        given=request.about(1_900), made=request.about(25),
    )  # fmt: skip
    cached = 2_048 if request.chance(0.6) else 0
    _call(
        request, "reply", "ChatGoogleGenerativeAI", product.GEMINI_FLASH, streamed=True,
        given=request.about(12_500), read=cached, made=request.about(800), thought=request.about(1_000),
    )  # fmt: skip


def _digest(request: Request) -> None:
    """Sum up a customer's day; since BATCH_SINCE through the batch API, at half the price."""
    terms = "processing=batch" if request.at >= product.BATCH_SINCE else ""
    for _ in range(2):
        _call(
            request, "digest", "openai.batch", product.GPT_4_1, terms=terms,
            given=request.about(20_000), made=request.about(1_000),
        )  # fmt: skip


def _enrich(request: Request) -> None:
    _call(request, None, "ChatOpenAI", product.GPT_4O, given=request.about(38_000), made=request.about(2_400))


def _refresh(request: Request) -> None:
    _call(request, "embed", "OpenAIEmbeddings", product.EMBEDDING, given=request.about(180_000), made=0)
    for _ in range(2):
        _call(
            request, "caption", "ChatOpenAI", product.GPT_4O_MINI,
            given=request.about(30_000), made=request.about(1_800),
        )  # fmt: skip


_DOES: dict[str, Callable[[Request], None]] = {
    "search": _search,
    "copilot": _copilot,
    "summarize_document": _summarize,
    "draft_email": _draft,
    "support_turn": _support,
    "nightly_digest": _digest,
    "enrich_leads": _enrich,
    "refresh_knowledge_base": _refresh,
}


# The calls themselves.


def _call(
    request: Request, node: str | None, name: str, model: Model, *, given: int, made: int,
    read: int = 0, write: int = 0, write_1h: int = 0, thought: int = 0, terms: str = "", streamed: bool = False,
) -> None:  # fmt: skip
    """Make a call to a model, with a failed one before it where the provider was busy."""
    if model.unreliable and request.chance(_FAILS):
        failed = _begin(request, node, name, seconds=1.2)
        _ask(failed, model, terms)
        failed.status, failed.usage_flag = "error", "missing"
        failed.error_kind = "OverloadedError" if model.provider == "anthropic" else "RateLimitError"
    call = _begin(request, node, name, seconds=0.4 + (made + thought) * 0.009 + request.random())
    _ask(call, model, terms)
    call.model_answered = model.answered
    if streamed:
        call.first_token_ms = 350 + int(request.random() * 600)
    call.input_tokens, call.cache_read_tokens = given, read
    call.cache_write_tokens, call.cache_write_1h_tokens = write, write_1h
    call.output_tokens, call.reasoning_tokens = made, thought
    call.prompt_total = given + read + write + write_1h
    call.completion_total = made + thought
    call.usage_source = "server"
    if streamed and request.chance(_UNCOUNTED):
        call.usage_estimated = 1
    if model is product.GPT_4_1 and request.chance(_CUT_OFF):
        call.status, call.error_kind = "error", "LengthFinishReasonError"
    _report_cost(call, model)


def _web_search(request: Request) -> None:
    """A paid search: no tokens, but a cost that the application wrote on the run."""
    call = _begin(request, "act", "web_search", seconds=0.8 + request.random())
    call.kind, call.reported_cost = "tool", _SEARCH_COST


def _begin(request: Request, node: str | None, name: str, seconds: float) -> Call:
    """A run that begins now; the next one begins after it."""
    feature = request.feature
    latency = int(seconds * 1_000)
    call = Call(
        source=request.source,
        project=feature.project if request.env == "production" else "staging",
        call_id=_id(request.at, request.random),
        trace_id=request.trace_id,
        parent_id=_id(request.at, request.random) if node else request.trace_id,
        thread_id=request.thread_id,
        started_at=request.at,
        latency_ms=latency,
        name=name,
        call_site=f"{feature.root} / {node} / {name}" if node else f"{feature.root} / {name}",
        root_name=feature.root,
        release=request.release,
        metadata=request.metadata,
        tags=feature.tags,
        dimensions=request.dimensions,
        attributed=request.attributed,
    )
    request.at += latency * 1_000 + int(request.random() * 400_000)
    request.calls.append(call)
    return call


def _ask(call: Call, model: Model, terms: str) -> None:
    call.kind, call.provider, call.model_requested = model.kind, model.provider, model.asked
    call.price_context = terms


def _report_cost(call: Call, model: Model) -> None:
    """What the source says the call cost, from its own price table as it was when the run came in.

    1,000 uncached and 20,000 cached tokens of claude-sonnet-4-6 and an answer of 500:
    1,000 x 3,000,000 + 20,000 x 300,000 + 500 x 15,000,000 pico-dollars = $0.0165.
    """
    for since, rates in model.ingest:
        if call.started_at >= since:
            written = call.cache_write_tokens + call.cache_write_1h_tokens
            given = call.input_tokens * rates.given + call.cache_read_tokens * rates.read
            call.reported_input_cost = given + written * rates.write
            call.reported_output_cost = call.completion_total * rates.made
            call.reported_cost = call.reported_input_cost + call.reported_output_cost


def _id(at: int, random: Callable[[], float]) -> str:
    """A UUID of version 7: milliseconds, then 74 bits of chance."""
    low, high = int(random() * 2**50), int(random() * 2**24)
    digits = f"{at // 1_000:012x}7{high & 0xFFF:03x}{0x8 | high >> 12 & 0x3:x}{high >> 14:03x}{low >> 2:012x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
