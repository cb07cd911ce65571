"""A branch on which agents and people write functions, and what git and a formatter then do to it.

Which functions they are is drawn in `sampling`; how agents tell of their edits, in `telling`; what Stemma makes of all
that, in `scoring`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.attribution import formatting
from bench.attribution.sampling import AGENT, AGENT_PART, PERSON_PART, Sample, State, samples
from bench.attribution.telling import Teller

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
N_COMMITS = 8
MAIN, WORK = "main", "work"


@dataclass
class Work:
    """A work tree in the middle of a scenario: the files' samples, what is there of them, and the clock."""

    root: Path
    states: dict[str, State]
    teller: Teller
    now: datetime = BEGIN
    present: set[Sample] = field(default_factory=set)
    parted: set[Sample] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    """Folders that were renamed, old name and new."""

    def git(self, *arguments: str) -> str:
        date = self.now.strftime("%Y-%m-%dT%H:%M:%S+0000")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        person = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _PERSON.items()}
        variables = kept | person | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "HOME": str(self.root)}
        command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", *arguments]
        done = subprocess.run(command, cwd=self.root, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout.strip()

    def commit(self, message: str, *options: str) -> None:
        self.git("add", "--all", ".")
        self.git("commit", "-q", "--allow-empty", "-m", message, *options)
        self.now += timedelta(hours=2)

    def text(self, path: str) -> str:
        return self.states[path].text(self.present, self.parted)

    def put(self, path: str) -> None:
        (self.root / path).write_text(self.text(path), encoding="utf-8", newline="")

    def write(self, sample: Sample, *, is_agent: bool, part_later: bool = False) -> None:
        """A sample, or what is missing of it, into its file; an agent's edit is told."""
        before, line = self.text(sample.path), sample.part[0] if sample in self.present else sample.first
        at_line = self.states[sample.path].place(line, self.present, self.parted)
        self.present.add(sample)
        (self.parted.add if part_later else self.parted.discard)(sample)
        self.put(sample.path)
        if is_agent:
            self.now += timedelta(minutes=1)
            texts = before, self.text(sample.path)
            session = self.teller.tell(self.root, sample.path, texts, at_line, self.now)
            self.teller.sessions.setdefault(f"{sample.path}:{sample.name}", session)

    def format(self) -> None:
        """Every language's formatter over all files, with lines shorter than anyone writes: it has something to do."""
        formatting.run([path for path in self.root.rglob("*") if ".git" not in path.parts and path.is_file()])

    def rename(self) -> None:
        """Every folder at the top that holds samples gets another name."""
        for top in sorted({path.partition("/")[0] for path in self.states if "/" in path}):
            self.git("mv", top, f"{top}_moved")
            self.renamed[top] = f"{top}_moved"
        for path in sorted(path for path in self.states if "/" not in path):
            self.git("mv", path, f"moved_{path}")
            self.renamed[path] = f"moved_{path}"


_PERSON = {"NAME": "Ada Person", "EMAIL": "ada@example.org"}


def begin(work: Work) -> None:
    """The base: all samples taken out, but those of which an agent adds a part, which lack that part."""
    for sample in samples(work.states):
        if sample.kind == AGENT_PART:
            work.present.add(sample)
            work.parted.add(sample)
    for path in work.states:
        work.put(path)
    work.git("checkout", "-q", "-B", MAIN)
    work.commit("Base")
    work.git("checkout", "-q", "-B", WORK)


def write_all(work: Work, on_commit: Callable[[int], None]) -> None:
    """Agents and people write in turn; `on_commit` is called when a commit's worth of work lies in the tree."""
    chosen = samples(work.states)
    size = -(-len(chosen) // N_COMMITS)
    ordered = sorted(chosen, key=lambda sample: (sum(sample.name.encode()) % N_COMMITS, sample.path, sample.first))
    for number in range(0, len(ordered), size):
        for sample in ordered[number : number + size]:
            is_agent = sample.kind in (AGENT, AGENT_PART, PERSON_PART)
            work.write(sample, is_agent=is_agent, part_later=sample.kind == PERSON_PART)
        on_commit(number // size)
    for sample in chosen:
        if sample.kind == PERSON_PART:
            work.write(sample, is_agent=False)
    on_commit(N_COMMITS)


def _meanwhile(work: Work) -> None:
    """Others' commits on main: a file of their own, and a line at the top of each file that the branch touches."""
    work.git("checkout", "-q", MAIN)
    for number in range(3):
        (work.root / f"meanwhile_{number}.py").write_text(f"def meanwhile_{number}(x):\n    return x + {number}\n")
        work.commit(f"Meanwhile {number}")


def plain(work: Work) -> None:
    write_all(work, lambda n: work.commit(f"Step {n}"))
    work.git("checkout", "-q", "-B", MAIN)


def rebase(work: Work) -> None:
    write_all(work, lambda n: work.commit(f"Step {n}"))
    _meanwhile(work)
    work.git("checkout", "-q", WORK)
    work.git("rebase", "-q", MAIN)
    work.git("checkout", "-q", "-B", MAIN)


def squash(work: Work) -> None:
    write_all(work, lambda n: work.commit(f"Step {n}"))
    _meanwhile(work)
    work.git("merge", "-q", "--squash", WORK)
    work.commit("Squashed")
    work.git("branch", "-q", "-D", WORK)


def amend(work: Work) -> None:
    """Every second commit is amended by what the next would have held."""
    write_all(work, lambda n: work.commit(f"Step {n - n % 2}", *(["--amend"] if n % 2 else [])))
    work.git("checkout", "-q", "-B", MAIN)


def cherry_pick(work: Work) -> None:
    write_all(work, lambda n: work.commit(f"Step {n}"))
    _meanwhile(work)
    work.git("cherry-pick", f"{MAIN}..{WORK}")
    work.git("branch", "-q", "-D", WORK)


def reformat(work: Work) -> None:
    plain(work)
    work.format()
    work.commit("Reformat")


def reformat_at_commit(work: Work) -> None:
    """A formatter that runs before each commit, as a hook does: no commit holds what an agent wrote as it wrote it."""

    def formatted(number: int) -> None:
        work.format()
        work.commit(f"Step {number}")
        for path in work.states:  # people and agents go on in the formatted file, whatever it looks like
            work.put(path)

    write_all(work, formatted)
    work.format()
    work.commit("Last")
    work.git("checkout", "-q", "-B", MAIN)


def rename(work: Work) -> None:
    plain(work)
    work.rename()
    work.commit("Rename")


def rename_at_commit(work: Work) -> None:
    """One commit holds all that was written, under names that no edit knew."""
    write_all(work, lambda n: None)
    work.git("add", "--all", ".")
    work.rename()
    work.commit("All, renamed")
    work.git("checkout", "-q", "-B", MAIN)


def everything(work: Work) -> None:
    """Rebased, squashed into one commit, reformatted and renamed in it."""
    write_all(work, lambda n: work.commit(f"Step {n}"))
    _meanwhile(work)
    work.git("merge", "-q", "--squash", WORK)
    work.format()
    work.git("add", "--all", ".")
    work.rename()
    work.commit("Squashed, reformatted, renamed")
    work.git("branch", "-q", "-D", WORK)


SCENARIOS: dict[str, Callable[[Work], None]] = {
    "as committed": plain,
    "rebase": rebase,
    "squash": squash,
    "amend": amend,
    "cherry-pick": cherry_pick,
    "reformat": reformat,
    "reformat before commit": reformat_at_commit,
    "rename": rename,
    "rename before commit": rename_at_commit,
    "squash, reformat and rename in one": everything,
}
