"""Tag the calls of an application with their feature: `with feature("rag-search", env="production"):`.

Nothing of the tracing world is imported here. What the application has loaded (langsmith, langchain-core,
OpenTelemetry) is found in `sys.modules` and told through the place where that library itself looks for tags;
what is not loaded costs one dictionary look-up.
"""

import functools
import importlib
import math
import os
import re
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

Tag = str | int | float | bool
Tags = dict[str, Tag]

Undo = Callable[[], object]
P = ParamSpec("P")
R = TypeVar("R")
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_TRACING_SWITCHES = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")


class _Place(NamedTuple):
    """Where one library looks for tags in the current context."""

    read: Callable[[], Any]
    put: Callable[[Any], Undo]
    """Writes a value and returns what takes it back."""


class _Block(NamedTuple):
    """One entered `with feature(...)`. The blocks of a context are a linked stack, innermost first."""

    owner: "Feature"
    tags: Tags
    """Its own tags over those of the blocks around it."""
    outer: "_Block | None"
    places: list[_Place]
    undo: list[Undo]
    span: Any
    """The OpenTelemetry span that was marked, or None."""


_innermost: ContextVar[_Block | None] = ContextVar("whyspend_feature", default=None)


def feature(name: str, /, **dims: Tag) -> "Feature":
    """Tag every model call made inside with ``feature=name`` and the given dimensions.

    Use the result as ``with``, ``async with``, or as a decorator of a function, coroutine function, generator
    or async generator; it can be kept, entered again and shared between threads and tasks. Inside another
    block the inner value of a key wins and the other keys of the outer block stay.

    Raises:
        TypeError: a value is not text, a number or true/false.
        ValueError: the name is empty, or a key is not plain.
    """
    tags: Tags = {key: _plain(key, value) for key, value in dims.items()}
    if not isinstance(name, str):
        raise TypeError(f"feature() needs the feature's name as text, not {_kind(name)}.")
    if not name.strip():
        raise ValueError('feature() needs a name that is not empty, for example feature("rag-search").')
    if "feature" in tags:
        raise ValueError("feature() got the feature twice; give it once, as the first argument.")
    return Feature({**tags, "feature": str.__str__(name)})


def current_tags() -> Tags:
    """The tags in force here: ``{"feature": "rag-search", "env": "test"}``, or ``{}`` outside every block."""
    block = _innermost.get()
    return dict(block.tags) if block else {}


def carry(call: Callable[P, R]) -> Callable[P, R]:
    """Take the tags of here, and the run that is open here, along into a plain thread.

    ``executor.submit(carry(fn), x)`` and ``Thread(target=carry(fn))``: a new thread starts with an empty
    context, so without this its calls have no feature. One carried function may run in many threads at once.

    Raises:
        TypeError: not callable, or a coroutine or generator function, whose body would run after the call.
    """
    if _shape(call) != "function":
        raise TypeError(f"carry() takes a plain function, not a {_shape(call)}; use feature() on that.")
    here = copy_context()

    def tagged_again(*args: P.args, **kwargs: P.kwargs) -> R:
        # A tracing library may have been loaded since the block was entered; it is told now. Adds no tag.
        with Feature({}):
            return call(*args, **kwargs)

    @functools.wraps(call)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        # A context cannot be entered twice at the same time, so each run gets a copy (which is O(1)).
        return here.copy().run(tagged_again, *args, **kwargs)

    return carried


class Feature:
    """What `feature(...)` returns. It has no state of its own: an entered block lives in the context."""

    __slots__ = ("tags",)

    def __init__(self, tags: Tags) -> None:
        self.tags = tags

    def __repr__(self) -> str:
        return f"<feature {self.tags.get('feature')!r}>"

    def __enter__(self) -> Tags:
        """Start tagging; gives all the tags that are now in force."""
        outer = _innermost.get()
        inherited = outer.tags if outer else {}
        tags = {**inherited, **self.tags}
        changes = [*_langsmith(inherited, self.tags), *_langchain(inherited, self.tags), *_baggage(tags)]
        undo = [place.put(value) for place, value in changes]
        span = _recording_span()
        _mark(span, tags)
        _innermost.set(_Block(self, tags, outer, [place for place, _ in changes], undo, span))
        return dict(tags)

    def __exit__(self, *raised: object) -> None:
        """Stop tagging.

        Blocks can end out of order (a suspended generator holds one open); those open above are put back.
        A block that was entered in another context, which a framework may do, has nothing to undo here.
        """
        stack = list(_stack())
        mine = next((at for at, block in enumerate(stack) if block.owner is self), None)
        if mine is None:
            return
        for block in stack[: mine + 1]:
            _leave(block)
        for block in reversed(stack[:mine]):
            block.owner.__enter__()

    async def __aenter__(self) -> Tags:
        return self.__enter__()

    async def __aexit__(self, *raised: object) -> None:
        self.__exit__(*raised)

    def __call__(self, function: Decorated) -> Decorated:
        """Decorate a function, coroutine function, generator or async generator.

        Raises:
            TypeError: a class, a static or class method (decorate the function below), or nothing callable.
        """
        wrap = _WRAPPERS[_shape(function)]
        return cast("Decorated", functools.wraps(function)(wrap(self, function)))


