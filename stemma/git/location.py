"""What a person may register: a path, or a URL that git can reach. Secrets in a URL are taken out here, first of all.

Whether something is there, and of which kind, is found by `registry`; how it is fetched, by `fetch`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from stemma.errors import SourceError
from stemma.git import paths
from stemma.git.command import PROTOCOLS, without_credentials

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*://")
_HELPER = re.compile(r"^[A-Za-z0-9+.\-]+::")  # ext::sh -c ..., fd::3
_SCP = re.compile(r"^(?:[\w.\-]+@)?(?P<host>[\w.\-]+):(?P<path>[^\s:][^\s]*)$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Location:
    """Where a repository is.

    Attributes:
        text: absolute path (in the form of `paths.escape`) or URL, without credentials; this is what is stored.
        is_url: whether it must be fetched.
        credential: the URL with its user and password, for git's credential store; never stored in Postgres.
    """

    text: str
    is_url: bool
    credential: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """What makes two locations the same: a trailing slash or `.git` of a URL does not."""
        return self.text.rstrip("/").removesuffix(".git") if self.is_url else self.text

    @property
    def default_name(self) -> str:
        """The last part of it, as a name to show."""
        last = re.split(r"[/:]", self.key.rstrip("/"))[-1].removesuffix(".git")
        return re.sub(r"[^\w.\-+]+", "-", last).strip("-.")[:80] or "repository"

    @property
    def path(self) -> Path:
        """The local path of a location that is no URL."""
        return Path(os.fsdecode(paths.unescape(self.text)))


def parse_location(text: str) -> Location:
    """Read a location as a person wrote it.

    Raises:
        SourceError: it is empty, would be taken for an option, or names a protocol that is not allowed.
    """
    if not text.strip() or text.startswith("-") or _CONTROL.search(text):
        shown = without_credentials(text)
        raise SourceError(f"{shown!r} is neither a path nor a URL.", "Give a folder, a git repository or its URL.")
    if _URL.match(text):
        return _parse_url(text.strip())
    if _HELPER.match(text):
        raise SourceError(
            f"{text.split('::', maxsplit=1)[0]}:: runs a program and is not allowed.", "Give an https or ssh URL."
        )
    if (scp := _SCP.match(text)) and not Path(text).exists() and "/" not in text.split(":", maxsplit=1)[0]:
        if scp["path"].startswith("-") or scp["host"].startswith("-"):
            raise SourceError(f"{text!r} is not a URL.", "Give a folder, a git repository or its URL.")
        return Location(text, is_url=True)
    return Location(paths.escape(os.fsencode(os.path.realpath(Path(text).expanduser()))), is_url=False)


def _parse_url(text: str) -> Location:
    shown = without_credentials(text)
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise SourceError(f"{shown} is not a URL: {error}.", "Correct it.") from error
    scheme = url.scheme.lower()
    if scheme not in PROTOCOLS:
        raise SourceError(f"{shown} uses {scheme}, which is not allowed.", f"Use one of {', '.join(PROTOCOLS)}.")
    if scheme == "file":
        if host not in ("", "localhost") or not url.path.startswith("/"):
            raise SourceError(f"{shown} is not a file of this machine.", "Give its path.")
        return Location(f"file://{url.path}", is_url=True)
    if not host or host.startswith("-") or not url.path.strip("/"):
        raise SourceError(f"{shown} names no repository.", "Give the URL that `git clone` takes.")
    if url.query or url.fragment:
        raise SourceError(
            f"{shown.split('?')[0].split('#')[0]} is followed by a query or fragment, which may hold a secret.",
            "Leave it out; give user and token as https://user:token@host/...",
        )
    server = f"[{host}]" if ":" in host else host
    server += f":{port}" if port else ""
    if scheme == "https":
        return Location(f"https://{server}{url.path}", is_url=True, credential=_credential(url, server))
    if url.password is not None:
        raise SourceError(f"{shown} holds a password, which {scheme} does not use.", "Use a key, and leave it out.")
    user = f"{quote(unquote(url.username))}@" if url.username else ""
    return Location(f"{scheme}://{user}{server}{url.path}", is_url=True)


def _credential(url: SplitResult, server: str) -> str | None:
    if url.username is None and url.password is None:
        return None
    # A lone token is the user to some servers and the password to others: both get it.
    user = unquote(url.username or "") or unquote(url.password or "")
    password = unquote(url.password) if url.password is not None else user
    return f"https://{quote(user, safe='')}:{quote(password, safe='')}@{server}{url.path}"
