"""Fixtures of the read model's contract; what they give stands in read_model_kit."""

from read_model_kit import *  # noqa: F403
