"""Which released packages clones are injected into, and the command that puts them into a folder.

`python -m bench.clones.released FOLDER` downloads what is missing with npm, `apt-get download` and `apt-get source`
into FOLDER/packages/<language>/<name>-<version>. Python needs no download: the packages installed here are read.
What is cut out of them is said in `originals`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DEBIAN = """deb-src http://deb.debian.org/debian bookworm main
deb-src http://deb.debian.org/debian-security bookworm-security main
"""
JSCPD = "jscpd@5.3.3 jscpd-linux-x64-gnu@5.3.3"
NPM, DEB, SOURCE = "npm", "deb", "source"

_NPM = {
    "javascript": "lodash@4.18.1 express@5.3.0 underscore@1.13.8 async@3.2.6 webpack@5.112.2 eslint@10.15.0 "
    "mocha@12.0.3 moment@2.31.0 mathjs@15.2.0 three@0.187.0",
    "typescript": "rxjs@7.8.2 zod@4.6.7 msw@2.15.0 @reduxjs/toolkit@2.14.0 immer@11.2.10 @tanstack/query-core@5.108.0 "
    "effect@4.1.0",
}
_DEB = {
    "go": "golang-github-spf13-cobra-dev=1.6.1-1 golang-golang-x-net-dev=1:0.7.0+dfsg-1 "
    "golang-golang-x-tools-dev=1:0.5.0+ds-1 golang-github-prometheus-client-golang-dev=1.14.0-3 "
    "golang-github-gin-gonic-gin-dev=1.8.1-1 golang-gopkg-yaml.v3-dev=3.0.1-3 golang-github-miekg-dns-dev=1.1.50-2 "
    "golang-github-pelletier-go-toml-dev=1.9.4-1 golang-github-hashicorp-raft-dev=1.1.2-1",
    "rust": "librust-regex-dev=1.7.1-1 librust-serde-json-dev=1.0.87-1 librust-itertools-dev=0.10.3-1 "
    "librust-tokio-dev=1.24.2-1 librust-hyper-dev=0.14.19-1 librust-image-dev=0.24.3-1 librust-h2-dev=0.3.13-2 "
    "librust-chrono-dev=0.4.23-2 librust-syn-dev=1.0.107-1",
}
_SOURCE = {
    "java": "libcommons-lang3-java=3.12.0-2+deb12u1 commons-io=2.11.0-2 libcommons-collections4-java=4.2-1 "
    "jsoup=1.15.3-1 jackson-core=2.14.1-2~deb12u1 httpcomponents-client=4.5.14-1 "
    "libcommons-compress-java=1.22-1",
    "c": "jansson=2.14-2 curl=7.88.1-10+deb12u15 lua5.4=5.4.4-3+deb12u1 libzstd=1.5.4+dfsg2-5 libuv1=1.44.2-1+deb12u1 "
    "libevent=2.1.12-stable-8+deb12u1",
}
# Of several authors and styles, and read by nothing here: their text is only parsed.
_PYTHON = (
    "sqlalchemy networkx dagster great_expectations pandas rich pydantic mypy sqlglot fsspec urllib3 "
    "marshmallow jinja2 hypothesis bandit more_itertools"
)


@dataclass(frozen=True)
class Package:
    """One released package; `folder` is where its files are or are looked for."""

    language: str
    name: str
    version: str
    kind: str
    folder: Path

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


def packages(folder: Path) -> list[Package]:
    """Every package wanted that is there: those installed here, and those found under the folder."""
    return [package for package in [*_installed(), *_downloaded(folder)] if package.folder.exists()]


def missing(folder: Path) -> list[Package]:
    return [package for package in _downloaded(folder) if not package.folder.exists()]


def _installed() -> Iterator[Package]:
    site = Path(sysconfig.get_path("purelib"))
    for name in _PYTHON.split():
        try:
            yield Package("python", name, version(name), "installed", site / name)
        except PackageNotFoundError:
            continue


def _downloaded(folder: Path) -> Iterator[Package]:
    for kind, rows, mark in ((NPM, _NPM, "@"), (DEB, _DEB, "="), (SOURCE, _SOURCE, "=")):
        for language, wanted in rows.items():
            for entry in wanted.split():
                name, _, number = entry.rpartition(mark)
                place = f"{name.replace('/', '+')}-{number.replace(':', '%3a')}"
                yield Package(language, name, number, kind, folder / "packages" / language / place)


def get(package: Package, lists: Path) -> None:
    """Download one package and unpack it; the folder appears whole or not at all."""
    package.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=package.folder.parent) as place:
        tree = Path(place) / "tree"
        tree.mkdir()
        if package.kind == NPM:
            _run(place, "npm", "pack", "--silent", f"{package.name}@{package.version}")
            _unpack(next(Path(place).glob("*.tgz")), tree)
        elif package.kind == DEB:
            _run(place, "apt-get", "download", f"{package.name}={package.version}")
            _run(place, "dpkg-deb", "-x", str(next(Path(place).glob("*.deb"))), str(tree))
        else:
            _run(place, "apt-get", *_private(lists), "source", "--download-only", f"{package.name}={package.version}")
            for archive in Path(place).glob("*.orig.tar.*"):
                if not archive.name.endswith(".asc"):
                    _unpack(archive, tree)
        tree.rename(package.folder)


def get_jscpd(folder: Path) -> None:
    """The peer `jscpd` measures, its program for this machine beside it."""
    (folder / "jscpd").mkdir(parents=True, exist_ok=True)
    _run(folder / "jscpd", "npm", "install", "--silent", "--prefix", ".", *JSCPD.split())


def _unpack(archive: Path, tree: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(tree, filter="data")


def _private(lists: Path) -> list[str]:
    """Options that let apt read sources without touching the machine's own lists."""
    sources = _sources(lists)
    if not sources.exists():
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        sources.write_text(DEBIAN)
        _run(lists, "apt-get", *_apt(lists), "update")
    return _apt(lists)


def _apt(lists: Path) -> list[str]:
    options = {
        "Dir::Etc::sourcelist": _sources(lists),
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": lists,
        "APT::Sandbox::User": "root",  # under root apt would drop to a user who may not enter a temporary folder
    }
    return [argument for name, value in options.items() for argument in ("-o", f"{name}={value}")]


def _sources(lists: Path) -> Path:
    """Beside the lists, not among them: an update deletes there what it does not know."""
    return lists.with_name("sources.list")


def _run(folder: str | Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    if not (folder / "jscpd").exists():
        get_jscpd(folder)
    with tempfile.TemporaryDirectory() as place:
        lists = Path(place) / "lists"
        for package in missing(folder):
            tool = "npm" if package.kind == NPM else "apt-get"
            if shutil.which(tool) is None:
                print(f"{package.label}: needs {tool}")
                continue
            try:
                get(package, lists)
            except (subprocess.CalledProcessError, StopIteration) as error:
                print(f"{package.label}: {error}")
            else:
                print(f"{package.label}: {package.folder}")


if __name__ == "__main__":
    main()
