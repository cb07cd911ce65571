"""Claims about the files of a deployment, as far as a machine without a Docker engine can check them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from importlib import import_module, resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from stemma.config import Settings

ROOT = Path(__file__).parents[1]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
EXAMPLE = (ROOT / "deploy/.env.example").read_text()
WORKSPACE = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())

# ${NAME}, ${NAME:-default} or ${NAME:?message}
INTERPOLATED = re.findall(r"\$\{(\w+)(:[-?][^}]*)?\}", COMPOSE_TEXT)
SECRET = re.compile(r"PASSWORD|KEY|TOKEN|SECRET")


def images() -> list[str]:
    named = [service["image"] for service in SERVICES.values()]
    stages = set(re.findall(r" AS (\w+)$", DOCKERFILE, re.MULTILINE))
    bases = [base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if base not in stages]
    return named + bases


def test_the_parts_of_production_are_there() -> None:
    assert set(SERVICES) == {"postgres", "qdrant", "code", "webserver", "daemon"}


def test_the_file_keeps_the_compose_specification() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    pytest.importorskip("check_jsonschema", reason="the compose-spec schema comes with check-jsonschema")
    schema = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(schema.read_text()))


def test_docker_reads_the_file_as_we_do(tmp_path: Path) -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    ):
        pytest.skip("docker with its compose plugin is not installed here")
    values = tmp_path / "env"
    values.write_text(re.sub(r"=$", "=abc123", EXAMPLE, flags=re.MULTILINE))
    command = ["docker", "compose", "--env-file", str(values), "config", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)


@pytest.mark.parametrize("image", images())
def test_every_image_names_a_version(image: str) -> None:
    tag = image.partition(":")[2]
    assert re.search(r"\d+\.\d+", tag), f"{image} may change under us"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_whether_it_is_healthy_and_starts_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_ports_are_open_to_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_no_secret_has_a_default() -> None:
    secrets = {(name, rest[:2]) for name, rest in INTERPOLATED if SECRET.search(name)}
    assert {name for name, _ in secrets} == {"STEMMA_PG_PASSWORD", "STEMMA_QDRANT_API_KEY"}
    assert {operator for _, operator in secrets} == {":?"}
    assert re.findall(r"^(\w*(?:PASSWORD|KEY|TOKEN|SECRET)\w*)=.+$", EXAMPLE, re.MULTILINE) == []
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or "${" in value, f"{name} is written into the file"


def test_what_the_file_asks_for_is_in_the_example_and_nothing_else() -> None:
    assert set(re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE)) == {name for name, _ in INTERPOLATED}


def test_every_variable_given_to_stemma_is_one_it_reads() -> None:
    read_by_dagster = set(re.findall(r"env: (\w+)", (ROOT / "deploy" / "storage.yaml").read_text()))
    assert read_by_dagster == {"STEMMA_DAGSTER_URL", "STEMMA_DAGSTER_DIR"}
    known = {f"STEMMA_{name.upper()}" for name in Settings.model_fields} | read_by_dagster
    for name in ("code", "webserver", "daemon"):
        given = set(SERVICES[name]["environment"])
        assert given <= known
        assert read_by_dagster <= given
    in_image = set(re.findall(r"\b(STEMMA_\w+)=", DOCKERFILE))
    assert in_image <= known


def test_the_settings_take_what_the_file_gives_them() -> None:
    given = {
        name.removeprefix("STEMMA_").lower(): re.sub(r"\$\{[^}]*\}", "abc123", value)
        for name, value in SERVICES["code"]["environment"].items()
    }
    settings = Settings(**{name: value for name, value in given.items() if name in Settings.model_fields})
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://stemma:abc123@postgres:5432/stemma"


@pytest.mark.parametrize("name", ["code", "webserver", "daemon"])
def test_commands_and_health_checks_call_programs_that_know_their_options(name: str) -> None:
    from click import Context

    scripts = {script.name: script for script in entry_points(group="console_scripts")}
    for words in (SERVICES[name]["command"], SERVICES[name]["healthcheck"]["test"][1:]):
        if words[0] == "python":
            compile(words[2], name, "exec")
            continue
        command = scripts[words[0]].load()
        module = import_module(scripts[words[0]].module)
        command = getattr(module, "cli", getattr(module, "dagster_webserver", command))
        rest, context = list(words[1:]), None
        while hasattr(command, "commands"):
            context = Context(command, parent=context)
            command = command.commands[rest.pop(0)]
        command.make_context(name, rest, parent=context)


def test_the_ui_and_the_daemon_look_where_the_code_server_listens() -> None:
    server = WORKSPACE["load_from"][0]["grpc_server"]
    command = SERVICES["code"]["command"]
    assert server["host"] in SERVICES
    assert f"--port={server['port']}" in command
    assert (
        server["location_name"]
        == yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_file"]["location_name"]
    )
    for name in ("webserver", "daemon"):
        words = SERVICES[name]["command"]
        assert words[words.index("--workspace") + 1] == "deploy/workspace.yaml"


def test_the_code_server_loads_the_file_that_the_local_workspace_loads() -> None:
    local = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_file"]
    command = SERVICES["code"]["command"]
    assert f"--python-file={local['relative_path']}" in command
    assert (ROOT / local["relative_path"]).is_file()


def test_every_mounted_file_and_volume_is_declared() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


def test_postgres_gets_the_schema_that_dagster_is_pointed_at() -> None:
    schema = re.search(r"search_path%3D(\w+)", SERVICES["code"]["environment"]["STEMMA_DAGSTER_URL"])
    assert schema is not None
    assert f"CREATE SCHEMA IF NOT EXISTS {schema.group(1)};" in (ROOT / "deploy/postgres-init.sql").read_text()


def copied() -> list[str]:
    instructions = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [source for instruction in instructions for source in instruction.split()[:-1]]


@pytest.mark.parametrize("source", copied())
def test_what_the_image_copies_is_in_the_repository_and_sent_to_the_build(source: str) -> None:
    tracked = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert tracked, f"{source} is not in the repository"
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert any(fnmatch(source, pattern) or source.startswith(f"{pattern}/") for pattern in sent)


def test_the_image_holds_every_package_the_code_location_imports() -> None:
    final = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    assert {"assets", "sensors", "orchestration", "dbt_project", "dagster.yaml"} <= set(
        re.findall(r"^COPY (\S+)", final, re.MULTILINE)
    )


def test_the_image_does_not_run_as_root_and_compiles_its_imports() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users and users[-1] not in {"root", "0"}
    assert "UV_COMPILE_BYTECODE=1" in DOCKERFILE


def test_the_lock_file_serves_the_sync_of_the_image() -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not on the path")
    syncs = re.findall(r"^ +(uv sync [^\\\n]+)$", DOCKERFILE, re.MULTILINE)
    assert len(syncs) == 2
    for sync in syncs:
        subprocess.run([*sync.split(), "--dry-run", "--offline"], cwd=ROOT, check=True, capture_output=True)


def wheel(version: str) -> bytes:
    """A wheel of uv that says its version."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"uv-{version}.data/scripts/uv", f"#!/bin/sh\necho uv {version}\n")
    return file.getvalue()


