"""Which setting an error is about that a part of a config raised: as it was built, or as it worked.

Optimizers and schedulers, the trainer, its callbacks and loggers refuse values with whatever errors, when and where
they notice them. The flag is read off the way to that place: the classes that the parser was building, or else the
object that refused; and of its settings, the one that the message speaks of, or the code that raised it.
"""

import linecache
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from itertools import takewhile
from types import FrameType
from typing import Any, NamedTuple

from jsonargparse import Namespace

from lightning_gans.cli.arguments import class_at, init_args
from lightning_gans.cli.messages import OUT_OF_MEMORY, ParsingError, chain, config_error, one_line, user_facing_error
from lightning_gans.engine import DivergedError
from lightning_gans.engine.constructors import constructor_defaults
from lightning_gans.errors import ConfigError

_ORIGINS = {"torch.optim.": "model.optimization", "wandb.": "trainer.logger", "lightning.": "trainer"}
"""What is refused by whose code."""
_LIBRARIES = {"jsonargparse", "lightning", "torch", "wandb"}
_HELPERS = {"fsspec", "lightning_utilities", "pydantic", *sys.stdlib_module_names}
"""What they raise errors through."""
_LONGEST = 300  # characters of a message


class _Setting(NamedTuple):
    path: str
    value: Any
    given: bool  # or else the default of its class


def with_flag(error: Exception, config: Namespace, kinds: Mapping[str, type]) -> ConfigError | None:
    """An error under the flag of the setting that it is about; None where it is about none.

    ``kinds`` are the classes of those sections of the config that hold the arguments of one.
    """
    settings = [each for name, value in vars(config).items() for each in _settings(name, value, kinds.get(name))]
    path = _path_of_building(error)
    if (behind := config_error(error)) is not None:
        return None if isinstance(behind, ParsingError | DivergedError) else _qualified(behind, path, settings)
    if found := OUT_OF_MEMORY.search(one_line(error)):
        return ParsingError(f"--{path}: out of memory ({found[1]}); choose a smaller one") if path else None
    refusal = next((each for each in chain(error) if not _origin(each).startswith("jsonargparse.")), error)
    if any(isinstance(each, ModuleNotFoundError) for each in chain(error)):
        message = user_facing_error(error)
        return ParsingError(f"--{_named(refusal, path or 'trainer', settings)}: {message}")
    return _refused(refusal, path, settings)


def _qualified(error: ConfigError, path: str, settings: list[_Setting]) -> ConfigError | None:
    """What a constructor says of an argument, or a game of its model's."""
    known, last = {each.path for each in settings}, error.name.rpartition(".")[2]
    # A name without a dot is an argument's: not a section's, as ``checkpoint`` is.
    whole = [error.name] if last != error.name else []
    names = (*whole, f"{path}.{last}", f"{path}.{error.name}", f"model.{error.name}", f"data.{error.name}")
    flag = next((name for name in names if re.sub(r"\[\d+\]$", "", name) in known), None)  # or one of a list
    if flag is None:
        return None
    if isinstance(cause := error.__cause__, Exception) and _origin(cause).startswith("torch.optim."):
        return _line(_named(cause, flag, settings), cause, str(error.value))
    hint = re.sub(r"\b(\w+)=True\b", rf"--{flag.rpartition('.')[0]}.\1 true", error.hint)  # in the words of Python
    return ConfigError(f"--{flag}", error.value, hint)


def _refused(refusal: BaseException, path: str, settings: list[_Setting]) -> ConfigError | None:
    """What a library refuses; None where no part of the config can be said to be the reason."""
    frames, origin = _frames_of_libraries(refusal), _origin(refusal)
    part = next((part for module, part in _ORIGINS.items() if origin.startswith(module)), "")
    if not frames or not (path or part):
        return None
    who, place = _refuser(frames, settings)
    flag = _named(refusal, path or place or part, settings)
    of_its_own_kind = type(refusal).__module__.partition(".")[0] == origin.partition(".")[0]
    return _line(flag, refusal, who) if path or who or of_its_own_kind or flag != part else None


