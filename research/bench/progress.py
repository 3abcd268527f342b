"""A progress bar on standard error; nothing where that is no terminal."""

import sys
import time


class Progress:
    def __init__(self, total, title="", stream=None):
        stream = stream or sys.stderr
        self.total, self.title, self.stream = max(1, total), title, stream
        self.done, self.note, self.start, self.shown = 0, "", time.monotonic(), 0.0
        self.on = stream.isatty()

    def part(self, fraction, note=None):
        """`fraction` of the current item is done."""
        self.note = self.note if note is None else note
        if self.on and time.monotonic() - self.shown > 0.1:
            self.shown = time.monotonic()
            self._draw(min(1.0, (self.done + fraction) / self.total))

    def step(self):
        self.done += 1
        self.shown = 0.0
        self.part(0.0)

    def _draw(self, share):
        spent = time.monotonic() - self.start
        left = f", {spent / share - spent:.0f} s left" if share > 0.02 else ""
        bar = "█" * round(share * 24) + "░" * (24 - round(share * 24))
        self.stream.write(f"\r\x1b[2K{self.title} {bar} {share:4.0%}{left}  {self.note[:50]}")
        self.stream.flush()

    def clear(self):
        if self.on:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
