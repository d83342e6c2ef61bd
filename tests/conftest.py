"""What holds for all tests: none of them asserts how long something takes."""

from hypothesis import settings

settings.register_profile("riskset", deadline=None)
settings.load_profile("riskset")
