"""Formatters as people run them over their files; in which scenario they do is told in `scenarios`.

`ruff` is a dependency of Stemma's own; `clang-format` (a package on PyPI, too) and `rustfmt` are used where they are
installed. Files of other languages, and of those whose formatter is not installed, are only indented anew.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

WIDTH = 72
_RUFF = [sys.executable, "-m", "ruff", "format", "--isolated", "--quiet", "--line-length", str(WIDTH)]
_STYLE = f"{{BasedOnStyle: Google, ColumnLimit: {WIDTH}, SortIncludes: Never, BreakStringLiterals: false}}"
_CLANG = ["clang-format", "-i", f"--style={_STYLE}"]
_RUST = ["rustfmt", "--quiet", "--config", f"max_width={WIDTH},hard_tabs=true"]
FORMATTERS = {
    ".py": _RUFF,
    ".rs": _RUST,
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".hpp", ".java", ".js", ".mjs", ".cjs", ".ts", ".cs"), _CLANG),
}
INDENTED_ANEW = frozenset({".go", ".kt", ".kts", ".swift", ".dart", ".php", ".rb", *FORMATTERS} - {".py"})
PER_CALL = 200
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


def run(files: Sequence[Path]) -> None:
    """Format the files in place; those a formatter cannot read stay as they are."""
    by_command: dict[tuple[str, ...], list[str]] = {}
    for path in files:
        command = FORMATTERS.get(path.suffix)
        if command is not None and shutil.which(command[0]) is not None:
            by_command.setdefault(tuple(command), []).append(str(path))
        elif path.suffix in INDENTED_ANEW:
            _indent_anew(path)
    for begun, names in by_command.items():
        for first in range(0, len(names), PER_CALL):
            subprocess.run([*begun, *names[first : first + PER_CALL]], check=False, capture_output=True)


def _indent_anew(path: Path) -> None:
    """Three spaces for each tab, and for each four spaces."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return
    anew = _INDENT.sub(lambda found: found[0].replace("    ", "\t").replace("\t", "   "), text)
    path.write_bytes(anew.encode())
