"""``rescue console [CAUSE|NUMBER|TARGET|last]``: what to type in the provider's web console. Changes nothing."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from difflib import get_close_matches

from rescue import library
from rescue.checks import all_checks
from rescue.errors import UsageError
from rescue.outside.by_hand import ByHand, System, Typed, by_hand, has_way, is_typable, system_of
from rescue.outside.providers import GENERAL, PROVIDERS, Provider, provider_of
from rescue.status import Status
from rescue.text.numbers import natural
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.report import Report, command
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import ConsoleOptions
from rescue.verbs.request.request import Request
from rescue.verbs.request.session import Session

LAST = "last"


@dataclass(frozen=True, slots=True)
class Shown:
    """The way for one cause. title: the cause's own first line. file: where it was found, or ""."""

    cause: str
    title: str
    way: ByHand
    file: str = ""


def run(session: Session, options: ConsoleOptions) -> Status:
    """The ways for the causes that are meant, or what is true of every console."""
    provider = _provider(options.provider)
    shown, system = _shown(session, options)
    if session.json:
        document.write(as_document(shown, system, provider), sys.stdout)
        return Status.CLEAR
    report = session.report
    if options.what is None:
        _general(report, provider)
        return Status.CLEAR
    if not shown:
        report.line("Nothing was found that could be mended by hand.")
    for each in shown:
        _way(report, each, system)
    if provider is not None:
        _panel(report, provider)
    else:
        report.line(f"Where the console is: {command('console', '--provider', 'NAME')}", "", 0, 2)
    return Status.CLEAR


def _provider(word: str | None) -> Provider | None:
    if word is None:
        return None
    found = provider_of(word)
    if found is None:
        names = ", ".join(each.name for each in PROVIDERS)
        raise UsageError(f"--provider takes one of {names}", "Such as: rescue console --provider hetzner")
    return found


def _shown(session: Session, options: ConsoleOptions) -> tuple[list[Shown], System]:
    """What is meant: a cause by its name, a finding by its number, or every finding of a target."""
    what = options.what
    titles = {check.id: check.title for check in all_checks()}
    client = session.client
    port, user = client.port or 22, client.user or ""
    address = str(client.sources[0]) if client.sources else ""
    system = System(options.system) if options.system else System.DEBIAN
    if what is None:
        return [], system
    cause = what.lower().replace("_", "-")
    if cause in titles:
        return [Shown(cause, titles[cause], by_hand(cause, system, port=port, user=user, address=address))], system
    number = natural(what)
    if number is None and what != LAST:
        if "/" not in what and "." not in what:
            near = get_close_matches(cause, list(titles), 2, 0.6)
            hint = f"Did you mean {' or '.join(near)}?" if near else "rescue explain lists the causes."
            raise UsageError(f"there is no cause called {what[:60]!r}", hint)
        session = session.asking_for(_with_target(session, what))
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        found = library.inspect(target, session.client)
    release = found.examination.facts.release
    system = System(options.system) if options.system else system_of(release.id, " ".join(release.like))
    findings = list(enumerate(found.findings, 1))
    if number is not None:
        findings = [(at, each) for at, each in findings if at == number]
        if not findings:
            raise UsageError(f"there is no finding {number} there", "rescue inspect numbers them.")
    made = []
    for _, each in findings:
        who = each.users[0] if each.users else session.client.user or ""
        way = by_hand(each.check, system, port=found.port, user=who, address=address)
        where = str(each.locations[0]) if each.locations else ""
        made.append(Shown(each.check, titles[each.check], way, where))
    return made, system


def _with_target(session: Session, spec: str) -> Request:
    return replace(session.request, spec=spec)


def _way(report: Report, each: Shown, system: System) -> None:
    report.line(f"{each.cause}: {each.title}", "bold", 0, 2)
    if each.file:
        report.line(f"found in {safe(each.file)}", "", 2, 2)
    for number, step in enumerate(each.way.steps, 1):
        _step(report, f"{number}.", step)
    _step(report, "check:", each.way.check)
    if each.way.note:
        report.line(f"Note: {each.way.note}.", "yellow", 2, 2)
    if has_way(each.cause):
        report.line(f"(for {system}; --system NAME for another)", "dim", 2)
    report.line()


def _step(report: Report, head: str, step: Typed) -> None:
    report.exact(f"  {head:<3} {safe(step.text)}{'   then press Tab, and Enter' if step.tab else ''}", "bold")
    if step.change:
        report.line(f"in it: {safe(step.change)}", "", 6, 2)
    if step.shows:
        report.line(f"prints: {safe(step.shows)}", "dim", 6, 2)


def _general(report: Report, provider: Provider | None) -> None:
    report.line("The provider's web console", "bold")
    for each in GENERAL:
        report.line(f"- {each}", "", 0, 2)
    report.line()
    if provider is not None:
        _panel(report, provider)
    else:
        report.line(f"Where it is: {command('console', '--provider', 'NAME')}, NAME one of "
                    + ", ".join(each.name for each in PROVIDERS) + ".", "", 0, 2)  # fmt: skip
    report.line(f"What to type for a cause: {command('console', 'CAUSE')}, such as ufw-no-ssh-rule.", "", 0, 2)


def _panel(report: Report, provider: Provider) -> None:
    checked = f"checked: {provider.checked}; other names may differ" if provider.checked else "names not checked"
    report.line(f"{provider.title} ({checked})", "bold")
    for name, text in (
        ("console", provider.console), ("login", provider.login), ("rescue", provider.rescue),
        ("snapshot", provider.snapshot), ("firewall", provider.firewall),
    ):  # fmt: skip
        report.line(f"{name + ':':<9} {text}", "", 2, 10)


def as_document(shown: list[Shown], system: System, provider: Provider | None) -> dict[str, object]:
    """What ``console --json`` prints."""
    return {
        "schema": document.SCHEMA,
        "system": str(system),
        "ways": [
            {
                "cause": each.cause,
                "short": has_way(each.cause),
                "found_in": each.file or None,
                "steps": [_typed(step) for step in each.way.steps],
                "check": _typed(each.way.check),
                "note": each.way.note,
            }
            for each in shown
        ],
        "general": list(GENERAL),
        "providers": [
            {
                "name": one.name, "title": one.title, "console": one.console, "rescue": one.rescue,
                "snapshot": one.snapshot, "firewall": one.firewall, "login": one.login, "checked": one.checked or None,
            }
            for one in ([provider] if provider is not None else PROVIDERS)
        ],
    }  # fmt: skip


def _typed(step: Typed) -> dict[str, object]:
    return {
        "type": step.text,
        "tab": step.tab,
        "change": step.change,
        "prints": step.shows,
        "typable": is_typable(step.text),
    }
