"""The page of a report: its controls and its answer. One page for every report that the registry knows.

A template `report_<name>.html` may show more around it; none is needed.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whyspend import registry
from whyspend.config import Config
from whyspend.dashboard.answering import shown
from whyspend.dashboard.controls import controls
from whyspend.dashboard.desk import Desk
from whyspend.dashboard.elsewhen import held
from whyspend.dashboard.links import address, elsewhere, every_line
from whyspend.dashboard.markup import templates
from whyspend.dashboard.showing import Showing
from whyspend.dashboard.signing import page_at
from whyspend.errors import UsageError, nearest
from whyspend.formats._page.places import in_sight
from whyspend.serving import Endpoint, RefusedError
from whyspend.spelling import visible
from whyspend.workspace.questions import Question, of_pairs, purpose


@dataclass(frozen=True)
class Exploring:
    """Pages of reports."""

    desk: Desk
    showing: Showing

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [page_at("/reports/{name:path}", self.report)]

    async def report(self, request: Request) -> Response:
        """The page of a report."""
        name = request.path_params["name"]
        return await self.showing.page(request, _template(name), lambda: self._values(request, name))

    async def _values(self, request: Request, name: str) -> Mapping[str, Any]:
        known(name)
        question = of_pairs(name, request.query_params.multi_items())
        config = self.desk.config()
        around: dict[str, Any] = {
            "question": question,
            "asks": visible(registry.question("reports", name)),
            **_of_rules(question, config),
            "every_line": address(every_line(question)) if every_line(question) != question else "",
            "purpose": purpose(registry.load("reports", name)),
            "controls": controls(question, config.dimensions),
            "others": [
                (elsewhere(question, each), visible(registry.question("reports", each)))
                for each in registry.names("reports")
                if each != name
            ],
        }
        try:
            table = await self.desk.table(question, pictures=True)
        except UsageError as error:
            # The form stays, to be filled in otherwise: some questions need more than the days.
            told = {
                "error": visible(str(error)),
                "to_be_told": not question.options and self._is_of_days(question),
            }
            return {**around, "answer": None, **told, "status": 400}
        answer = await asyncio.to_thread(
            shown, self.desk, question, in_sight(table)
        )  # pictures take a while to draw
        days = await held(self.desk, question, table)
        return {
            **around,
            "answer": answer,
            "error": "",
            "held": days,
            "held_address": address(every_line(days.week)) if days else "",
        }

    def _is_of_days(self, question: Question) -> bool:
        """Whether its days can be meant: then what is wrong is that it was told nothing yet."""
        try:
            self.desk.line(question)
        except UsageError:
            return False
        return True


def _of_rules(question: Question, config: Config) -> Mapping[str, Any]:
    """What the page of coverage needs to try rules and to save one."""
    if question.report != "coverage":
        return {}
    return {
        "suggestions": address(question.with_options(try_=None, suggest=True)),
        "can_write": visible(config.path.name) if config.path else "",
    }


def known(name: str) -> None:
    """Look whether there is such a report, before anything of it is loaded.

    Raises:
        RefusedError: 404, there is none.
    """
    names = registry.names("reports")
    if name not in names:
        raise RefusedError(
            404, f"There is no report '{name[:40]}'.{nearest(name, names)} There is: {', '.join(names)}."
        )


def _template(name: str) -> str:
    own = f"report_{name}.html"
    return own if own in templates().list_templates() else "report.html"
