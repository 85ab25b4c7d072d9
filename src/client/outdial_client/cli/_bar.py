"""The bar that shows how far something is."""

from rich.progress_bar import ProgressBar


def draw_bar(part: float | None, width: int) -> ProgressBar:
    """0 to 1; None moves without an end. Plain colours: every terminal has them."""
    return ProgressBar(
        total=None if part is None else 1.0,
        completed=part or 0.0,
        width=width,
        style="bright_black",
        complete_style="cyan",
        finished_style="green",
        pulse_style="cyan",
    )
