"""Properties are searched with the machine's load left out of the verdict."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=40, print_blob=True)
settings.load_profile("unit")
