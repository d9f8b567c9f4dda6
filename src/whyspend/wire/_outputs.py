"""What the outputs of a run say beside the answer: usage, the model that answered, the tier that was served.

Outputs are what an application returned, so they may have any shape. They are decoded only into types that
have no place for the text of a prompt or an answer; a part of another shape is taken as not there.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from whyspend.wire._usage import Usage, as_count

_NULL = Raw(b"null")
_T = TypeVar("_T")


class Answer(msgspec.Struct, gc=False):
    """What is kept of a run's outputs."""

    usage: Usage | None = None
    usage_source: str | None = None
    """`outputs`, `generations` or `llm_output`."""
    model: str | None = None
    service_tier: object = None
    speed: object = None
    inference_geo: object = None
    web_searches: int = 0


class _Response(msgspec.Struct, gc=False):
    """What providers' integrations say about a response: outputs, llm_output, response_metadata alike."""

    model_name: Any = None
    model: Any = None
    service_tier: Any = None
    token_usage: Any = None
    usage: Any = None


class _Kwargs(msgspec.Struct, gc=False):
    usage_metadata: Raw = _NULL
    response_metadata: Raw = _NULL


class _Message(msgspec.Struct, gc=False):
    kwargs: _Kwargs | None = None


class _Generation(msgspec.Struct, gc=False):
    message: _Message | None = None
    generation_info: Raw = _NULL


class _Outputs(msgspec.Struct, gc=False):
    usage_metadata: Raw = _NULL
    generations: Raw = _NULL
    llm_output: Raw = _NULL


class _UsualKwargs(msgspec.Struct, gc=False):
    usage_metadata: Usage | None = None
    response_metadata: _Response | None = None


class _UsualMessage(msgspec.Struct, gc=False):
    kwargs: _UsualKwargs | None = None


class _UsualGeneration(msgspec.Struct, gc=False):
    message: _UsualMessage | None = None
    generation_info: _Response | None = None


class _UsualOutputs(_Response, gc=False):
    """Outputs whose every part has the shape that it should have: decoded at once, in half the time."""

    usage_metadata: Usage | None = None
    generations: list[list[_UsualGeneration]] | None = None
    llm_output: _Response | None = None


class _Pieces(msgspec.Struct, gc=False):
    """What outputs hold, in whatever shape they came."""

    usage: Usage | None
    generated: list[Usage]
    """Of each generation that has one."""
    responses: list[_Response]
    """Of each generation."""
    whole: list[_Response]
    """Of all of them."""
    top: list[_Response]


_USUAL = msgspec.json.Decoder(_UsualOutputs)
_OUTPUTS = msgspec.json.Decoder(_Outputs)
_RESPONSE = msgspec.json.Decoder(_Response)
_GENERATIONS = msgspec.json.Decoder(list[list[_Generation]])
_USAGE = msgspec.json.Decoder(Usage)


def read_outputs(raw: Raw) -> Answer | None:
    """Read a run's outputs; None where there are none, or they are hidden (`{}`) and prove nothing."""
    found = _at_once(raw) or _piece_by_piece(raw)
    if found is None or bytes(raw).strip() in (b"{}", b"null"):
        return None
    answer = _described([*found.responses, *found.whole, *found.top])
    _put_usage(answer, found)
    return answer


def _at_once(raw: Raw) -> _Pieces | None:
    """Read outputs of the usual shape; None for any other."""
    outputs = _typed(_USUAL, raw)
    if outputs is None:
        return None
    generations = [each for batch in outputs.generations or () for each in batch]
    messages = [each.message.kwargs for each in generations if each.message and each.message.kwargs]
    responses = [message.response_metadata for message in messages if message.response_metadata]
    responses += [each.generation_info for each in generations if each.generation_info]
    return _Pieces(
        _with_counts(outputs.usage_metadata),
        [usage for message in messages if (usage := _with_counts(message.usage_metadata))],
        responses,
        [outputs.llm_output] if outputs.llm_output else [],
        [outputs],
    )


def _piece_by_piece(raw: Raw) -> _Pieces | None:
    """Read what has the right shape in outputs of any; None for what is no object."""
    outputs = _typed(_OUTPUTS, raw)
    if outputs is None:
        return None
    batches = _typed(_GENERATIONS, outputs.generations) or []
    messages = [g.message.kwargs for batch in batches for g in batch if g.message and g.message.kwargs]
    infos = [g.generation_info for batch in batches for g in batch]
    return _Pieces(
        _counted(outputs.usage_metadata),
        [usage for message in messages if (usage := _counted(message.usage_metadata))],
        _responses([message.response_metadata for message in messages] + infos),
        _responses([outputs.llm_output]),
        _responses([raw]),
    )


def _typed(decoder: msgspec.json.Decoder[_T], raw: Raw) -> _T | None:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _counted(raw: Raw) -> Usage | None:
    return _with_counts(_typed(_USAGE, raw))


