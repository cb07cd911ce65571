"""`stemma verdict`: what the quorum says of indexed code, or of a file that it is given now.

How verdicts are found and made lives in `stemma.quorum`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer

from stemma.cli import show
from stemma.config import Settings, load_settings
from stemma.errors import NotFoundError
from stemma.store import open_database

if TYPE_CHECKING:
    from stemma.match.given import Given

_GIVEN = "<standard input>"
_KEY = ["pattern_id", "exact_hash"]


def verdict(
    code: Annotated[
        str,
        typer.Argument(
            help="Pattern id, path:name, path:line or qualified name; or a file, file:name, or - for stdin."
        ),
    ],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Judge the file as it is on this machine now, whatever is indexed.")
    ] = False,
    language: Annotated[str | None, typer.Option(help="Language of a file whose name does not tell it.")] = None,
    as_json: show.Json = False,
) -> None:
    """What the quorum says of code, with what probability and why, and each member's vote with its findings.

    Of a pattern it is the verdict on the worst of its texts. A file that was never indexed is judged now, and nothing
    of it is kept.
    """
    settings = load_settings()
    if not (fresh or code == "-" or language):
        try:
            _indexed(settings, code, as_json=as_json)
        except NotFoundError:
            if not _is_file(code):
                raise
        else:
            return
    _given(settings, code, language, as_json=as_json)


def _is_file(code: str) -> bool:
    return Path(code).is_file() or Path(code.rpartition(":")[0]).is_file()


def _indexed(settings: Settings, reference: str, *, as_json: bool) -> None:
    from stemma.quorum.queries import verdict_of

    with open_database(settings) as database:
        answer = verdict_of(database, reference)
    if as_json:
        frames = {"votes": answer.votes, "history": answer.history, "texts": answer.texts}
        show.value({**answer.verdict, **{name: frame.to_dicts() for name, frame in frames.items()}})
        return
    facts = answer.verdict
    place = f"{facts['repository']} {facts['path']}:{facts['start_line']}" if facts["path"] else "stands nowhere now"
    _head(facts, f"{place}, pattern {facts['pattern_id']}")
    if facts["changed"]:
        _line(facts["changed"])
    _votes(answer.votes)
    others = answer.texts.filter(pl.col("exact_hash") != facts["exact_hash"])
    if len(others):
        columns = ("outcome", "probability", "repository", "path", "qualified_name", "start_line")
        show.frame(others.select(columns), as_json=False, title="Other texts of the pattern, the worst first")


def _given(settings: Settings, target: str, language: str | None, *, as_json: bool) -> None:
    from stemma.match.given import read_given
    from stemma.quorum.given import judge_given

    given = read_given(target, settings, language=language)
    path = str(given.path) if given.path else _GIVEN
    with show.progress_bars():
        judged = judge_given([(path, given.content)], settings, grammars={path: given.grammar})
    texts = _chosen(given, target, judged.texts)
    rows = texts.join(judged.verdicts, on=_KEY, how="left", maintain_order="left")
    from stemma.quorum.members.base import TOLD_FINDINGS

    votes = judged.votes.with_columns(pl.col("findings").str.json_decode(TOLD_FINDINGS))
    if as_json:
        show.value({"path": path, "verdicts": [_as_json(row, votes) for row in rows.iter_rows(named=True)]})
        return
    if len(rows) > 1:
        columns = ("outcome", "probability", "qualified_name", "start_line", "reason")
        show.frame(rows.select(columns), as_json=False, title=f"Verdicts on {show.plain(path)}")
        return
    facts = rows.row(0, named=True)
    _head(facts, f"{path}:{facts['start_line']}, judged now")
    _votes(votes.join(texts, on=_KEY, how="semi"))


def _chosen(given: Given, target: str, texts: pl.DataFrame) -> pl.DataFrame:
    """All definitions of a whole file, trivial ones too; of a name or line the one it means."""
    if target == "-" or Path(target).is_file():
        return texts
    return texts.join(given.definitions.select("exact_hash", "start_line"), on=["exact_hash", "start_line"], how="semi")


_TOLD = ("outcome", "probability", "decision", "agreement", "n_pass", "n_fail", "n_abstain", "n_families", "reason")
_TEXT = ("language", "kind", "qualified_name", "start_line", "end_line", *_KEY)
_VOTE = ("member", "vote", "probability", "reason", "findings", "member_version", "seconds", "cost")


def _as_json(row: dict[str, Any], votes: pl.DataFrame) -> dict[str, Any]:
    mine = votes.filter(*(pl.col(name) == row[name] for name in _KEY)).select(_VOTE)
    return {name: row[name] for name in (*_TEXT, *_TOLD)} | {"votes": mine.to_dicts()}


def _head(facts: dict[str, Any], where: str) -> None:
    probability = "" if facts["probability"] is None else f", fit for reuse with probability {facts['probability']:.3f}"
    _line(f"{facts['outcome'].upper()}{probability} ({facts['decision']})")
    _line(f"{facts['language']} {facts['kind']} {facts['qualified_name'] or facts['name']}  {where}")
    _line(facts["reason"])


def _line(text: str) -> None:
    show.console.print(show.plain(text), markup=False, highlight=False)


def _votes(votes: pl.DataFrame) -> None:
    told = pl.element().struct.field("rule") + " line " + pl.element().struct.field("line").cast(pl.String)
    findings = pl.col("findings").list.eval(told).list.join(", ")
    why = pl.coalesce("reason", pl.when(findings != "").then(findings))
    probability = ["probability"] if votes["probability"].count() else []
    shown = votes.select(
        "member", "vote", *probability, why.alias("why"), "seconds", pl.col("member_version").alias("version")
    )
    show.frame(shown, as_json=False, title="Votes")
