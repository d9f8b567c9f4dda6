"""What tracing SDKs send to `/runs/multipart`, `/runs/batch` and `/runs`: bytes in, calls out; no text is kept.

    parts = Parts(content_type, dimensions=("feature",))   # one for each request; chunks are decompressed already
    found = []
    for chunk in body:
        found += parts.feed(chunk)                         # BodyError: answer with its .status
    parts.close()
    events = events_of(found)                              # or events_of_batch, or event_of_run
    for event in events:                                   # once they are stored:
        held[event.run_id] = merged(held.get(event.run_id), event)
    calls = calls_of(trace, source="collector", dimensions=("feature",))

`Part` and `Event` hold no text of a prompt or an answer, so both may be kept and stored. `Event` and `Held` are
msgspec Structs: `msgspec.msgpack.encode(event)`, and back with `msgspec.msgpack.decode(data, type=Event)`.
"""

from whyspend.wire.ingest._calls import calls_of, dropped_of
from whyspend.wire.ingest._event import Event, Op, Reply
from whyspend.wire.ingest._held import MOST_VERSIONS, Held, is_ended, merged, to_run, trace_of
from whyspend.wire.ingest._multipart import Part, Parts
from whyspend.wire.ingest._numbers import reply_of
from whyspend.wire.ingest._reading import event_of_run, events_of, events_of_batch
from whyspend.wire.ingest._refusing import LARGEST_BATCH, LARGEST_PART, MOST_PARTS, BodyError

__all__ = [
    "LARGEST_BATCH",
    "LARGEST_PART",
    "MOST_PARTS",
    "MOST_VERSIONS",
    "BodyError",
    "Event",
    "Held",
    "Op",
    "Part",
    "Parts",
    "Reply",
    "calls_of",
    "dropped_of",
    "event_of_run",
    "events_of",
    "events_of_batch",
    "is_ended",
    "merged",
    "reply_of",
    "to_run",
    "trace_of",
]