def _with_counts(usage: Usage | None) -> Usage | None:
    return usage if usage is not None and usage.has_counts() else None


def _responses(parts: Iterable[Raw]) -> list[_Response]:
    return [response for part in parts if (response := _typed(_RESPONSE, part)) is not None]


def _described(responses: list[_Response]) -> Answer:
    """Take each fact from the first response that states it."""
    answer = Answer()
    for response in responses:
        usage = response.usage if isinstance(response.usage, dict) else {}
        answer.model = answer.model or _text(response.model_name) or _text(response.model)
        answer.service_tier = answer.service_tier or response.service_tier or usage.get("service_tier")
        answer.speed = answer.speed or usage.get("speed")
        answer.inference_geo = answer.inference_geo or usage.get("inference_geo")
        tools = usage.get("server_tool_use")
        searches = as_count(tools.get("web_search_requests")) if isinstance(tools, dict) else None
        answer.web_searches = answer.web_searches or searches or 0
    return answer


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value and len(value) <= 256 else None


def _put_usage(answer: Answer, found: _Pieces) -> None:
    if found.usage is not None:
        answer.usage, answer.usage_source = found.usage, "outputs"
        return
    said = (usage for each in (*found.whole, *found.responses) for usage in (each.token_usage, each.usage))
    raw = next((usage for usage in said if isinstance(usage, dict) and usage), None)
    reported = _from_provider(raw) if raw else None
    if found.generated:
        answer.usage, answer.usage_source = _added(found.generated, reported), "generations"
    elif reported:
        answer.usage, answer.usage_source = reported, "llm_output"


def _added(found: list[Usage], reported: Usage | None) -> Usage:
    """Add up the generations of one run.

    With n=2, ChatOpenAI writes the usage of the whole response on each of the two choices: 300 output tokens,
    twice. `llm_output.token_usage` tells: where one choice already has all of it, it is counted once.
    Before langchain-openai 0.2.3 a choice has no details: the same counts as the provider told them have those.
    """
    first = found[0]
    if reported and (reported.input_tokens, reported.output_tokens) == (
        first.input_tokens,
        first.output_tokens,
    ):
        is_bare = first.input_token_details is None and first.output_token_details is None
        return reported if is_bare else first
    if len(found) == 1:
        return first
    totals = [usage.total_tokens for usage in found]
    return Usage(
        input_tokens=_sum([usage.input_tokens for usage in found]),
        output_tokens=_sum([usage.output_tokens for usage in found]),
        total_tokens=None if None in totals else _sum(totals),
        input_token_details=_summed_details([usage.input_token_details for usage in found]),
        output_token_details=_summed_details([usage.output_token_details for usage in found]),
    )


def _sum(values: list[Any]) -> Any:
    """Add counts; a value that is no count is given back as it is, to be flagged where counts are checked."""
    odd = next((value for value in values if value is not None and as_count(value) is None), None)
    return odd if odd is not None else sum(value or 0 for value in values)


def _summed_details(all_details: list[Any]) -> dict[str, Any]:
    known = [details for details in all_details if isinstance(details, dict)]
    keys = dict.fromkeys(key for details in known for key in details)
    return {key: _sum([details.get(key) for details in known]) for key in keys}


def _part(usage: dict[str, Any], key: str) -> dict[str, Any]:
    part = usage.get(key)
    return part if isinstance(part, dict) else {}


def _from_provider(usage: dict[str, Any]) -> Usage | None:
    """Read a provider's own usage object: OpenAI's (totals include the cache) or Anthropic's (they do not).

    Anthropic: input_tokens 12, cache_read_input_tokens 4,000, cache_creation_input_tokens 500 -> input 4,512.
    """
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        return _from_openai(usage)
    cached = {
        "cache_read": usage.get("cache_read_input_tokens"),
        "cache_creation": usage.get("cache_creation_input_tokens"),
    }
    if usage.get("input_tokens") is None and usage.get("output_tokens") is None:
        return None
    lifetimes = {
        key: count for key, count in _part(usage, "cache_creation").items() if key.startswith("ephemeral_")
    }
    return Usage(
        input_tokens=_sum([usage.get("input_tokens"), *cached.values()]),
        output_tokens=usage.get("output_tokens"),
        input_token_details=cached | lifetimes,
    )


def _from_openai(usage: dict[str, Any]) -> Usage:
    given, made = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    return Usage(
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        total_tokens=usage.get("total_tokens"),
        input_token_details={
            "cache_read": given.get("cached_tokens"),
            "cache_creation": given.get("cache_write_tokens"),
            "audio": given.get("audio_tokens"),
            "image": given.get("image_tokens"),
        },
        output_token_details={
            "reasoning": made.get("reasoning_tokens"),
            "audio": made.get("audio_tokens"),
        },
    )
