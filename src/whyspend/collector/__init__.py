"""The collector: what is traced, taken in on this machine, and in the ledger a second later.

A request goes this way:
serving (who may speak, limits, unpacking) -> wire.ingest or wire.otlp (no text) -> spool (fsync) -> 202 or 200,
and from there: traces (merged, in memory) -> publishing (calls, through the ledger's writer). After a crash the
spool is read again; the ledger takes a call that it has already, so each is there once.
And back: reading (questions of LangSmith's API -> the ledger -> calls as runs).
"""

from whyspend.collector.collecting import Collector, collecting
from whyspend.collector.figures import Figures
from whyspend.collector.intake import Intake
from whyspend.collector.otlp import Exports
from whyspend.collector.reading import Projects, Reading
from whyspend.collector.state import State
from whyspend.collector.writing import Writing
from whyspend.serving import Answers, Endpoint

__all__ = ["Collector", "Figures", "collecting", "endpoints"]


def endpoints(collector: Collector, figures: Figures, answers: Answers) -> list[Endpoint]:
    """All that a collector answers; who asks for figures answers other questions too."""
    intake = Intake()
    return [
        *Writing(collector, intake).endpoints(),
        *Exports(collector, intake).endpoints(),
        *Reading(figures.asking, intake, Projects(collector.traces.project)).endpoints(),
        *State(collector, figures, answers).endpoints(),
    ]