@pytest.fixture
def bare_machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine whose Python has neither venv nor pip, and a PyPI of its own."""
    pypi = tmp_path / "pypi"
    pypi.mkdir()
    releases: dict[str, list[dict[str, Any]]] = {}
    for version in ("0.8.24", "0.9.2", "0.9.10", "0.9.11", "0.9.12rc1", "0.10.0a1", "1.0.0"):
        name = f"uv-{version}-py3-none-manylinux_2_17_{platform.machine()}.manylinux2014_{platform.machine()}.whl"
        (pypi / name).write_bytes(wheel(version))
        file = {"filename": name, "url": (pypi / name).as_uri(), "packagetype": "bdist_wheel"}
        digests = {"sha256": hashlib.sha256(wheel(version)).hexdigest()}
        other = file | {"filename": f"uv-{version}-py3-none-win32.whl", "url": "file:///nothing"}
        is_yanked = version == "0.9.11"
        releases[version] = [one | {"digests": digests, "yanked": is_yanked} for one in (other, file)]
    (pypi / "uv.json").write_text(json.dumps({"releases": releases, "urls": releases["1.0.0"]}))
    (pypi / "sitecustomize.py").write_text(
        "import urllib.request\n"
        "ask = urllib.request.urlopen\n"
        f"here = {(pypi / 'uv.json').as_uri()!r}\n"
        "urllib.request.urlopen = lambda url: ask(here if url == 'https://pypi.org/pypi/uv/json' else url)\n"
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    python = programs / "python3"
    python.write_text(f'#!/bin/sh\n[ "$1" != -m ] && PYTHONPATH={pypi} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return os.environ | {"PATH": f"{programs}:/usr/bin:/bin"}


def test_without_venv_and_pip_the_newest_uv_within_the_bounds_is_taken(
    tmp_path: Path, bare_machine: dict[str, str]
) -> None:
    command = ["sh", ROOT / "deploy/get-uv.sh", tmp_path / "uv"]
    done = subprocess.run(command, env=bare_machine, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("uv 0.9.10\n", 0), done.stderr


def test_a_wheel_that_is_not_the_one_listed_is_refused(tmp_path: Path, bare_machine: dict[str, str]) -> None:
    for file in (tmp_path / "pypi").glob("uv-0.9.10*"):
        file.write_bytes(wheel("6.6.6"))
    command = ["sh", ROOT / "deploy/get-uv.sh", tmp_path / "uv"]
    done = subprocess.run(command, env=bare_machine, capture_output=True, text=True, check=False)
    assert done.returncode and "not the one PyPI lists" in done.stderr
    assert not (tmp_path / "uv/bin/uv").exists()


def test_pre_commit_calls_what_make_lint_calls_and_downloads_nothing() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    entries = [hook["entry"].removesuffix(" --force-exclude") for hook in hooks[0]["hooks"]]
    linted = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert linted is not None
    called = [line.strip("\t@").removesuffix(" .").removesuffix(" --check") for line in linted.group(1).splitlines()]
    assert entries == called == [f".venv/bin/{tool}" for tool in ("ruff format", "ruff check", "mypy", "lint-imports")]
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config"], cwd=ROOT, capture_output=True, check=True)


def test_contributing_needs_no_program_that_setup_does_not_bring() -> None:
    commands = re.findall(r"`((?:uv|dg|pre-commit|ruff|mypy|pytest)\b[^`]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert commands == []


def test_the_dagster_instance_says_where_its_variables_are_set() -> None:
    text = (ROOT / "deploy" / "storage.yaml").read_text()
    (named,) = re.findall(r"; (\S+) sets them", text)
    assert all(f"{name}:" in (ROOT / named).read_text() for name in re.findall(r"env: (\w+)", text))


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text.splitlines()) == 202


def test_contributing_tells_each_addition_in_under_twenty_lines_and_names_real_files() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == ["Add an asset", "Add a language", "Add a quorum member"]
    assert all(len(section.splitlines()) < 20 for section in sections.values())
    paths = re.findall(r"`([\w./]+/[\w./]*)`", text)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
