"""Hypothesis profiles: the same examples on every run by default, many fresh ones at night."""

import os

from hypothesis import settings

# Derandomised, so that a red run can be repeated by anyone and an unrelated change is never stopped by bad luck.
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, database=None)
# What this one finds is printed as a blob and becomes an @example in the test.
settings.register_profile("nightly", max_examples=10_000, deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
