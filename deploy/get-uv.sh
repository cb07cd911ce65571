#!/bin/sh
# Install uv into the folder $1, with whatever this machine's Python brings: venv, pip, or neither.
set -eu
folder=$1
version='uv>=0.9,<1'
mkdir -p "$folder"
if python3 -m venv "$folder" >/dev/null 2>&1; then
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$version"
elif python3 -m pip --version >/dev/null 2>&1; then
    # Debian without python3-venv: pip can still install into a folder of its own.
    rm -rf "$folder" && mkdir -p "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --target "$folder/lib" "$version"
    mkdir -p "$folder/bin" && ln -sf ../lib/bin/uv "$folder/bin/uv"
else
    # Debian without pip either: the wheel is a zip, and PyPI says where it is and what it hashes to.
    rm -rf "$folder" && mkdir -p "$folder/bin"
    python3 - "$folder/bin/uv" "$version" <<'PYTHON'
import hashlib, io, json, pathlib, platform, re, sys, urllib.parse, urllib.request, zipfile


def number(version):
    return tuple(int(part) for part in version.split("."))


least, below = (number(bound) for bound in re.fullmatch(r"uv>=([\d.]+),<([\d.]+)", sys.argv[2]).groups())
with urllib.request.urlopen("https://pypi.org/pypi/uv/json") as answer:
    releases, listed_at = json.load(answer)["releases"], answer.url
wanted = f"manylinux_2_17_{platform.machine()}"
wheels = [
    (number(version), file)
    for version, files in releases.items()
    if re.fullmatch(r"\d+(\.\d+)*", version) and least <= number(version) < below  # no pre-release
    for file in files
    if file["packagetype"] == "bdist_wheel" and wanted in file["filename"] and not file["yanked"]
]
if not wheels:
    sys.exit(f"PyPI has no {sys.argv[2]} for {platform.machine()}: install uv yourself.")
_, wheel = max(wheels, key=lambda found: found[0])
# A mirror may give places relative to its list.
with urllib.request.urlopen(urllib.parse.urljoin(listed_at, wheel["url"])) as answer:
    data = answer.read()
if hashlib.sha256(data).hexdigest() != wheel["digests"]["sha256"]:
    sys.exit("uv's wheel is not the one PyPI lists: try again.")
with zipfile.ZipFile(io.BytesIO(data)) as archive:
    name = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
    target = pathlib.Path(sys.argv[1])
    target.write_bytes(archive.read(name))
    target.chmod(0o755)
PYTHON
fi
"$folder/bin/uv" --version
