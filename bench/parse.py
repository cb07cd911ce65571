"""The bare tree-sitter parse of a tree's files, one after another on one core: the floor below any extraction.

Run as a process of its own, so that its CPU seconds are its own: `python -m bench.parse FOLDER`, paths on standard
input, one a line; prints JSON. What Stemma makes of the same files is measured in `speed`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, cast

from tree_sitter import Parser
from tree_sitter_language_pack import get_language

from stemma.languages import grammar_of


def main() -> None:
    folder = Path(sys.argv[1])
    parsers: dict[str, Parser] = {}
    n_bytes = n_files = 0
    parse_s = 0.0
    for path in sys.stdin.read().splitlines():
        grammar = grammar_of(path)
        if grammar is None:
            continue
        if grammar not in parsers:
            parsers[grammar] = Parser(get_language(cast(Any, grammar)))
        content = (folder / path).read_bytes()
        started = time.process_time()
        parsers[grammar].parse(content)
        parse_s += time.process_time() - started
        n_files += 1
        n_bytes += len(content)
    print(json.dumps({"files": n_files, "bytes": n_bytes, "cpu_s": parse_s}))


if __name__ == "__main__":
    main()
