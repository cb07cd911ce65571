"""Which licences the training data may have, and how a package's own statement of it is read.

Where packages come from lives in `packages`; an unclear statement keeps a package out.
"""

from __future__ import annotations

import re
from pathlib import Path

_PERMISSIVE = re.compile(
    r"(the )?(mit\b|expat|x11|bsd|apache|isc\b|zlib|libpng|bsl|boost|psf|python|unlicense|cc0|public[- ]domain|0bsd|"
    r"ncsa|curl|openssl|postgresql|php|ruby|hpnd|afl|wtfpl|unicode|blueoak|tcl|ijg|w3c|zpl|3-clause|2-clause|new bsd|"
    r"modified bsd|simplified bsd|bzip2|fsfap|eupl-none)"
)
_RECIPROCAL = re.compile(
    r"gpl|general public|affero|\bmpl|mozilla public|creative commons|cc-by|\bepl|eclipse|cddl|sspl|eupl"
)
_GRANTS = re.compile(
    r"permission is hereby granted, free of charge|redistribution and use in source and binary forms|apache license"
    r"|permission to use, copy, modify|in the public domain|provided 'as-is'"
)


def is_permissive(expression: str) -> bool:
    """Whether a licence expression lets everyone use the work: one alternative of `or`, all parts of `and`."""
    alternatives = re.split(r"\s+or\s+|\s*\|\s*|/", expression.strip(" ()").lower())
    return any(
        all(
            _PERMISSIVE.match(part.strip(" ()")) and not _RECIPROCAL.search(part)
            for part in re.split(r"\s+and\s+|,|\+", one)
        )
        for one in alternatives
    )


def debian_copyright_is_permissive(path: Path) -> bool:
    """Debian's `copyright` file: the licence of `Files: *`, or, where it is prose, grants without reciprocal terms."""
    text = path.read_text("utf-8", "replace")
    for paragraph in re.split(r"\n\s*\n", text):
        if re.search(r"^Files:\s*\*\s*$", paragraph, re.M):
            found = re.search(r"^License:\s*(.+)$", paragraph, re.M)
            return bool(found) and is_permissive(found.group(1) if found else "")
    lower = " ".join(text.lower().split())
    return bool(_GRANTS.search(lower)) and not _RECIPROCAL.search(lower)
