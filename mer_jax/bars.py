"""The live display of progress: bars at the foot of a terminal."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from mer_jax.progress import Row

_REFRESHES = 2  # of the live display, a second: drawing takes the processor from the training
_BAR = (10, 40)  # narrowest and widest, in columns
_BESIDE_BAR = 72  # columns of the longest title and words


def are_possible() -> bool:
    """Whether standard error, a terminal, is one whose cursor can be moved."""
    # Not rich's own word for what is a terminal: FORCE_COLOR, which build servers set, makes it
    # call a pipe one.
    return not Console(stderr=True).is_dumb_terminal


@contextlib.contextmanager
def live(rows: Sequence[Row]) -> Iterator[Callable[[], None]]:
    """Bars at the foot of the terminal; what else goes to sys.stderr stands above them."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=min(max(console.width - _BESIDE_BAR, _BAR[0]), _BAR[1])),
        _Words(),
        console=console,
        refresh_per_second=_REFRESHES,
        transient=True,
        redirect_stdout=False,
    )
    with bars:
        tasks = [bars.add_task(row.what, total=row.total, row=row) for row in rows]

        def refresh() -> None:
            for task, row in zip(tasks, rows, strict=True):
                bars.update(task, description=row.what, completed=row.done, total=row.total)

        yield refresh


class _Words(ProgressColumn):
    """A row's words, drawn anew each time: the time left runs down between two segments."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["row"].words(), no_wrap=True)