def _refuser(frames: list[FrameType], settings: list[_Setting]) -> tuple[str, str]:
    """The innermost class whose object was at work and which the config names, and where it does."""
    chosen = [each for each in settings if each.path.startswith(("model.optimization.", "trainer."))]
    for who in (type(frame.f_locals.get("self")).__name__ for frame in frames):
        places = [each.path.split(".") for each in chosen if who in _class_names(each.value)]
        if places:
            shared = takewhile(lambda level: len(set(level)) == 1, zip(*places, strict=False))
            return who, ".".join(level[0] for level in shared)
    return "", ""


def _line(flag: str, refusal: BaseException, who: str) -> ParsingError:
    message = one_line(refusal)[:_LONGEST]
    return ParsingError(f"--{flag}: {message} ({who})" if who and who not in message else f"--{flag}: {message}")


def _named(refusal: BaseException, base: str, settings: list[_Setting]) -> str:
    """The setting below a path that a refusal or the code that raised it names, or whose value it says; or the path."""
    message, code = one_line(refusal), traceback.extract_tb(refusal.__traceback__)[-1]
    lines = linecache.getlines(code.filename)[(code.lineno or 2) - 2 : code.end_lineno]  # and a condition before it
    first = str(refusal).strip().partition("\n")[0]
    words = {word.strip("_") for word in re.findall(r"\w+", " ".join([message, *lines]))}
    given = [each for each in settings if each.given and each.path.startswith(f"{base}.")]
    named = [each for each in given if each.path.rpartition(".")[2] in words]
    found = named if len(named) == 1 else [each for each in named or given if _says(first, each.value)]
    return found[0].path if len(found) == 1 else base


def _says(message: str, value: Any) -> bool:
    """Whether a message says a value, or a part of a list.

    Example:
        >>> _says("Invalid learning rate: -1.0", -1.0), _says("index 10", 1), _says("beta at index 0: 2.0", [2.0, 3.0])
        (True, False, True)
    """
    if isinstance(value, list | tuple | dict):
        return any(_says(message, each) for each in value)
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
        return False
    return re.search(rf"(?<![\w.-]){re.escape(str(value))}(?!\w|\.\d)", message) is not None


def _settings(path: str, value: Any, kind: type | None = None, default: Any = None) -> Iterator[_Setting]:
    """A setting and all those within it, of classes and of lists of classes too."""
    yield _Setting(path, value, given=value != default)
    for node in value if isinstance(value, list) else [value]:
        if isinstance(node, Namespace):
            of_class = "class_path" in node
            kind = class_at(str(node.class_path)) if of_class else kind
            defaults = {} if kind is None else constructor_defaults(kind)
            for name, inner in (init_args(node) if of_class else vars(node)).items():
                yield from _settings(f"{path}.{name}", inner, default=defaults.get(name))


def _class_names(value: Any) -> list[str]:
    """Of the class that a setting holds, or the classes."""
    nodes = value if isinstance(value, list) else [value]
    return [str(each.get("class_path")).rpartition(".")[2] for each in nodes if isinstance(each, Namespace)]


def _path_of_building(error: BaseException) -> str:
    """The path of what the parser was building, if it was: it goes down from class to class."""
    frames = [frame for each in chain(error) for frame in _frames(each) if _package(frame) == "jsonargparse"]
    components = {id(frame): getattr(frame.f_locals.get("component"), "dest", None) for frame in frames}
    return ".".join(dest for dest in components.values() if dest)


def _frames_of_libraries(error: BaseException) -> list[FrameType]:
    """The frames through which a library raised an error, innermost first; none where code of the user's own did."""
    frames = _frames(error)
    inner = list(takewhile(lambda frame: _package(frame) in _LIBRARIES | _HELPERS, reversed(frames)))
    callers = frames[: len(frames) - len(inner)]
    return inner if not callers or _package(callers[-1]) == "lightning_gans" else []


def _origin(error: BaseException) -> str:
    """The module that raised an error, helpers aside."""
    found = (f"{frame.f_globals.get('__name__')}" for frame in reversed(_frames(error)))
    return next((name for name in found if name.partition(".")[0] not in _HELPERS), "")


def _frames(error: BaseException) -> list[FrameType]:
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)]


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
