"""The one kind of error that is the user's to mend, and the one kind of warning."""


class ConfigError(ValueError):
    """A setting that cannot work: says which, its value, and what to do.

    The setting is named as the user wrote it. The command line prints one line and exits with code 2.

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
