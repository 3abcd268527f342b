"""How the demo speaks: numbered steps, plain facts, a mark for every check."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

console = Console(highlight=False, soft_wrap=True)


class Failed(Exception):
    """A check of the demo did not hold."""


def step(number, title):
    console.print(f"\n[bold]{number}. {title}[/bold]")


def say(text):
    console.print(f"   {text}")


def check(held, text):
    """Prints the fact with a mark; a fact that does not hold ends the demo."""
    console.print(f"   {'[green]✓[/green]' if held else '[red]✗[/red]'} {text}")
    if not held:
        raise Failed(text)


def bar(label, total):
    """A progress bar on a terminal, nothing elsewhere: with bar(...) as advance: advance(n)."""
    columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return _Bar(Progress(*columns, console=console, transient=True, disable=not sys.stdout.isatty()), label, total)


class _Bar:
    def __init__(self, progress, label, total):
        self.progress, self.label, self.total = progress, label, total

    def __enter__(self):
        self.progress.start()
        task = self.progress.add_task(self.label, total=self.total)
        return lambda n=1: self.progress.advance(task, n)

    def __exit__(self, *_):
        self.progress.stop()
