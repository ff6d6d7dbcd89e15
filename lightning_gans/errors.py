"""The one kind of error that is the user's to mend, and the one kind of warning."""


class ConfigError(ValueError):
    """A setting that cannot work: says which, its value, and what to do.

    The command line prints it as one line and exits with code 2; in Python it is a ``ValueError``.

    Args:
        name: Name of the setting as the user wrote it (``"batch_size"``, ``"--ckpt_path"``).
        value: The value that cannot work.
        hint: What is wrong with it and what to do instead.

    Example:
        >>> raise ConfigError("batch_size", 5000, "the data set has 1797 images; choose a smaller one")
        Traceback (most recent call last):
        ...
        lightning_gans.errors.ConfigError: batch_size=5000: the data set has 1797 images; choose a smaller one
    """

    def __init__(self, name: str, value: object, hint: str) -> None:
        super().__init__(f"{name}={value!r}: {hint}")
        self.name, self.value, self.hint = name, value, hint

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[str, object, str]]:
        return ConfigError, (self.name, self.value, self.hint)  # errors travel between processes


class LightningGANsWarning(UserWarning):
    """What a user should know although nothing is wrong: one line, which the command prints as it is."""
