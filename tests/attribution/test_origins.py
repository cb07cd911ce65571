"""Claims about origins: what an agent wrote stays the agent's through everything that git and people do to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemma.attribution import origins as module
from stemma.attribution.edits import update_agent_edits
from stemma.attribution.origins import OriginCounts, update_origins
from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
from tests.attribution.agent import MODEL, SESSION, Agent, origins
from tests.lineage.code import file, function, indented
from tests.repositories import GitRepository

Step = Callable[[Path], str]

LIMITED = "        result += item.price * item.count\n"
STOPPING = LIMITED + "        if result > limit_of(items):\n            break\n"


def start(repository: GitRepository) -> None:
    repository.commit("human", {"a.py": file(function("one"), function("two", "parse"))})


def test_what_an_agent_wrote_whole_is_its_own(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent")
    attribute(repository.path)
    assert origins(database) == {
        ("one", "human"): ("unknown", None),
        ("two", "human"): ("unknown", None),
        ("three", "agent"): ("agent", 1.0),
    }
    row = database.read(
        "SELECT agent, model, session_id, matched_by, n_tokens, n_agent FROM stemma.origins WHERE origin = 'agent'"
    )
    assert row.rows() == [("claude-code", MODEL, SESSION, "exact", 20, 20)]


@pytest.mark.parametrize("tells_file", [True, False])
def test_a_small_edit_within_a_function_is_the_agents_and_the_rest_of_it_is_not(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step, tells_file: bool
) -> None:
    start(repository)
    agent.edit("a.py", LIMITED, STOPPING, tells_file=tells_file)
    repository.commit("agent")
    attribute(repository.path)
    # if result > limit_of items : break = 7 of 31 words and operators
    assert origins(database)["one", "agent"] == ("mixed", round(7 / 31, 2))
    assert origins(database)["two", "human"] == ("unknown", None)


def test_a_persons_later_change_makes_it_mixed_and_leaves_the_rest_the_agents(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent")
    repository.commit("person", {"b.py": function("three", "retry", extra="seen = set(items)")})
    attribute(repository.path)
    assert origins(database)["three", "person"] == ("mixed", round(20 / 24, 2))
    spans = database.read(
        "SELECT s.first_line, s.last_line, s.n_tokens FROM stemma.origin_spans s JOIN stemma.lineage_nodes n "
        "USING (node_id) JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha "
        "WHERE c.subject = 'person' ORDER BY span"
    )
    assert spans.rows() == [(1, 1, 4), (3, 7, 16)]


def test_nobody_is_human_without_a_word_of_it(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent")
    repository.commit("person", {"c.py": function("four", "longest")})
    attribute(repository.path)
    assert {origin for origin, _ in origins(database).values()} == {"agent", "unknown"}


REFORMATTED = """def {name}(
    items,
):
    while items:
        try:
            return (
                items.pop()()
            )
        except OSError as error:
            print(error,)
