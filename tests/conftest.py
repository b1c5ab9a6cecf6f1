"""For all tests: what Hypothesis finds is about behaviour, and never about how busy the machine is."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None, print_blob=True)
settings.load_profile("untimed")
