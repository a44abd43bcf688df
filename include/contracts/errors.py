"""The exception tree. The retry policy of the DAGs is keyed on it."""

from __future__ import annotations


class PlatformError(Exception):
    """Root of everything the platform raises on purpose."""

    exit_status = 1
    """What a command ends with that this error stopped."""


class PermanentInputError(PlatformError):
    """The input can never be used: quarantine it, never retry.

    Args:
        code: A `QuarantineCode` value, stable for machines.
        sentence: What is wrong, naming the file, for people.
        remedy: What the person who dropped the file should do.
    """

    def __init__(self, code: str, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.code = code
        self.sentence = sentence
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[PermanentInputError], tuple[str, str, str]]:
        return (type(self), (self.code, self.sentence, self.remedy))


class TransientError(PlatformError):
    """Something outside failed for now: retry with back-off."""


class ConfigurationError(PlatformError):
    """A setting is wrong: stop at start.

    Args:
        setting: The setting's name as its user writes it (environment variable).
        problem: What is wrong and which values are accepted.
    """

    exit_status = 2

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[str, str]]:
        return (type(self), (self.setting, self.problem))
