"""The federation that is copied for every test."""

from tests.federation.crash.fixtures import (
    ground,
    ground_with,
    postgres,
    stored,
    sums,
    template,
    whole,
    whole_sums,
)

__all__ = ["ground", "ground_with", "postgres", "stored", "sums", "template", "whole", "whole_sums"]
