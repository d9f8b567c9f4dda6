"""The reading side of the collector: the ledger's calls as runs of LangSmith's API.

endpoints (what is asked, over HTTP) -> asked (bodies, checked) -> filters, conditions (text -> tree -> SQL) ->
searching (which calls), stats (added up) -> runs (calls as runs). It only asks: nothing here writes.
"""

from whyspend.collector.reading.endpoints import Reading, described
from whyspend.collector.reading.projects import Projects

__all__ = ["Projects", "Reading", "described"]
