"""Draws progress messages (`stemma.progress`) as bars on a terminal, or as one line an asset elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Task as RichTask
from rich.text import Text

from stemma.cli.show import plain


class _Rate(TextColumn):
    """Items done, of how many, and how many a second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: RichTask) -> Text:
        if task.total is None and not task.completed:
            return Text("")
        total = "" if task.total is None else f"/{int(task.total):,}"
        speed = task.finished_speed or task.speed
        rate = f"  {speed:,.0f}/s" if speed else ""
        return Text(f"{int(task.completed):,}{total} {task.fields.get('unit', '')}{rate}")


class Bars:
    """A context in which progress messages are drawn."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._started: dict[str, float] = {}
        self._tasks: dict[tuple[str, str | None], TaskID] = {}
        self._asset: TaskID | None = None

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def draw(self, message: dict[str, Any]) -> None:
        """Draw one message of `stemma.progress`."""
        if "asset" in message:
            self._draw_asset(message["asset"], message["state"])
        elif "phase" in message:
            self._draw_phase(message)

    def _draw_asset(self, name: str, state: str) -> None:
        if state == "started":
            self._started[name] = time.monotonic()
            self._asset = self._progress.add_task(f"[bold]{name}[/]", total=None)
            return
        seconds = time.monotonic() - self._started.pop(name, time.monotonic())
        mark = "[green]✓[/]" if state == "ended" else "[red]✗[/]"
        for task in (self._asset, *self._tasks.values()):
            if task is not None:
                self._progress.remove_task(task)
        self._asset = None
        self._tasks.clear()
        self._console.print(f"{mark} {name:<14} {seconds:6.1f} s", highlight=False)

    def _draw_phase(self, message: dict[str, Any]) -> None:
        key = (message["phase"], message["repository"])
        if key not in self._tasks:
            label = " ".join(part for part in (message["repository"], message["phase"]) if part)
            self._tasks[key] = self._progress.add_task(f"  {escape(plain(label))}", total=None, unit=message["unit"])
        self._progress.update(self._tasks[key], completed=message["done"], total=message["total"])
