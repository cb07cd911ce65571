"""Claims about what others say of who wrote what: how it is read, weighed, written, and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.attribution import agent_trace, git_ai
from stemma.attribution.export import notes, records
from stemma.attribution.git_ai import Entry, Note
from stemma.attribution.note_writing import write_notes
from stemma.attribution.origins import update_origins
from stemma.attribution.statements import StatementCounts, update_attributions
from stemma.config import Settings
from stemma.errors import SourceError
from stemma.git import registry
from stemma.store.postgres import Database
from tests.attribution.agent import MODEL, SESSION, Agent, origins
from tests.lineage.code import file, function
from tests.repositories import GitRepository

Step = Callable[[Path], str]
ADA = "Ada Author <ada@example.org>"


def annotate(repository: GitRepository, commit: str, text: str) -> None:
    repository.git("notes", "--ref=ai", "add", "-f", "-F", "-", commit, stdin=text.encode())


def note(**lines: list[tuple[int, int]]) -> str:
    """A note on a.py: `agent` lines of a session, `human` lines of Ada."""
    session, human = git_ai.session_key("claude", "conv-1"), git_ai.human_key(ADA)
    keys = {"agent": f"{session}::t_0123456789abcd", "human": human}
    entries = tuple(Entry(keys[who], tuple(found)) for who, found in lines.items())
    metadata = {
        "schema_version": git_ai.SCHEMA_VERSION,
        "base_commit_sha": "",
        "prompts": {},
        "humans": {human: {"author": ADA}},
        "sessions": {session: {"agent_id": {"tool": "claude", "id": "conv-1", "model": "opus"}}},
    }
    return git_ai.write_note(Note({"a.py": entries}, metadata))


def test_a_note_tells_of_an_agent_and_of_a_person_line_by_line(
    database: Database, repository: GitRepository, attribute: Step
) -> None:
    sha = repository.commit(
        "noted", {"a.py": file(function("one"), function("two", "parse"), function("three", "retry"))}
    )
    # one() has lines 1-5, two() 8-11, three() 14-19
    annotate(repository, sha, note(agent=[(1, 5), (14, 16)], human=[(8, 11)]))
    attribute(repository.path)
    found = origins(database)
    assert found["one", "noted"] == ("agent", 1.0)
    assert found["two", "noted"] == ("human", 0.0)
    assert found["three", "noted"][0] == "mixed"
    row = database.read("SELECT agent, model, session_id, matched_by FROM stemma.origins WHERE agent_share = 1")
    assert row.rows() == [("claude-code", "opus", "conv-1", "git-ai")]


def test_a_note_that_is_changed_or_taken_away_changes_what_was_decided(
    database: Database, repository: GitRepository, attribute: Step, settings: Settings
) -> None:
    sha = repository.commit("noted", {"a.py": function("one")})
    repository.commit("later", {"a.py": function("one", extra="seen = 1")})
    annotate(repository, sha, note(agent=[(1, 5)]))
    repo_id = attribute(repository.path)
    assert origins(database)["one", "later"][0] == "mixed"
    annotate(repository, sha, note(human=[(1, 5)]))
    attribute(repository.path)
    assert origins(database)["one", "noted"] == ("human", 0.0)
    repo = registry.find(database, repo_id, settings)
    assert update_attributions(database, repo) == StatementCounts()
    repository.git("notes", "--ref=ai", "remove", sha)
    attribute(repository.path)
    assert origins(database) == {("one", "noted"): ("unknown", None), ("one", "later"): ("unknown", None)}
    assert database.read("SELECT count(*) AS n FROM stemma.origin_spans")["n"].item() == 0


def test_a_note_of_no_known_form_says_nothing_and_stops_nothing(
    database: Database, repository: GitRepository, attribute: Step, settings: Settings
) -> None:
    first = repository.commit("first", {"a.py": function("one")})
    second = repository.commit("second", {"a.py": file(function("one"), function("two", "parse"))})
    annotate(repository, first, "a.py\n  key 1-oops\n---\n{}")
    annotate(repository, second, note(agent=[(8, 11)]))
    repo_id = attribute(repository.path)
    assert origins(database) == {("one", "first"): ("unknown", None), ("two", "second"): ("agent", 1.0)}
    rows = database.read("SELECT origin, path FROM stemma.attributions WHERE sha = $1", [first])
    assert rows.rows() == [("unknown", None)]
    assert update_attributions(database, registry.find(database, repo_id, settings)) == StatementCounts()


def test_an_agents_own_text_outweighs_a_note_and_a_note_what_is_only_alike(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    agent.write("a.py", function("one"))
    sha = repository.commit("exact")
    annotate(repository, sha, note(human=[(1, 5)]))
    agent.write("b.py", function("two", "retry"), at=repository.date(repository.n_commits))
    changed = function("two", "retry", extra="seen = set(items)")
    second = repository.commit("alike", {"b.py": changed})
    annotate(repository, second, note(human=[(1, 7)]).replace("a.py", "b.py"))
    attribute(repository.path)
    assert origins(database)["one", "exact"] == ("agent", 1.0)
    assert origins(database)["two", "alike"] == ("human", 0.0)


def record(sha: str, kind: str, first: int, last: int) -> str:
    contributor = {"type": kind, "model_id": "anthropic/claude-opus-4-5"}
    conversation = {"contributor": contributor, "ranges": [{"start_line": first, "end_line": last}]}
    return json.dumps(
        {
            "version": "0.1.0",
            "id": "550e8400-e29b-41d4-a716-446655440000",
            "timestamp": "2026-01-23T14:30:00Z",
            "vcs": {"type": "git", "revision": sha},
            "tool": {"name": "cursor"},
            "files": [{"path": "a.py", "conversations": [conversation]}],
            "metadata": {"session_id": "s-9"},
        }
    )


@pytest.mark.parametrize(
    ("kind", "origin"),
    [("ai", ("agent", 1.0)), ("human", ("human", 0.0)), ("mixed", ("mixed", None)), ("unknown", ("unknown", None))],
)
def test_a_record_in_the_work_tree_says_who_wrote_its_lines(
    database: Database, repository: GitRepository, attribute: Step, kind: str, origin: tuple[str, float | None]
) -> None:
    sha = repository.commit("traced", {"a.py": function("one")})
    repository.write({agent_trace.FILE: record(sha, kind, 1, 5) + "\nno record\n"})
    attribute(repository.path)
    assert origins(database) == {("one", "traced"): origin}


def test_a_committed_record_is_read_from_a_bare_repository(
    database: Database, repository: GitRepository, attribute: Step, tmp_path: Path
) -> None:
    sha = repository.commit("traced", {"a.py": function("one")})
    repository.commit("records", {agent_trace.FILE: record(sha, "ai", 1, 5)})
    repository.git("clone", "-q", "--bare", str(repository.path), str(tmp_path / "bare.git"))
    attribute(tmp_path / "bare.git")
    assert origins(database) == {("one", "traced"): ("agent", 1.0)}


def test_a_trailer_makes_mixed_with_an_unknown_share_and_an_agents_own_commit_is_the_agents(
    database: Database, repository: GitRepository, attribute: Step
) -> None:
    repository.commit("plain", {"a.py": function("one")})
    repository.commit("signed\n\nCo-Authored-By: Claude <noreply@anthropic.com>", {"b.py": function("two", "parse")})
    bot = {"GIT_AUTHOR_EMAIL": "198982749+Copilot@users.noreply.github.com", "GIT_AUTHOR_NAME": "Copilot"}
    repository.commit("bot", {"c.py": function("three", "retry")}, environment=bot)
    attribute(repository.path)
    assert origins(database) == {
        ("one", "plain"): ("unknown", None),
        ("two", "signed"): ("mixed", None),
        ("three", "bot"): ("agent", 1.0),
    }


def test_notes_are_written_only_when_asked_and_come_back_as_the_same_origins(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step, settings: Settings
) -> None:
    repository.commit("human", {"a.py": function("one")})
    agent.write("my lib.py", file(function("two", "parse"), function("three", "retry")))
    repository.commit("agent")
    repo = registry.find(database, attribute(repository.path), settings)
    told = dict(notes(database, repo))
    assert repository.git("for-each-ref", "refs/notes") == ""
    assert write_notes(repo, told.items()) == (1, 0)
    assert write_notes(repo, told.items()) == (0, 1)
    ((sha, written),) = told.items()
    assert git_ai.read_note(repository.git("notes", "--ref=ai", "show", sha)) == written
    assert written.files["my lib.py"][0].lines == ((1, 4), (7, 12))
    (session,) = written.metadata["sessions"].values()
    assert session["agent_id"] == {"tool": "claude", "id": SESSION, "model": MODEL}
    # A clone that never saw the agent's events learns the same from the notes alone.
    place = repository.path.parent / "clone"
    repository.git("clone", "-q", str(repository.path), str(place))
    clone = GitRepository(place)
    clone.git("fetch", "-q", "origin", "refs/notes/ai:refs/notes/ai")
    database.execute("DELETE FROM stemma.agent_edits")
    database.execute("DELETE FROM stemma.agent_events")
    other = registry.find(database, attribute(clone.path), settings)
    found = database.read(
        "SELECT n.qualified_name, o.origin, o.session_id, o.matched_by FROM stemma.origins o "
        "JOIN stemma.lineage_nodes n USING (node_id) WHERE o.repo_id = $1 ORDER BY 1",
        [other.repo_id],
    )
    assert found.rows() == [
        ("one", "unknown", None, None),
        ("three", "agent", SESSION, "git-ai"),
        ("two", "agent", SESSION, "git-ai"),
    ]


def test_records_name_each_line_at_the_commit_that_brought_it_and_come_back_as_the_same_origins(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step, settings: Settings
) -> None:
    agent.write("a.py", function("one"))
    sha = repository.commit("agent")
    repository.commit("person", {"a.py": "import os\n\n" + function("one", extra="seen = 1")})
    repo = registry.find(database, attribute(repository.path), settings)
    (told,) = records(database, repo)
    assert told.vcs is not None and told.vcs.revision == sha
    (conversation,) = told.files[0].conversations
    assert [(lines.start_line, lines.end_line) for lines in conversation.ranges] == [(1, 5)]
    assert conversation.contributor is not None and conversation.contributor.model_id == MODEL
    before = origins(database)
    database.execute("DELETE FROM stemma.agent_edits")
    database.execute("UPDATE stemma.origin_progress SET version = ''")
    repository.write({agent_trace.FILE: agent_trace.write_record(told)})
    update_attributions(database, repo)
    update_origins(database, settings, repo)
    assert origins(database) == before


def test_notes_are_not_written_into_a_folder(
    database: Database, tmp_path: Path, ingest: Callable[[Path], str], settings: Settings
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.py").write_text(function("one"))
    repo = registry.find(database, ingest(tmp_path / "plain"), settings)
    with pytest.raises(SourceError):
        write_notes(repo, [])
