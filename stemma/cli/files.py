"""How a command writes a file that was asked for: whole or not at all. What is in it comes from the commands."""

from __future__ import annotations

import os
from pathlib import Path

from stemma.errors import ConfigError


def replace(file: Path, text: str, option: str) -> None:
    """Write a file in one step: who reads it meanwhile sees the old one or the new one.

    Args:
        option: by which it was asked for, for the hint where it cannot be written.

    Raises:
        ConfigError: it cannot be written.
    """
    aside = file.with_name(f"{file.name}.{os.getpid()}.writing")
    try:
        aside.write_text(text, encoding="utf-8", newline="")
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ConfigError(f"{file} cannot be written: {error.strerror}.", f"Give another file to {option}.") from error