def _kind(value: object) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__


def _plain(key: str, value: object) -> Tag:
    """One checked tag. The value itself is never shown in a message: it may be a secret passed by mistake."""
    if not _PLAIN_KEY.fullmatch(key):
        raise ValueError(f"feature() key {key[:80]!r} is not plain; use letters, digits, '_-.', 64 at most.")
    if key.startswith("ls_"):
        raise ValueError(f"feature() key {key!r} is LangSmith's own; choose one without 'ls_' in front.")
    if not isinstance(value, str | int | float):
        raise TypeError(f"feature() tag {key!r} is {_kind(value)}; use text, a number or a bool, or omit it.")
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"feature() tag {key!r} is not a finite number; use text, or omit it.")
    # A member of a text enumeration goes out as the text that it is.
    return str.__str__(value) if isinstance(value, str) else value


def _stack() -> Iterator[_Block]:
    block = _innermost.get()
    while block is not None:
        yield block
        block = block.outer


def _leave(block: _Block) -> None:
    for undo in reversed(block.undo):
        undo()
    _innermost.set(block.outer)
    _unmark(block)


# --- where each library looks for tags ---
# A change is a place and the new value there. A name that a later version no longer has gives no change: the
# application goes on, and the other places still carry the tags.

_Changes = list[tuple[_Place, Any]]


