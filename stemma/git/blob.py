"""What a file content is to git: its id, and whether it only points elsewhere. Contents are read in `objects`."""

from __future__ import annotations

from stemma.git.cat_file import CORRUPT, object_id

# Why a content could not be had.
TOO_LARGE, MISSING, NOT_A_FILE, CHANGED = "too_large", "missing", "not_a_file", "changed"

LFS_POINTER_BYTES = range(100, 1025)
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def blob_id(content: bytes, like: str = "") -> str:
    """Git's object id of a file content: SHA-1, or SHA-256 where `like` is such an id."""
    return object_id("blob", content, like)


def is_lfs_pointer(content: bytes) -> bool:
    """Whether a content only names a file that Git LFS keeps elsewhere."""
    return len(content) in LFS_POINTER_BYTES and content.startswith(_LFS_POINTER)


__all__ = ["CHANGED", "CORRUPT", "MISSING", "NOT_A_FILE", "TOO_LARGE", "blob_id", "is_lfs_pointer"]
