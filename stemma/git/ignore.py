"""Which paths are left out, by `.gitignore` and `.stemmaignore`, and which categories `.gitattributes` gives.

The rules of one repository are read from its head; that every repository's own lists apply is `ingest` and `folders`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitwildmatch import GitWildMatchPattern, GitWildMatchPatternError

from stemma.git.paths import GENERATED, VENDORED

STEMMA_IGNORE, GIT_IGNORE, GIT_ATTRIBUTES = ".stemmaignore", ".gitignore", ".gitattributes"
# Folders never entered when a plain folder is read: other tools' stores and caches.
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__"})

# A pattern becomes a regular expression, and one of many stars takes minutes on a name made for it.
MAX_STARS, MAX_PATTERN_CHARACTERS = 4, 500
_STARS = re.compile(r"\*+")
_LINGUIST = {"linguist-generated": GENERATED, "linguist-vendored": VENDORED}


class IgnoreRules:
    """Ignore lists by the folder they stand in ("" is the top); a deeper list and a later line win, as in git."""

    def __init__(self) -> None:
        self._lists: dict[str, GitIgnoreSpec] = {}
        self._folders: dict[str, bool] = {"": False}

    def add(self, folder: str, text: str) -> None:
        """Add the lines of an ignore file that stands in `folder`; those that cannot be used are left out."""
        patterns = [pattern for line in text.splitlines() if (pattern := self._pattern(line)) is not None]
        before = self._lists.get(folder)
        self._lists[folder] = GitIgnoreSpec([*(before.patterns if before else ()), *patterns])

    def ignores(self, path: str) -> bool:
        """Whether the file is left out, by itself or with a folder above it."""
        return bool(self._lists) and (self.ignores_folder(path.rpartition("/")[0]) or self._is_listed(path))

    def ignores_folder(self, folder: str) -> bool:
        """Whether the whole folder is left out: nothing in it can be brought back, as in git."""
        if not self._lists:
            return False
        known = self._folders.get(folder)
        if known is None:
            known = self.ignores_folder(folder.rpartition("/")[0]) or self._is_listed(folder + "/")
            self._folders[folder] = known
        return known

    def _is_listed(self, path: str) -> bool:
        folder = path.rstrip("/")
        while folder:
            folder = folder.rpartition("/")[0]
            if (rules := self._lists.get(folder)) is not None:
                found = rules.check_file(path[len(folder) + 1 :] if folder else path).include
                if found is not None:
                    return found
        return False

    def _pattern(self, line: str) -> GitWildMatchPattern | None:
        try:
            if len(line) <= MAX_PATTERN_CHARACTERS and len(_STARS.findall(line)) <= MAX_STARS:
                pattern = GitWildMatchPattern(line)
                return pattern if pattern.include is not None else None
        except (GitWildMatchPatternError, ValueError, re.error):
            pass
        return None


class LinguistAttributes:
    """The categories that `.gitattributes` files give by linguist-generated and linguist-vendored."""

    def __init__(self, files: Iterable[tuple[str, str]] = ()) -> None:
        self._rules = {attribute: IgnoreRules() for attribute in _LINGUIST}
        for folder, text in files:
            for attribute, rules in self._rules.items():
                if lines := [line for raw in text.splitlines() if (line := _as_pattern(raw, attribute))]:
                    rules.add(folder, "\n".join(lines))

    def category(self, path: str) -> str | None:
        """vendored or generated where an attribute says so; None where none does."""
        found = (category for name, category in reversed(_LINGUIST.items()) if self._rules[name].ignores(path))
        return next(found, None)


def _as_pattern(line: str, attribute: str) -> str | None:
    pattern, *attributes = line.split() or [""]
    if not pattern or pattern.startswith(("#", "!", "[attr]", '"')):
        return None
    for said in attributes:
        name, _, value = said.lstrip("-!").partition("=")
        if name == attribute:
            return f"!{pattern}" if said[0] in "-!" or value == "false" else pattern
    return None