def _loaded(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


def _variable(variable: ContextVar[Any]) -> _Place:
    def put(value: Any) -> Undo:
        # Not reset(token): a block may be left in another context than it was entered in.
        before = variable.get(None)
        variable.set(value)
        return functools.partial(variable.set, before)

    return _Place(functools.partial(variable.get, None), put)


def _merged(inherited: Tags, held: object, own: Tags) -> dict[str, Any]:
    """What the library holds stays, except for the own keys.

    Inherited tags are there already; they fill in only where the library was loaded after the outer block.
    """
    return {**inherited, **(held if isinstance(held, Mapping) else {}), **own}


def _langsmith(inherited: Tags, own: Tags) -> _Changes:
    """LangSmith's own tracing context: read by @traceable, wrap_openai and LangChain's tracer.

    Only its metadata is touched. `tracing_context(metadata=...)` would instead replace tags and project as
    well (outside a run, langsmith 0.2 to 0.15), or copy all the parent run's metadata (inside one).
    """
    if "langsmith.run_helpers" not in sys.modules and any(map(_is_on, _TRACING_SWITCHES)):
        _import_langsmith()
    variable = _loaded("langsmith.run_helpers", "_METADATA")
    if isinstance(variable, ContextVar):
        held = variable.get(None) or _loaded("langsmith._internal._context", "_GLOBAL_METADATA")
        return [(_variable(variable), _merged(inherited, held, own))]
    read = _loaded("langsmith.run_helpers", "get_tracing_context")
    enter = _loaded("langsmith.run_helpers", "tracing_context")
    if read is None or enter is None:
        return []

    def put(metadata: Any) -> Undo:
        context = enter(**{**read(), "metadata": metadata})
        context.__enter__()
        return functools.partial(context.__exit__, None, None, None)

    place = _Place(lambda: read().get("metadata"), put)
    return [(place, _merged(inherited, place.read(), own))]


def _is_on(switch: str) -> bool:
    return os.environ.get(switch, "").lower() == "true"


@functools.cache
def _import_langsmith() -> None:
    """Load the SDK that is about to be used anyway: imported inside the block, it would see no tags."""
    with suppress(ImportError):
        importlib.import_module("langsmith.run_helpers")


def _langchain(inherited: Tags, own: Tags) -> _Changes:
    """The configuration a running LangChain runnable or LangGraph node hands to its children.

    It beats LangSmith's tracing context, so inside a runnable both must say the same. Else one block is
    billed to two features: ChatOpenAI to the outer one, wrap_openai to the inner one.
    """
    variable = _loaded("langchain_core.runnables.config", "var_child_runnable_config")
    config = variable.get(None) if isinstance(variable, ContextVar) else None
    if not config or not isinstance(config, Mapping):
        return []
    metadata = _merged(inherited, config.get("metadata"), own)
    return [(_variable(variable), {**config, "metadata": metadata})]


def _baggage(tags: Tags) -> _Changes:
    """W3C baggage: the portable way to the spans and services below. Its values are text."""
    read = _loaded("opentelemetry.context", "get_current")
    attach = _loaded("opentelemetry.context", "attach")
    if read is None or attach is None:
        return []
    try:
        baggage = importlib.import_module("opentelemetry.baggage")
    except ImportError:
        return []

    def put(context: Any) -> Undo:
        before = read()
        attach(context)
        return functools.partial(attach, before)

    context = read()
    for key, value in tags.items():
        text = (
            str(value).lower() if isinstance(value, bool) else str(value)
        )  # true, as in the JSON of metadata
        context = baggage.set_baggage(key, text, context)
    return [(_Place(read, put), context)]


def _recording_span() -> Any:
    current_span = _loaded("opentelemetry.trace", "get_current_span")
    span = current_span() if current_span else None
    return span if span is not None and span.is_recording() else None


def _mark(span: Any, tags: Tags) -> None:
    """Write the tags on a span, by the attribute names that LangSmith reads."""
    if span is not None and span.is_recording():
        span.set_attributes({f"langsmith.metadata.{key}": value for key, value in tags.items()})


def _unmark(block: _Block) -> None:
    """A span that the outer block had marked says again what that block said."""
    if block.outer and block.outer.span is block.span:
        _mark(block.span, block.outer.tags)


# --- decorated functions ---


class _Steps:
    """Enters the feature for each step of a generator, so that it never reaches the code that consumes it.

    Between two steps the body's values wait here: a block or span that the body opened is there again when it
    goes on.
    """

    def __init__(self, tag: Feature) -> None:
        self._tag = tag
        self._undo: list[Undo] = []
        self._waiting: _Changes = []

    def __enter__(self) -> None:
        if self._waiting:
            self._undo = [place.put(value) for place, value in self._waiting]
            return
        self._tag.__enter__()
        block = cast("_Block", _innermost.get())
        outside = functools.partial(_innermost.set, block.outer)
        self._undo = [functools.partial(_unmark, block), outside, *block.undo]
        self._waiting = [(place, None) for place in (_variable(_innermost), *block.places)]

    def __exit__(self, *raised: object) -> None:
        self._waiting = [(place, place.read()) for place, _ in self._waiting]
        for undo in reversed(self._undo):
            undo()


class _GeneratorSteps:
    """A generator for `yield from`, with every step of the body inside the feature."""

    def __init__(self, tag: Feature, body: Generator[Any, Any, Any]) -> None:
        self._inside = _Steps(tag)
        self._body = body

    def __iter__(self) -> "_GeneratorSteps":
        return self

    def __next__(self) -> Any:
        with self._inside:
            return next(self._body)

    def send(self, value: Any) -> Any:
        with self._inside:
            return self._body.send(value)

    def throw(self, *error: Any) -> Any:
        with self._inside:
            return self._body.throw(*error)

    def close(self) -> None:
        with self._inside:
            self._body.close()


def _wrap_function(tag: Feature, function: Callable[..., Any]) -> Callable[..., Any]:
    def tagged(*args: Any, **kwargs: Any) -> Any:
        with tag:
            return function(*args, **kwargs)

    return tagged


def _wrap_coroutine(tag: Feature, function: Callable[..., Any]) -> Callable[..., Any]:
    async def tagged(*args: Any, **kwargs: Any) -> Any:
        with tag:
            return await function(*args, **kwargs)

    return tagged


def _wrap_generator(tag: Feature, function: Callable[..., Any]) -> Callable[..., Any]:
    def tagged(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _GeneratorSteps(tag, function(*args, **kwargs)))

    return tagged


def _wrap_async_generator(tag: Feature, function: Callable[..., Any]) -> Callable[..., Any]:
    async def tagged(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        body = function(*args, **kwargs)
        inside = _Steps(tag)
        step = body.__anext__()
        while True:
            try:
                with inside:
                    item = await step
            except StopAsyncIteration:
                return
            try:
                sent = yield item
            except GeneratorExit:
                with inside:
                    await body.aclose()
                raise
            except BaseException as thrown:  # not handled here: what the consumer throws is the body's
                step = body.athrow(thrown)
            else:
                step = body.asend(sent)

    return tagged


_WRAPPERS = {
    "function": _wrap_function,
    "coroutine function": _wrap_coroutine,
    "generator function": _wrap_generator,
    "async generator function": _wrap_async_generator,
}


def _shape(function: object) -> str:
    """Which of `_WRAPPERS` fits; an object with a `__call__` is what its `__call__` is.

    Raises:
        TypeError: the message says what can be decorated instead.
    """
    # An application that only writes `with feature(...)` need not wait for inspect.
    import inspect

    if isinstance(function, staticmethod | classmethod):
        raise TypeError(f"Put feature() below @{type(function).__name__}, on the function itself.")
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"A function is needed here, not {_kind(function)}; else write `with feature(...):`.")
    direct = inspect.isroutine(function) or isinstance(function, functools.partial)
    body = function if direct else type(function).__call__
    if inspect.isasyncgenfunction(body):
        return "async generator function"
    if inspect.iscoroutinefunction(body):
        return "coroutine function"
    return "generator function" if inspect.isgeneratorfunction(body) else "function"
