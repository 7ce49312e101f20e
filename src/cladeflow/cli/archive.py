"""``cladeflow archive``: every agent that ever was, its relatives, and what is known of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import click

from cladeflow.cli.inspect import opened
from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, print_json, print_table
from cladeflow.errors import CladeflowError
from cladeflow.home import Home

if TYPE_CHECKING:
    from cladeflow.archive.pedigree import Counted, Node

_SHORT = 12


@click.group()
def archive() -> None:
    """Every agent, good or bad: the tree, its best, and its way out and in."""


@archive.command()
@click.argument("agent", default="initial")
@click.option("--depth", type=click.IntRange(0), help="Generations of descendants to show.")
@HOME_OPTION
@JSON_OPTION
def tree(agent: str, depth: int | None, home: Path, as_json: bool) -> None:
    """AGENT and its descendants: scores of their own, of their clades, and status.

    A clade is an agent with all its descendants. An agent with two parents is drawn below the
    first, and named below the second.
    """
    from cladeflow.archive import pedigree

    with opened(home) as session:
        root = session.archive.agent(agent).agent.id
        places = list(pedigree.tree(pedigree.nodes(session.archive), root, depth))
    if as_json:
        print_json([place.node.to_json() for place in places if not place.again])
        return
    columns = ["agent", "gen", "own tasks solved", "clade", "children", "status"]
    rows = []
    for branch, node, again in places:
        name = branch + node.member.agent.id[:_SHORT]
        about = [_solved(node.own), _solved(node.clade), len(node.children), _status(node)]
        rows.append([name, node.member.agent.gen, *(["", "", "", "see above"] if again else about)])
    print_table(columns, rows)


@archive.command()
@click.argument("agent", default="champion")
@HOME_OPTION
@JSON_OPTION
def show(agent: str, home: Path, as_json: bool) -> None:
    """All that the archive knows of AGENT: content, relatives, scores, events."""
    from cladeflow.archive import pedigree

    with opened(home) as session:
        found = session.archive.agent(agent).agent
        node = pedigree.nodes(session.archive)[found.id]
        events = session.archive.events(agents=[found.id])
    if as_json:
        content = found.model_dump(mode="json")
        print_json({**node.to_json(), "agent": content, "events": [e._asdict() for e in events]})
        return
    facts = [
        ["generation", f"{found.gen}, child {node.member.child}"],
        ["status", _status(node)],
        ["parents", _names(found.parents)],
        ["children", _names(node.children)],
        ["own tasks solved", _solved(node.own)],
        ["at least, 95 % sure", f"{100 * node.believed:.1f} %"],
        ["clade", _solved(node.clade)],
        *([f"weights: {role}", ref] for role, ref in found.weights.items()),
        ["memory", found.memory or "-"],
        ["recipe", found.recipe[:_SHORT] or "-"],
        ["learned from", (found.data or "-")[:_SHORT]],
        ["settings", ", ".join(f"{k} {v}" for k, v in found.control.items()) or "-"],
    ]
    print_table(["agent", found.id], facts)
    print_table(["when (UTC)", "what", "who", "why"], [[e.created, *_told(e)] for e in events])


@archive.command()
@click.option("--count", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--percentile",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Of the posterior of an agent's score; the lower, the more trials count.",
)
@HOME_OPTION
@JSON_OPTION
def best(count: int, percentile: float, home: Path, as_json: bool) -> None:
    """The agents to believe in: the highest by what their score is at least.

    That is a low percentile of Beta(1 + solved, 1 + failed): a high score on few tasks is not yet
    a good agent.
    """
    from cladeflow.archive import pedigree

    with opened(home) as session:
        found = pedigree.best(pedigree.nodes(session.archive, percentile), count)
    if as_json:
        print_json([node.to_json() for node in found])
        return
    columns = ["agent", "gen", "at least", "own tasks solved", "clade", "status"]
    rows = [
        [
            node.member.agent.id[:_SHORT],
            node.member.agent.gen,
            f"{100 * node.believed:.1f}",
            _solved(node.own),
            _solved(node.clade),
            _status(node),
        ]
        for node in found
    ]
    print_table(columns, rows)


@archive.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@HOME_OPTION
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
def export_lines(file: Path | None, home: Path, as_json: bool) -> None:
    """Write the whole archive, agents and events, as JSON lines to FILE or standard output."""
    from cladeflow.archive.transfer import export_archive

    with opened(home) as session:
        lines = export_archive(session.archive)
        texts = [json.dumps(list(lines), indent=2)] if as_json else map(json.dumps, lines)
        with click.open_file(str(file or "-"), "w", atomic=file is not None) as out:
            out.writelines(f"{text}\n" for text in texts)


@archive.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@HOME_OPTION
def import_lines(file: Path, home: Path) -> None:
    """Read FILE, as `archive export` wrote it, into the archive at --home, made if needed.

    The agents' weights are not in it: they stay in the store that they were made in.
    """
    from cladeflow.archive.archive import Archive
    from cladeflow.archive.transfer import import_archive

    lines = list(_lines(file))
    place = Home(home)
    known = place.directory.exists()
    place.create()
    try:
        with Archive.create(place.archive_url) as into:
            import_archive(into, lines)
            place.settle(click.echo)
            click.echo(f"{home} has {len(into.agents())} agents")
    except CladeflowError:
        if not known:  # what was just made for it
            rmtree(place.directory)
        raise


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, or of one JSON array."""
    try:
        text = file.read_text()
        parsed = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
        for number, line in enumerate(parsed, 1):
            if not isinstance(line, dict):
                raise ValueError(f"line {number} is no object")
            yield line
    except (OSError, ValueError) as error:
        raise CladeflowError(f"{file} cannot be read as an archive: {error}") from error


def _solved(counted: "Counted") -> str:
    if counted.share is None:
        return "-"
    return f"{counted.ok:,}/{counted.ok + counted.fail:,} = {100 * counted.share:.1f} %"


def _status(node: "Node") -> str:
    return f"{node.member.status}, champion" if node.champion else node.member.status


def _names(ids: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(agent_id[:_SHORT] for agent_id in ids) or "-"


def _told(event: Any) -> list[str]:
    trials = event.payload.get("ok"), event.payload.get("fail")
    counted = f"{trials[0]} of {sum(trials)} tasks solved" if None not in trials else ""
    return [event.kind, event.who, event.why or counted]
