"""The development sets of verdicts as labelled cases: where they lie, which commit was read, what counts as fit.

What is measured on them is said in `discrimination`. Nothing of them is kept in this repository: FOLDER holds a clone
of each, named as below, at the commit below or a later one.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import subprocess
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

REPOSITORIES = {
    "BenchmarkPython": ("OWASP-Benchmark/BenchmarkPython", "7cf0674b9a33788ac3105e4c4a75a7fdce4c44bd"),
    "SecurityEval": ("s2e-lab/SecurityEval", "6f4fb70f782c6d47b02ea24341e8ef8c1eb04a6a"),
    "QuixBugs": ("jkoppel/QuixBugs", "4257f44b0ff1181dedaedee6a447e133219fcebf"),
}
MODELS = ("copilot", "incoder")

# Well-kept packages that use what SecurityEval's cases use: taken for fit code, though nobody labelled them.
PACKAGES = {
    **{"alembic": "alembic", "click": "click", "distlib": "distlib", "filelock": "filelock", "fsspec": "fsspec"},
    **{"git": "gitpython", "httpx": "httpx", "jinja2": "jinja2", "requests": "requests"},
    **{"sqlalchemy": "sqlalchemy", "starlette": "starlette", "urllib3": "urllib3", "virtualenv": "virtualenv"},
    **{"yaml": "pyyaml"},
}
"""Import name and released package."""
PER_PACKAGE = 40
LIBRARIES = frozenset(
    (
        *("base64", "cgi", "crypt", "cryptography", "csv", "ctypes", "django", "flask", "ftplib", "hashlib", "hmac"),
        *("http", "io", "jinja2", "json", "jwt", "ldap3", "logging", "lxml", "os", "pathlib", "pickle", "random", "re"),
        *("requests", "secrets", "shelve", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tarfile", "tempfile"),
        *("urllib", "werkzeug", "xml", "yaml", "zipfile"),
    )
)


@dataclass(frozen=True)
class Case:
    """One labelled file.

    Attributes:
        source: set it belongs to; of one source the fit and the unfit weigh the same when a calibration is learned.
        group: cases that are told alike (both halves of a pair, all answers to one prompt) share one.
        lines: first and last line judged; None: all its definitions are.
    """

    source: str
    name: str
    group: str
    path: str
    data: bytes
    is_fit: bool
    lines: tuple[int, int] | None = None

    @property
    def key(self) -> str:
        return f"{self.source}: {self.name}"


def cases(folder: Path) -> list[Case]:
    """Every case of the development sets.

    Raises:
        SystemExit: a set is not there; names the repository and where to put it.
    """
    for name, (repository, commit) in REPOSITORIES.items():
        if not (folder / name).is_dir():
            raise SystemExit(f"{folder / name} is missing: clone github.com/{repository} at {commit[:12]} there.")
    found = [
        *_benchmark(folder / "BenchmarkPython"),
        *_security_eval(folder / "SecurityEval"),
        *_quixbugs(folder / "QuixBugs"),
        *_packages(),
    ]
    return sorted(found, key=lambda case: (case.source, case.name))


def commits(folder: Path) -> dict[str, str]:
    """Commit that was read of each repository, and version of each package."""
    read = {
        repository: subprocess.run(
            ["git", "-C", str(folder / name), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name, (repository, _) in REPOSITORIES.items()
    }
    return read | {name: version(name) for name in PACKAGES.values()}


def _benchmark(root: Path) -> Iterator[Case]:
    """Labelled by its makers: a real vulnerability, or one that only looks like it."""
    (expected,) = sorted(root.glob("expectedresults-*.csv"))
    for row in csv.reader(expected.read_text("utf-8").splitlines()[1:]):
        path = root / "testcode" / f"{row[0]}.py"
        yield Case("BenchmarkPython", row[0], row[0], path.name, path.read_bytes(), row[2].strip() == "false")


def _security_eval(root: Path) -> Iterator[Case]:
    """Insecure by its makers; and what two models made of the same prompts, as the makers judged it by hand."""
    for path in sorted((root / "Testcases_Insecure_Code").rglob("*.py")):
        prompt = f"{path.parent.name}/{path.name}"
        yield Case("SecurityEval", f"insecure/{prompt}", prompt, path.name, path.read_bytes(), is_fit=False)
    for model in MODELS:
        answers = root / f"Testcases_{'InCoder' if model == 'incoder' else 'Copilot'}"
        table = (root / "Result" / f"testcases_{model}.csv").read_text("utf-8-sig")
        for row in csv.DictReader(table.splitlines()):
            path = answers / row["CWEID"] / row["SampleID"]
            if row["CWEID"] and path.is_file():
                prompt = f"{row['CWEID']}/{row['SampleID']}"
                is_fit = row["Manual"] == "0"
                yield Case("SecurityEval", f"{model}/{prompt}", prompt, path.name, path.read_bytes(), is_fit)


def _quixbugs(root: Path) -> Iterator[Case]:
    """A program with one bug in one line, and the same mended."""
    for language, ending in (("python", "py"), ("java", "java")):
        for good in sorted((root / f"correct_{language}_programs").glob(f"*.{ending}")):
            bad = root / f"{language}_programs" / good.name
            if good.stem.endswith("_test") or not bad.is_file() or bad.read_bytes() == good.read_bytes():
                continue
            source, group = f"QuixBugs {language}", f"{language}/{good.stem.lower()}"
            yield Case(source, f"fixed/{good.name}", group, good.name, good.read_bytes(), is_fit=True)
            yield Case(source, f"buggy/{good.name}", group, good.name, bad.read_bytes(), is_fit=False)


def _packages() -> Iterator[Case]:
    """Functions of packages that use what SecurityEval's cases use; the same ones in every run."""
    for package in PACKAGES:
        root = Path(sysconfig.get_path("purelib")) / package
        found = [
            (hashlib.sha256(f"{path.relative_to(root)}:{name}:{lines}".encode()).hexdigest(), path, name, lines)
            for path in sorted(root.rglob("*.py"))
            for name, lines in _functions(path)
        ]
        for _, path, name, lines in sorted(found)[:PER_PACKAGE]:
            case = f"{package}/{path.relative_to(root)}:{name}:{lines[0]}"
            yield Case("packages", case, case, path.name, path.read_bytes(), is_fit=True, lines=lines)


def _functions(path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Functions of at least five lines that use a name imported from one of `LIBRARIES`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(path.read_bytes())
    nodes = list(ast.walk(tree))
    bound = {name for node in nodes for module, name in _imports(node) if module.split(".")[0] in LIBRARIES}
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 4:
            used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            if used & bound:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                yield node.name, (first, node.end_lineno or first)


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name it is bound to) of an import."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, (alias.asname or alias.name).split(".")[0]) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield from ((node.module or "", alias.asname or alias.name) for alias in node.names)
