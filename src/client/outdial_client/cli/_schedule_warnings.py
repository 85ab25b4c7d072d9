"""What a batch is warned of that was taken all the same."""

from outdial.v1.batch_pb2 import Batch

from outdial_client.cli._screen import Screen

_WORDS = {
    "HOURS_NEVER_OPEN": "the hours do not open before the window closes",
    "HOURS_OPEN_FOR_NOBODY": "the hours open in nobody's zone before the window closes",
    "WINDOW_TOO_SHORT": "the window closes before all can be called",
}


def warning_of(batch: Batch) -> str:
    """In words; empty when there is nothing to say."""
    return _WORDS.get(batch.schedule_warning, batch.schedule_warning)


def tell_warning(screen: Screen, batch: Batch) -> None:
    """Behind what was done all the same."""
    if batch.schedule_warning:
        screen.note(f"Taken with a warning: {warning_of(batch)}.")
