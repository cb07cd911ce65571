"""What Stemma says of each sample at the head, held against who wrote it; how they were written: see `scenarios`.

Right: of an agent's function, origin `agent` and its session; of one that both wrote, `mixed`, the agent's session and
a share of tokens within `TOLERANCE` of the share of words that the agent wrote. Wrong: a person's function that got a
share, or an agent's that was given to another session.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.attribution import scenarios
from bench.attribution.sampling import AGENT, AGENT_PART, KINDS, PERSON, PERSON_PART, Sample, State, sample, samples
from bench.attribution.scenarios import SCENARIOS, Work
from bench.attribution.telling import Teller
from bench.pipeline import read_history
from stemma.attribution.edits import update_agent_edits
from stemma.attribution.origins import update_origins
from stemma.attribution.statements import update_attributions
from stemma.config import Settings
from stemma.git import registry
from stemma.lineage.history import update_lineage
from stemma.store.postgres import Database
from stemma.track import spool

TOLERANCE = 0.1
_WORDS = re.compile(r"\w+|[^\s\w(),;'\"`\\]")


@dataclass(frozen=True)
class Score:
    """Of one scenario: samples by kind, those rightly attributed, and those wrongly."""

    scenario: str
    n: dict[str, int]
    n_right: dict[str, int]
    n_wrong: int
    misses: tuple[str, ...]

    @property
    def right(self) -> float:
        """Share of the samples an agent had a part in that are rightly attributed."""
        kinds = [kind for kind in KINDS if kind != PERSON]
        return sum(self.n_right[kind] for kind in kinds) / max(sum(self.n[kind] for kind in kinds), 1)

    @property
    def wrong(self) -> float:
        """Share of all samples that are wrongly attributed."""
        return self.n_wrong / max(sum(self.n.values()), 1)


def measure(
    source: Path, db: Database, settings: Settings, *, n: int, only: tuple[str, ...] = (), seed: int = 0
) -> Iterator[Score]:
    """Each scenario, on a copy of its own of the files of `source` (a folder, or a git repository's head)."""
    for name, act in SCENARIOS.items():
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory(prefix="stemma-attribution-") as folder:
            root = Path(folder) / "project"
            _copy(source, root)
            states = sample(root, n, seed)
            teller = Teller(spool.folder(settings) / f"{name.replace(' ', '-')}.jsonl")
            teller.file.parent.mkdir(parents=True, exist_ok=True)
            work = Work(root, states, teller)
            scenarios.begin(work)
            act(work)
            repo_id = _attribute(db, settings, root)
            yield _score(db, repo_id, name, work)
            registry.remove(db, settings, repo_id)
            db.execute("DELETE FROM stemma.agent_edits")
            db.execute("DELETE FROM stemma.agent_events")


def _copy(source: Path, root: Path) -> None:
    """The files as one commit: a repository's head, or the files of a folder."""
    inner = source / ".git" if (source / ".git").exists() else source
    if (inner / "objects").is_dir():
        root.mkdir()
        archive = subprocess.run(["git", f"--git-dir={inner}", "archive", "HEAD"], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(root)], input=archive.stdout, check=True)
    else:
        shutil.copytree(source, root, ignore=shutil.ignore_patterns("__pycache__", ".git", "*.so", "*.pyc"))
    subprocess.run(["git", "init", "-q", str(root)], check=True)


def _attribute(db: Database, settings: Settings, root: Path) -> str:
    """Every room's step from git and events to origins."""
    spool.ingest_spool(db, settings)
    repo_id = read_history(db, settings, root)
    repo = registry.find(db, repo_id, settings)
    update_lineage(db, repo_id)
    update_agent_edits(db, settings)
    update_attributions(db, repo)
    update_origins(db, settings, repo)
    return repo_id


_AT_HEAD = """
SELECT n.path, n.qualified_name, o.origin, o.agent_share, o.session_id, o.n_agent
FROM stemma.occurrences c
JOIN stemma.lineage_nodes n ON n.repo_id = c.repo_id AND n.path = c.path AND n.kind = c.kind
    AND n.qualified_name = c.qualified_name AND n.duplicate_index = c.duplicate_index
    AND n.first_parent_index = c.valid_from
JOIN stemma.origins o ON o.node_id = n.node_id
WHERE c.repo_id = $1 AND c.valid_to IS NULL
"""


def _score(db: Database, repo_id: str, scenario: str, work: Work) -> Score:
    found = {(path, name): tuple(rest) for path, name, *rest in db.read(_AT_HEAD, [repo_id]).iter_rows()}
    n, n_right = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    n_wrong, misses = 0, []
    for it in samples(work.states):
        n[it.kind] += 1
        said = found.get((_moved(it.path, work.renamed), it.name), (None, None, None, 0))
        session = work.teller.sessions.get(f"{it.path}:{it.name}")
        is_right = _is_right(it, work.states[it.path], said, session)
        n_right[it.kind] += is_right
        n_wrong += bool(said[3] and (it.kind == PERSON or said[2] != session))
        if not is_right:
            wanted = f"{session} {_share(it, work.states[it.path]):.3f}"
            misses.append(f"{it.kind} {it.path}:{it.name} is {said}, should be {wanted}")
    return Score(scenario, n, n_right, n_wrong, tuple(misses))


def _moved(path: str, renamed: dict[str, str]) -> str:
    top, slash, rest = path.partition("/")
    return f"{renamed.get(top, top)}{slash}{rest}"


def _is_right(it: Sample, state: State, said: tuple[object, ...], session: str | None) -> bool:
    origin, share, told, _ = said
    if it.kind == PERSON:
        return origin == "unknown"
    if told != session:
        return False
    if it.kind == AGENT:
        return origin == "agent"
    return origin == "mixed" and isinstance(share, float) and abs(share - _share(it, state)) <= TOLERANCE


def _share(it: Sample, state: State) -> float:
    """Of the words and operators of a function, those of an agent."""
    whole = len(_WORDS.findall("".join(state.lines[it.head : it.last + 1])))
    part = len(_WORDS.findall("".join(state.lines[line] for line in it.parted)))
    return part / whole if it.kind == AGENT_PART else 1 - part / whole


__all__ = ["AGENT", "PERSON_PART", "Score", "measure"]
