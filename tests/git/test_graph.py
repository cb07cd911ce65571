"""The whole commit graph is read, not its main line alone: order, merges, roots, what moves on and off HEAD's chain."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from stemma.git import commit_rows, history, ingest, registry
from stemma.git.store import Store, Stream
from tests.git.conftest import Ingestion
from tests.repositories import GitRepository

WILD = ("1970-01-01T00:00:00+0000", "2090-01-01T00:00:00+0000", "2024-06-01T00:00:00+0000")


def grow(
    repository: GitRepository,
    files: dict[str, str],
    parents: Sequence[str] = (),
    *,
    date: str = WILD[2],
    name: str = "c",
) -> str:
    """A commit that holds exactly the files (at the top), on whatever parents; no branch is moved."""
    entries = "".join(
        f"100644 blob {repository.git('hash-object', '-w', '--stdin', stdin=text.encode())}\t{path}\n"
        for path, text in files.items()
    )
    tree = repository.git("mktree", stdin=entries.encode())
    on = [argument for parent in parents for argument in ("-p", parent)]
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    return repository.git("commit-tree", tree, *on, "-m", name, environment=dates)


def point(repository: GitRepository, sha: str) -> None:
    repository.git("update-ref", "refs/heads/main", sha)


def changes_of(ingestion: Ingestion, sha: str) -> dict[str, tuple[object, object]]:
    """path -> (had a content before, has one after)"""
    rows = ingestion.db.read(
        "SELECT path, old_blob IS NOT NULL AS a, new_blob IS NOT NULL AS b FROM stemma.file_changes WHERE sha = $1",
        [sha],
    )
    return {path: (a, b) for path, a, b in rows.rows()}


def positions(ingestion: Ingestion) -> dict[str, int]:
    return dict(ingestion.db.read("SELECT sha, position FROM stemma.commits").rows())


def assert_parents_come_first(ingestion: Ingestion) -> None:
    place = positions(ingestion)
    assert len(set(place.values())) == len(place)
    for sha, parents in ingestion.rows("SELECT sha, parents FROM stemma.commits"):
        assert all(place[parent] < place[str(sha)] for parent in parents if parent in place)  # type: ignore[attr-defined]


def test_a_criss_cross_is_in_order_though_its_dates_are_not(ingestion: Ingestion, repository: GitRepository) -> None:
    root = grow(repository, {"a.py": "0"}, date=WILD[1])
    left = grow(repository, {"a.py": "0", "l.py": "1"}, [root], date=WILD[0])
    right = grow(repository, {"a.py": "0", "r.py": "1"}, [root], date=WILD[1])
    both = {"a.py": "0", "l.py": "1", "r.py": "1"}
    one = grow(repository, both, [left, right], date=WILD[0])
    other = grow(repository, both, [right, left], date=WILD[2])
    head = grow(repository, {**both, "a.py": "2"}, [one, other], date=WILD[0])
    point(repository, head)

    ingestion(repository.path)

    assert_parents_come_first(ingestion)
    assert ingestion.chain() == [root, left, one, head]
    assert changes_of(ingestion, one) == {"r.py": (False, True)}
    assert changes_of(ingestion, other) == {"l.py": (False, True)}
    assert changes_of(ingestion, head) == {"a.py": (True, True)}
    assert changes_of(ingestion, right) == {"r.py": (False, True)}


def test_an_octopus_an_empty_merge_and_a_merge_that_throws_a_side_away(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    root = grow(repository, {"a.py": "0"})
    arms = [grow(repository, {"a.py": "0", f"{name}.py": name}, [root]) for name in "xyz"]
    octopus = grow(repository, {"a.py": "0", "x.py": "x", "y.py": "y", "z.py": "z"}, arms)
    side = grow(repository, {"a.py": "side"}, [root])
    ours = grow(repository, {"a.py": "0", "x.py": "x", "y.py": "y", "z.py": "z"}, [octopus, side])
    theirs = grow(repository, {"a.py": "side"}, [ours, side])
    point(repository, theirs)

    assert ingestion(repository.path)["n_commits"] == 8

    assert_parents_come_first(ingestion)
    assert changes_of(ingestion, octopus) == {"y.py": (False, True), "z.py": (False, True)}
    assert changes_of(ingestion, ours) == {}  # as its first parent
    assert changes_of(ingestion, theirs) == {
        "a.py": (True, True), "x.py": (True, False), "y.py": (True, False), "z.py": (True, False)
    }  # fmt: skip
    assert ingestion.rows(f"SELECT parents FROM stemma.commits WHERE sha = '{octopus}'") == [(arms,)]


def test_an_orphan_root_that_is_merged_in_adds_all_it_holds(ingestion: Ingestion, repository: GitRepository) -> None:
    root = grow(repository, {"a.py": "0"})
    orphan = grow(repository, {"b.py": "0", "c.py": "1"}, date=WILD[0])
    head = grow(repository, {"a.py": "0", "b.py": "0", "c.py": "1"}, [root, orphan])
    point(repository, head)

    ingestion(repository.path)

    added = {"b.py": (False, True), "c.py": (False, True)}
    assert changes_of(ingestion, orphan) == changes_of(ingestion, head) == added
    assert ingestion.rows("SELECT count(*) FROM stemma.commits WHERE is_shallow_boundary") == [(0,)]


def test_a_side_branch_that_is_cut_off_adds_all_it_holds_and_is_no_root(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    root = grow(repository, {"a.py": "0"})
    side = grow(repository, {"a.py": "0", "s.py": "1"}, [root])
    tip = grow(repository, {"a.py": "0", "s.py": "2"}, [side])
    main = grow(repository, {"a.py": "1"}, [root])
    merge = grow(repository, {"a.py": "1", "s.py": "2"}, [main, tip])
    point(repository, merge)
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth=2", repository.path.as_uri(), str(clone))

    ingestion(clone)

    assert ingestion.chain() == [main, merge]
    assert changes_of(ingestion, tip) == {"a.py": (False, True), "s.py": (False, True)}
    cut = ingestion.rows("SELECT sha FROM stemma.commits WHERE is_shallow_boundary")
    assert set(cut) == {(main,), (tip,)}

    repository.git("-C", str(clone), "fetch", "-q", "--unshallow")
    ingestion(clone)

    assert_parents_come_first(ingestion)
    assert changes_of(ingestion, tip) == {"s.py": (True, True)}
    assert changes_of(ingestion, main) == {"a.py": (True, True)}
    assert len(ingestion.changes()) == 1 + 1 + 1 + 1 + 1


def test_new_commits_stand_above_all_that_were_known(ingestion: Ingestion, repository: GitRepository) -> None:
    root = grow(repository, {"a.py": "0"}, date=WILD[1])
    two = grow(repository, {"a.py": "2"}, [root], date=WILD[1])
    point(repository, two)
    ingestion(repository.path)
    before = ingestion.state()
    side = grow(repository, {"a.py": "0", "s.py": "1"}, [root], date=WILD[0])
    merge = grow(repository, {"a.py": "2", "s.py": "1"}, [two, side], date=WILD[0])
    point(repository, merge)

    counts = ingestion(repository.path)

    assert counts == {"n_commits": 2, "n_file_changes": 2, "n_files": 1, "n_retired": 0}
    assert [sha for sha, _ in sorted(positions(ingestion).items(), key=lambda item: item[1])] == [
        root,
        two,
        side,
        merge,
    ]
    assert len(set(before) - set(ingestion.state())) == 1  # the repository's own row


def test_a_side_branch_becomes_the_main_line_after_a_force_push(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    root = grow(repository, {"a.py": "0"})
    main = grow(repository, {"a.py": "1"}, [root])
    side = grow(repository, {"a.py": "0", "s.py": "1"}, [root])
    merge = grow(repository, {"a.py": "1", "s.py": "1"}, [main, side])
    point(repository, merge)
    ingestion(repository.path)
    places = positions(ingestion)
    indexes = "SELECT sha, first_parent_index FROM stemma.commits"
    assert dict(ingestion.db.read(indexes).rows()) == {root: 0, main: 1, merge: 2, side: None}

    new = grow(repository, {"a.py": "0", "s.py": "2"}, [side])
    point(repository, new)
    counts = ingestion(repository.path)

    assert dict(ingestion.db.read(indexes).rows()) == {root: 0, side: 1, new: 2}
    moved = ingestion.rows("SELECT DISTINCT sha, first_parent_index FROM stemma.file_changes")
    assert set(moved) == {(root, 0), (side, 1), (new, 2)}
    assert {sha: positions(ingestion)[sha] for sha in (root, side)} == {sha: places[sha] for sha in (root, side)}
    assert positions(ingestion)[new] > places[side]
    # gone: two commits and a change of each; moved: the side commit and its change; new: a commit and its change
    assert counts == {"n_commits": 4, "n_file_changes": 2, "n_files": 2, "n_retired": 2}


def test_the_main_line_becomes_a_side_branch_and_its_rows_stand(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    root = grow(repository, {"a.py": "0"})
    mine = grow(repository, {"a.py": "0", "m.py": "1"}, [root])
    point(repository, mine)
    ingestion(repository.path)
    theirs = grow(repository, {"a.py": "0", "t.py": "1"}, [root])
    merge = grow(repository, {"a.py": "0", "m.py": "1", "t.py": "1"}, [theirs, mine])
    point(repository, merge)

    counts = ingestion(repository.path)

    assert counts["n_retired"] == 0
    assert ingestion.rows(f"SELECT first_parent_index, path FROM stemma.file_changes WHERE sha = '{mine}'") == [
        (None, "m.py")
    ]
    assert_parents_come_first(ingestion)


@pytest.mark.parametrize("seed", range(3))
def test_any_graph_grown_cut_back_and_grown_again_reads_as_git_tells_it(
    ingestion: Ingestion, repository: GitRepository, seed: int
) -> None:
    chance = random.Random(seed)
    files: dict[str, dict[str, str]] = {}

    def sprout(known: list[str]) -> str:
        parents = chance.sample(known, min(len(known), chance.choice((0, 1, 1, 1, 2, 2, 3))))
        held = dict(files[parents[0]]) if parents else {}
        for parent in parents[1:]:
            held = {**files[parent], **held} if chance.random() < 0.7 else held
        held[f"f{chance.randrange(4)}.py"] = str(chance.randrange(1000))
        if len(held) > 2 and chance.random() < 0.3:
            del held[chance.choice(sorted(held))]
        sha = grow(repository, held, parents, date=chance.choice(WILD), name=str(len(files)))
        files[sha] = held
        return sha

    shas: list[str] = []
    for _ in range(14):
        shas.append(sprout(shas[-6:]))
    for head in (shas[8], shas[13], shas[5], shas[12]):
        point(repository, head)
        ingestion(repository.path)
        compare(ingestion, repository, files)


def compare(ingestion: Ingestion, repository: GitRepository, files: dict[str, dict[str, str]]) -> None:
    """Against `rev-list` and the trees as they were made."""
    told = [line.split() for line in repository.git("rev-list", "--parents", "HEAD").splitlines()]
    stored = dict(ingestion.db.read("SELECT sha, parents FROM stemma.commits").rows())
    assert stored == {sha: parents for sha, *parents in told}
    assert ingestion.chain() == repository.git("rev-list", "--first-parent", "--reverse", "HEAD").split()
    assert_parents_come_first(ingestion)
    for sha, *parents in told:
        old, new = files[parents[0]] if parents else {}, files[sha]
        changed = {path for path in {*old, *new} if old.get(path) != new.get(path)}
        assert changes_of(ingestion, sha) == {path: (path in old, path in new) for path in changed}
    mismatched = (
        "SELECT count(*) FROM stemma.file_changes f JOIN stemma.commits c USING (repo_id, sha) "
        "WHERE f.first_parent_index IS DISTINCT FROM c.first_parent_index"
    )
    assert ingestion.rows(mismatched) == [(0,)]


def test_two_at_once_on_a_rewritten_graph_write_every_row_once(ingestion: Ingestion, repository: GitRepository) -> None:
    root = grow(repository, {"a.py": "0"})
    old = grow(repository, {"a.py": "1"}, [root])
    point(repository, old)
    ingestion(repository.path)
    side = grow(repository, {"a.py": "0", "s.py": "1"}, [root])
    new = grow(repository, {"a.py": "2"}, [root])
    point(repository, grow(repository, {"a.py": "2", "s.py": "1"}, [new, side]))
    repo = ingestion.find(registry.register(ingestion.db, ingestion.settings, str(repository.path)))

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: ingest.ingest_history(ingestion.db, ingestion.settings, repo), range(2)))

    assert sorted(sum(counts.values()) for counts in both)[0] == 0
    assert len(positions(ingestion)) == 4 and len(ingestion.changes()) == 4
    assert_parents_come_first(ingestion)


@pytest.mark.parametrize("step", ["retire_commits", "move_to_chain", "write_commits", "write_changes"])
def test_an_ingestion_killed_at_any_step_leaves_all_as_it_was(
    ingestion: Ingestion, repository: GitRepository, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    root = grow(repository, {"a.py": "0"})
    point(repository, grow(repository, {"a.py": "1"}, [root]))
    ingestion(repository.path)
    before = ingestion.state()
    head = grow(repository, {"a.py": "2"}, [root])
    point(repository, head)
    done = getattr(commit_rows, step)

    def killed(*arguments: object, **options: object) -> object:
        done(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(ingest, step, killed)
    with pytest.raises(KeyboardInterrupt):
        ingestion(repository.path)
    assert ingestion.state() == before

    monkeypatch.undo()
    ingestion(repository.path)
    assert ingestion.chain() == [root, head]


def test_whoever_traced_a_history_that_is_read_otherwise_now_begins_anew(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    one = repository.commit("One", {"keep.py": "x = 1\n", "skip.py": "s = 1\n"})
    ingestion(repository.path)
    ingestion.db.execute("UPDATE stemma.commits SET traced_by = 'now'")
    two = repository.commit("Two", {"keep.py": "x = 2\n"})
    ingestion(repository.path)
    traced = "SELECT sha FROM stemma.commits WHERE traced_by IS NOT NULL"
    assert ingestion.rows(traced) == [(one,)]  # a new commit is no reason

    repository.commit("Three", {".stemmaignore": "skip.py\n"})
    ingestion(repository.path)

    assert ingestion.rows(traced) == []
    assert [path for _, path, *_ in ingestion.changes()] == ["keep.py", "keep.py"]
    assert positions(ingestion)[one] < positions(ingestion)[two]


def test_a_damaged_history_that_goes_on_is_not_traced_anew_and_keeps_its_order(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    shas = [repository.commit(f"Number {number}", {"a.py": f"x = {number}\n"}) for number in range(4)]
    path = repository.path / ".git" / "objects" / shas[1][:2] / shas[1][2:]
    lost = path.read_bytes()
    path.unlink()
    ingestion(repository.path)
    assert ingestion.chain() == shas[2:]
    ingestion.db.execute("UPDATE stemma.commits SET traced_by = 'now'")
    before = positions(ingestion)

    new = repository.commit("Number 4", {"a.py": "x = 4\n"})
    ingestion(repository.path)

    traced = "SELECT sha FROM stemma.commits WHERE traced_by IS NOT NULL ORDER BY position"
    assert ingestion.rows(traced) == [(sha,) for sha in shas[2:]]
    assert positions(ingestion) == {**before, new: 2}

    path.write_bytes(lost)  # mended: there is more below, and what seemed to begin did not
    ingestion(repository.path)
    assert ingestion.rows(traced) == []
    assert_parents_come_first(ingestion)
    assert ingestion.chain() == [*shas, new]


def test_trailers_are_kept_without_secrets_and_no_more_than_fifty(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
    repository.commit("One\n\nBody: not the last paragraph\n\nMore.")
    repository.commit(
        "Two\n\nSigned-off-by: Ada <ada@example.org>\nCo-authored-by: Claude\n  <noreply@anthropic.com>\r\n"
        f"Note: {token[:-4]}\nnot a trailer of its own but folded?: yes\n"
    )
    repository.commit("Three\n\n" + "".join(f"Key-{number}: {'v' * 400}\n" for number in range(60)))
    ingestion(repository.path)

    one, two, three = (
        list(trailers)  # type: ignore[call-overload]
        for (trailers,) in ingestion.rows("SELECT trailers FROM stemma.commits ORDER BY position")
    )
    assert one == []
    assert two[:2] == ["Signed-off-by: Ada <ada@example.org>", "Co-authored-by: Claude <noreply@anthropic.com>"]
    assert two[2].startswith("Note: [redacted:")
    assert len(three) == history.MAX_TRAILERS
    assert three[0] == "Key-0: " + "v" * (history.TRAILER_CHARACTERS - 7)


def test_a_clone_without_old_trees_names_them_at_once(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shas = [repository.commit(f"Number {number}", {"a.py": f"x = {number}\n"}) for number in range(12)]
    repository.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--filter=tree:0", repository.path.as_uri(), str(clone))
    commands: list[str] = []
    stream = Store.stream

    def counted(store: Store, *arguments: str, lines: Iterable[str] = ()) -> AbstractContextManager[Stream]:
        commands.append(arguments[0])
        return stream(store, *arguments, lines=lines)

    monkeypatch.setattr(Store, "stream", counted)

    ingestion(clone)

    assert len(ingestion.chain()) == 12
    assert {sha for sha, *_ in ingestion.rows("SELECT sha FROM stemma.file_changes")} == {shas[-1]}
    assert changes_of(ingestion, shas[-1]) == {"a.py": (False, True)}
    assert "11 objects are missing" in str(ingestion.rows("SELECT status_reason FROM stemma.repositories"))
    assert len(commands) < 14  # not one for each commit


def test_a_side_branch_that_cannot_be_read_leaves_the_main_line_whole(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    root = grow(repository, {"a.py": "0"})
    lost = grow(repository, {"a.py": "0", "s.py": "1"}, [root])
    side = grow(repository, {"a.py": "0", "s.py": "2"}, [lost])
    main = grow(repository, {"a.py": "1"}, [root])
    merge = grow(repository, {"a.py": "1", "s.py": "2"}, [main, side])
    point(repository, merge)
    (repository.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()

    ingestion(repository.path)

    assert ingestion.chain() == [root, main, merge]
    assert_parents_come_first(ingestion)
    assert changes_of(ingestion, side) == {"a.py": (False, True), "s.py": (False, True)}
    assert changes_of(ingestion, merge) == {"s.py": (False, True)}
    cut = ingestion.rows("SELECT sha, parents FROM stemma.commits WHERE is_shallow_boundary")
    assert cut == [(side, [lost])]  # known to have had a parent: no birth is dated here
    assert lost in str(ingestion.rows("SELECT status_reason FROM stemma.repositories"))


def test_a_merge_whose_first_parent_is_missing_adds_all_it_holds(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    root = grow(repository, {"a.py": "0"})
    lost = grow(repository, {"a.py": "1"}, [root])
    side = grow(repository, {"a.py": "0", "s.py": "2"}, [root])
    merge = grow(repository, {"a.py": "1", "s.py": "2"}, [lost, side])
    point(repository, merge)
    (repository.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()

    ingestion(repository.path)

    assert ingestion.chain() == [merge]
    assert changes_of(ingestion, merge) == {"a.py": (False, True), "s.py": (False, True)}
    assert changes_of(ingestion, side) == {"s.py": (False, True)}


def test_a_shallow_history_with_a_missing_commit_does_not_name_what_was_never_fetched(
    ingestion: Ingestion, repository: GitRepository, tmp_path: Path
) -> None:
    shas = [repository.commit(f"Number {number}", {"a.py": f"x = {number}\n"}) for number in range(3)]
    repository.branch("side", shas[1])
    lost = repository.commit("Lost", {"s.py": "s = 1\n"})
    repository.commit("Tip", {"s.py": "s = 2\n"})
    repository.switch("main")
    repository.merge("side")
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth=3", repository.path.as_uri(), str(clone))
    repository.git("-C", str(clone), "unpack-objects", "-q", stdin=unpacked(repository, clone))
    (clone / ".git" / "objects" / lost[:2] / lost[2:]).unlink()

    ingestion(clone)

    assert ingestion.chain()[:2] == shas[1:]
    assert ingestion.rows("SELECT status_reason FROM stemma.repositories") == [
        (f"1 objects are missing or corrupt ({lost}); what hangs on them is left out.",)
    ]


def unpacked(repository: GitRepository, clone: Path) -> bytes:
    """The clone's only pack, taken away, so that its objects can lie loose and one of them be lost."""
    (pack,) = (clone / ".git" / "objects" / "pack").glob("*.pack")
    content = pack.read_bytes()
    for path in pack.parent.glob("pack-*"):
        path.chmod(0o644)
        path.unlink()
    return content
