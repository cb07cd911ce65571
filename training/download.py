"""The recipe's packages brought into a folder: their source files only, and only those under a permissive licence.

Which packages lives in `packages`, how licences are read in `licences`. Nothing that is brought here is ever run.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from stemma.languages import LANGUAGES
from training.licences import debian_copyright_is_permissive, is_permissive
from training.packages import Package

SUFFIXES = {suffix for language in LANGUAGES.values() for suffix in language.suffixes} | {".rb", ".php", ".kt", ".cs"}
BATCH = 40
MAX_SOURCE_BYTES = 60_000_000
MAX_FILE_BYTES = 400_000
"""A larger file is data or made by a generator."""
MAX_FILES = 3_000
"""Of one package, so that none outweighs the others."""
Found = tuple[Package, bool, Iterator[tuple[str, bytes]]]


def download(packages: list[Package], folder: Path, n_threads: int = 3) -> None:
    """Bring what is not there yet. Each package is a folder, its end marked by `.licence` (`yes` or `no`)."""
    missing = [package for package in packages if not (place(folder, package) / ".licence").exists()]
    jobs = []
    for origin, size in (("deb", BATCH), ("dsc", 4), ("pypi", 1), ("npm", 1)):
        names = [package for package in missing if package.origin == origin]
        jobs += [names[start : start + size] for start in range(0, len(names), size)]
    random.Random(0).shuffle(jobs)  # every origin grows from the start
    with ThreadPoolExecutor(n_threads) as pool:
        for done, _ in enumerate(pool.map(lambda job: _bring(job, folder), jobs), 1):
            print(f"{done} of {len(jobs)} batches", file=sys.stderr, flush=True)


def place(folder: Path, package: Package) -> Path:
    return folder / package.origin / package.name.replace("/", "__")


def _bring(packages: list[Package], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        work = Path(temporary)
        try:
            _fetch(packages, work)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{packages[0]}: {error}", file=sys.stderr)
        for package in packages:
            try:
                _unpack(package, work, place(folder, package))
            except (OSError, ValueError, KeyError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
                print(f"{package}: {error}", file=sys.stderr)


def _fetch(packages: list[Package], work: Path) -> None:
    pins = [f"{package.name}{'@' if package.origin == 'npm' else '='}{package.version}" for package in packages]
    command = {
        "deb": ["apt-get", "download", *pins],
        "dsc": ["apt-get", "source", "--download-only", "--only-source", *pins],
        "pypi": ["pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                 *(pin.replace("=", "==") for pin in pins)],
        "npm": ["npm", "pack", "--silent", *pins],
    }[packages[0].origin]  # fmt: skip
    subprocess.run(command, cwd=work, capture_output=True, check=False, timeout=900)


def _unpack(package: Package, work: Path, target: Path) -> None:
    is_free, files = {"deb": _deb, "dsc": _dsc, "pypi": _wheel, "npm": _npm}[package.origin](package, work)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if is_free:
        seen: set[str] = set()
        for name, content in files:
            path = PurePosixPath(name)
            if path.suffix.lower() not in SUFFIXES or len(content) > MAX_FILE_BYTES or len(seen) >= MAX_FILES:
                continue
            flat = f"{len(seen)}__{path.name[-80:]}"
            seen.add(flat)
            (target / flat).write_bytes(content)
    (target / ".licence").write_text("yes" if is_free else "no")


def _deb(package: Package, work: Path) -> tuple[bool, Iterator[tuple[str, bytes]]]:
    archive = next(work.glob(f"{package.name}_*.deb"))
    root = work / f"x-{package.name}"
    subprocess.run(["dpkg-deb", "-x", archive, root], check=True, capture_output=True)
    statement = root / "usr/share/doc" / package.name / "copyright"
    is_free = statement.is_file() and debian_copyright_is_permissive(statement)
    return is_free, ((str(p), p.read_bytes()) for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink())


def _dsc(package: Package, work: Path) -> tuple[bool, Iterator[tuple[str, bytes]]]:
    archives = sorted(work.glob(f"{package.name}_*.tar.*"))
    archives = [path for path in archives if not path.name.endswith(".asc") and path.stat().st_size < MAX_SOURCE_BYTES]
    statement = work / f"copyright-{package.name}"
    for name, content in _members([path for path in archives if ".orig" not in path.name]):
        if name.endswith("debian/copyright"):
            statement.write_bytes(content)
    return statement.is_file() and debian_copyright_is_permissive(statement), _members(archives)


def _wheel(package: Package, work: Path) -> tuple[bool, Iterator[tuple[str, bytes]]]:
    archive = zipfile.ZipFile(next(work.glob("*.whl")))
    metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    head = HeaderParser().parsestr(archive.read(metadata).decode("utf-8", "replace"))
    stated = [head.get("License-Expression") or ""]
    stated += [c.split("::")[-1].strip() for c in head.get_all("Classifier", []) if c.startswith("License ::")]
    stated += [(head.get("License") or "").split("\n")[0]]
    stated = [one.lower() for one in stated if one and one.lower() != "osi approved"]
    return bool(stated) and is_permissive(stated[0]), ((n, archive.read(n)) for n in sorted(archive.namelist()))


def _npm(package: Package, work: Path) -> tuple[bool, Iterator[tuple[str, bytes]]]:
    files = dict(_members([next(work.glob("*.tgz"))]))
    stated = json.loads(
        next(content for name, content in files.items() if name.count("/") == 1 and name.endswith("/package.json"))
    )
    licence = stated.get("license") or ""
    return is_permissive(licence if isinstance(licence, str) else licence.get("type", "")), iter(files.items())


def _members(archives: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in archives:
        with tarfile.open(path) as archive:
            for member in archive:
                is_wanted = PurePosixPath(member.name).suffix.lower() in SUFFIXES or member.name.endswith(
                    ("debian/copyright", "/package.json")
                )
                if (
                    member.isfile()
                    and is_wanted
                    and member.size <= MAX_FILE_BYTES
                    and (file := archive.extractfile(member))
                ):
                    yield member.name, file.read()
