"""Content-derived ids: what they hash and how. Which content makes which id is said where the id is made."""

from __future__ import annotations

from hashlib import blake2b

DIGEST_BYTES = 16


def content_id(*parts: str | bytes) -> str:
    """BLAKE2b-128 of the parts as 32 hex digits.

    Each part is prefixed by its length, so that ("ab", "c") differs from ("a", "bc").
    """
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
