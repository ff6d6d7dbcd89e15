"""The one kind of error that is the user's to mend, and the one kind of warning."""


class SettingError(ValueError):
    """A setting that cannot work: says which, its value, and what to do.

    The command line prints it as one line and exits with code 2; in Python it is a ``ValueError``.

    Args:
        setting: Name of the setting as the user wrote it (``"batch_size"``, ``"--ckpt_path"``).
        value: The value that cannot work.
        remedy: What is wrong with it and what to do instead.

    Example:
        >>> raise SettingError("batch_size", 5000, "the data set has 1797 images; choose a smaller one")
        Traceback (most recent call last):
        ...
        lightning_gans.errors.SettingError: batch_size=5000: the data set has 1797 images; choose a smaller one
    """

    def __init__(self, setting: str, value: object, remedy: str) -> None:
        super().__init__(f"{setting}={value!r}: {remedy}")
        self.setting, self.value, self.remedy = setting, value, remedy

    def __reduce__(self) -> tuple[type["SettingError"], tuple[str, object, str]]:
        return SettingError, (self.setting, self.value, self.remedy)  # errors travel between processes


class Advice(UserWarning):
    """What a user should know although nothing is wrong: one line, which the command prints as it is."""
