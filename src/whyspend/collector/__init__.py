"""The collector: what LangSmith's SDKs trace, taken in on this machine, and in the ledger a second later.

A request goes this way:
guard (who may speak) -> bodies (limits, unpacking) -> wire.ingest (events without any text) -> spool (fsync) -> 202,
and from there: traces (merged, in memory) -> publishing (calls, through the ledger's writer). After a crash the
spool is read again; the ledger takes a call that it has already, so each is there once.
"""

from whyspend.collector.collecting import Collector
from whyspend.collector.serving import serve

__all__ = ["Collector", "serve"]
