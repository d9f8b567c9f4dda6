"""Saving a rule that was tried: it is appended to whyspend.toml, whole or not at all; every byte before it stays."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from whyspend.config import rules
from whyspend.dashboard.desk import Desk
from whyspend.dashboard.links import address
from whyspend.dashboard.showing import Showing, see
from whyspend.dashboard.signing import changing_form, form_at
from whyspend.errors import ConfigError
from whyspend.serving import Endpoint, Guard
from whyspend.workspace.questions import Question


@dataclass(frozen=True)
class Ruling:
    """Takes rules."""

    desk: Desk
    showing: Showing
    guard: Guard

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [form_at("/coverage/rules", self.save)]

    async def save(self, request: Request) -> Response:
        """Append a rule to whyspend.toml."""
        return await self.showing.done(request, lambda: self._save(request))

    async def _save(self, request: Request) -> Response:
        given = await changing_form(request, self.guard)
        config = self.desk.config()
        if config.path is None:
            raise ConfigError("There is no whyspend.toml to write to. Write one first: whyspend init.")
        path, rule = config.path, rules.parse(given.get("rule", ""), config.dimensions)
        await self.desk.asking.ask(lambda _: rules.append(path, rule))
        since, until, timezone = (given.get(name, "") for name in ("since", "until", "timezone"))
        return see(address(Question("coverage", since, until, timezone)), "rule")