"""


def test_a_reformat_with_the_commit_or_after_it_changes_no_share(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent", {"b.py": REFORMATTED.format(name="three")})
    agent.write("c.py", function("four", "retry"))
    repository.commit("agent again")
    repository.commit("formatter", {"c.py": REFORMATTED.format(name="four")})
    attribute(repository.path)
    assert origins(database) == {
        ("three", "agent"): ("agent", 1.0),
        ("four", "agent again"): ("agent", 1.0),
        ("four", "formatter"): ("agent", 1.0),
    }


def test_a_file_renamed_before_its_commit_or_after_it_keeps_its_author(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    agent.write("b.py", file(function("three", "retry"), function("four", "longest")))
    repository.commit(
        "agent", {"b.py": None, "lib/c.py": file(function("three", "retry"), function("four", "longest"))}
    )
    repository.move("lib/c.py", "d.py")
    repository.commit("person moves")
    attribute(repository.path)
    found = origins(database)
    assert {found[name, subject] for name in ("three", "four") for subject in ("agent", "person moves")} == {
        ("agent", 1.0)
    }


def test_a_squash_of_several_edits_and_a_persons_is_mixed_by_its_share(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    repository.branch("work")
    agent.write("b.py", function("three", "retry"))
    repository.commit("one step")
    agent.edit(
        "b.py", "            print(error)\n", "            print(error)\n            items.append(error.repair())\n"
    )
    repository.commit("another step")
    repository.commit("a person's step", {"c.py": function("five", "longest")})
    repository.switch("main")
    repository.git("merge", "-q", "--squash", "work")
    repository.commit("squashed")
    attribute(repository.path)
    found = origins(database)
    assert found["three", "squashed"] == ("agent", 1.0)
    assert found["five", "squashed"] == ("unknown", None)


def test_an_amended_rebased_and_cherry_picked_commit_keeps_its_author_and_retired_versions_go(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    repository.branch("work")
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent")
    attribute(repository.path)
    assert origins(database)["three", "agent"] == ("agent", 1.0)
    repository.git("commit", "-q", "--amend", "-m", "amended")
    repository.switch("main")
    repository.commit("meanwhile", {"c.py": function("five", "longest")})
    repository.git("cherry-pick", "work")
    attribute(repository.path)
    assert origins(database) == {
        ("one", "human"): ("unknown", None),
        ("two", "human"): ("unknown", None),
        ("five", "meanwhile"): ("unknown", None),
        ("three", "amended"): ("agent", 1.0),
    }


def test_an_edit_in_a_clone_that_is_not_registered_is_found_by_content(
    database: Database, repository: GitRepository, settings: Settings, attribute: Step, tmp_path: Path
) -> None:
    start(repository)
    repository.git("clone", "-q", str(repository.path), str(tmp_path / "elsewhere"))
    clone = GitRepository(tmp_path / "elsewhere")
    clone.n_commits = repository.n_commits
    agent = Agent(clone, settings)
    agent.write("pkg/b.py", function("three", "retry"))
    agent.edit("a.py", LIMITED, STOPPING)
    clone.commit("agent")
    repository.git("pull", "-q", str(clone.path))
    attribute(repository.path)
    assert origins(database)["three", "agent"] == ("agent", 1.0)
    assert origins(database)["one", "agent"] == ("mixed", round(7 / 31, 2))


def test_an_edit_in_a_linked_worktree_belongs_to_its_repository(
    database: Database, repository: GitRepository, settings: Settings, attribute: Step, tmp_path: Path
) -> None:
    start(repository)
    repository.git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "work")
    tree = GitRepository.__new__(GitRepository)
    tree.path, tree.n_commits = tmp_path / "tree", repository.n_commits
    agent = Agent(tree, settings)
    agent.write("pkg/b.py", function("three", "retry"))
    tree.commit("agent")
    repository.git("merge", "-q", "work")
    repo_id = attribute(repository.path)
    assert origins(database)["three", "agent"] == ("agent", 1.0)
    assert database.read("SELECT repo_id, path FROM stemma.agent_edits").rows() == [(repo_id, "pkg/b.py")]


def test_what_stood_before_the_edit_is_not_the_agents(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    whole = file(function("one"), function("two", "parse"), function("three", "retry"))
    agent.write("a.py", whole)  # tells the whole file, of which two functions stood there before
    repository.commit("agent")
    attribute(repository.path)
    assert origins(database) == {
        ("one", "human"): ("unknown", None),
        ("two", "human"): ("unknown", None),
        ("three", "agent"): ("agent", 1.0),
    }


def test_a_persons_code_that_repeats_a_few_lines_of_an_agents_is_not_the_agents(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent")
    other = "def four(queue):\n    while queue:\n        try:\n            send(queue.popleft())\n"
    other += "        except OSError as error:\n            log.warning('lost', error)\n            raise\n"
    repository.commit("person", {"d.py": other})
    attribute(repository.path)
    assert origins(database)["four", "person"] == ("unknown", None)


def test_a_method_of_a_class_gives_the_class_its_share(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    body = "class Cart:\n" + indented(function("one"))
    repository.commit("human", {"a.py": body})
    agent.edit("a.py", "        return result\n", "        return result\n\n" + indented(function("two", "retry")))
    repository.commit("agent")
    attribute(repository.path)
    found = origins(database)
    assert found["Cart.two", "agent"] == ("agent", 1.0)
    assert found["Cart", "agent"] == ("mixed", round(20 / 47, 2))
    assert found["Cart.one", "human"] == ("unknown", None)


def test_a_second_run_writes_nothing_and_later_evidence_is_held_against_what_stands(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step, settings: Settings
) -> None:
    start(repository)
    repository.commit("agent", {"b.py": function("three", "retry")})
    repo_id = attribute(repository.path)
    assert origins(database)["three", "agent"] == ("unknown", None)
    repository.write({"b.py": None})
    agent.write("b.py", function("three", "retry"), at=repository.date(0))  # told late
    attribute(repository.path)
    assert origins(database)["three", "agent"] == ("agent", 1.0)
    repo = registry.find(database, repo_id, settings)
    assert update_agent_edits(database, settings).n_events == 0
    assert update_origins(database, settings, repo) == OriginCounts(0, 0, 0)


def test_a_secret_that_was_taken_out_of_the_event_takes_nothing_from_the_agent(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    body = "def connect(host):\n    address = host.rstrip('/')\n    key = 'AKIAIOSFODNN7EXAMPLE'\n"
    agent.write("b.py", body + "    client = Client(address, key)\n    return client.open(timeout=3)\n")
    repository.commit("agent")
    attribute(repository.path)
    assert database.read("SELECT sum(n_redactions)::int AS n FROM stemma.agent_events")["n"].item() > 0
    assert origins(database)["connect", "agent"] == ("agent", 1.0)


STEP = "        total = item.price * item.count\n        seen.append(total)\n        print(total, seen)\n"
LOOP = "def {name}({first}):\n    seen = []\n    for item in {first}:\n        check(item)\n{step}    return seen\n"


def test_a_person_who_writes_the_lines_of_an_agents_edit_in_another_function_keeps_them(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    repository.commit("human", {"a.py": LOOP.format(name="one", first="rows", step="")})
    agent.edit("a.py", "        check(item)\n", f"        check(item)\n{STEP}", tells_file=False)
    own = LOOP.format(name="two", first="items", step=STEP)
    repository.commit("both", {"a.py": own + "\n\n" + LOOP.format(name="one", first="rows", step=STEP)})
    attribute(repository.path)
    found = origins(database)
    assert found["one", "both"][0] == "mixed"
    assert found["two", "both"] == ("unknown", None)


def test_a_function_cut_out_of_the_one_around_it_stands_where_the_rest_of_the_edit_does(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    inner = "    def handle(error):\n        log.write(str(error))\n        return abort(error, log)\n"
    before = "def {name}(items):\n    log = open({name!r})\n    return run(items, handle)\n"
    after = (
        "def {name}(items):\n    log = open({name!r})\n    start(log, {name!r})\n{inner}    return run(items, handle)\n"
    )
    repository.commit("human", {"a.py": file(*(before.format(name=name) for name in ("one", "two")))})
    line = "    log = open('two')\n"
    agent.edit("a.py", line, f"{line}    start(log, 'two')\n{inner}", tells_file=False)
    repository.commit("both", {"a.py": file(*(after.format(name=name, inner=inner) for name in ("one", "two")))})
    attribute(repository.path)
    found = origins(database)
    assert found["two.handle", "both"] == ("agent", 1.0)
    assert found["one.handle", "both"] == ("unknown", None)
    assert found["one", "both"][0] == "unknown"


def test_a_small_function_is_the_agents_by_its_name_when_a_person_filled_it_before_the_commit(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    agent.write("b.py", "def three(items):\n    pass\n")
    repository.commit("both", {"b.py": function("three", "longest").replace("    return", "    pass\n    return")})
    attribute(repository.path)
    origin, share = origins(database)["three", "both"]
    assert origin == "mixed" and share is not None and share < 0.3


def test_versions_of_one_commit_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VERSIONS_PER_BATCH", 3)
    monkeypatch.setattr(module, "MOST_PER_BATCH", 6)

    def cut(*positions: int) -> list[list[int]]:
        wanted = pl.DataFrame({"position": positions}, schema={"position": pl.Int32})
        return [batch["position"].to_list() for batch in module._batches(wanted)]

    assert cut() == []
    assert cut(1, 1, 2, 2, 2, 2, 3, 4, 4) == [[1, 1, 2, 2, 2, 2], [3, 4, 4]]
    assert cut(1, 1, 2, 2, 2, 2, 2, 3) == [[1, 1], [2, 2, 2, 2, 2], [3]]
    assert cut(*[5] * 8, 6) == [[5] * 6, [5] * 2, [6]]


def test_a_persons_function_of_the_same_name_in_another_file_is_not_the_agents(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    start(repository)
    agent.write("b.py", function("three", "retry", extra="seen = set(items)"))
    repository.commit("both", {"c.py": function("three", "retry", extra="limit = items[0] + 1")})
    attribute(repository.path)
    rows = database.read(
        "SELECT n.path, o.origin FROM stemma.origins o JOIN stemma.lineage_nodes n USING (node_id) "
        "WHERE n.qualified_name = 'three'"
    )
    assert dict(rows.iter_rows()) == {"b.py": "agent", "c.py": "unknown"}
