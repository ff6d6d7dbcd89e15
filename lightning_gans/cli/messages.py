"""What the parser of the command line complains about, as one line.

jsonargparse reports the whole tree of types that it tried. Its exceptions are chained, though: each link names one
key of the path to the setting, or one class on the way, and the last one says what is wrong there.
"""

import difflib
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import metadata
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import yaml
from jsonargparse import ArgumentError, ArgumentParser
from jsonargparse.typing import import_object

from lightning_gans.cli.configs import CONFIG_FLAGS, closest_config, split_flags
from lightning_gans.cli.renamed import renamed_words
from lightning_gans.errors import ConfigError

_LONGEST = 300  # characters of a message of unknown form
_KEY = re.compile(r'^Parser key "([^"]+)"')
_OWNER = re.compile(r"^Problem with given class_path '([\w.]+)'|Got value: Namespace\(class_path='([\w.]+)'")
_OURS = re.compile(r"^lightning_gans\.[\w.]+Error: (.+)$", re.MULTILINE)
_UNION = re.compile(r"^Does not validate against any of the Union subtypes Subtypes: \[(.*?)\] Errors:")
_GIVE_PATH = "give its import path (package.module.Class)"


class ParsingError(ConfigError):
    """A mistake on the command line or in a config file; takes the whole message."""

    def __init__(self, line: str) -> None:
        ValueError.__init__(self, line)


class _Place(NamedTuple):
    """Where something is wrong: the path of the setting, the class that it belongs to, the types that would do."""

    setting: str
    owner: str | None
    types: str | None
    options: Sequence[str]

    def says(self, what: str) -> str:
        """A line on the setting, under its flag."""
        return f"--{self.setting}: {what}" if self.setting else what


def parsing_error(error: Exception, args: Sequence[str], parser: ArgumentParser) -> ConfigError:
    """The one line that a parser's error comes down to.

    The user's error behind it, if a class raised one; or the new names of what version 0.1 called otherwise; or the
    config file that cannot be read; or else the path of the setting with what is wrong there, and what was probably
    meant: an option of the parser, or a class.
    """
    if (behind := config_error(error)) is not None:
        return behind
    if (renamed := renamed_words(args)) is not None:
        return ParsingError(renamed)
    for flag, file in pairwise(split_flags(list(args), CONFIG_FLAGS)):
        if flag in CONFIG_FLAGS and (unreadable := _unreadable(file)) is not None:
            return unreadable
    causes = list(chain(error))
    messages = [one_line(cause) for cause in causes]
    keys = [match[1] for cause in causes if type(cause) is TypeError and (match := _KEY.search(one_line(cause)))]
    owners = [match[1] or match[2] for message in messages if (match := _OWNER.search(message))]
    unions = [match[1] for message in messages[-2:] if (match := _UNION.search(message))]
    options = [o.lstrip("-") for a in parser._actions for o in a.option_strings if o.startswith("--")]
    setting = ".".join(key for key, _ in groupby(keys))
    place = _Place(setting, owners[-1] if owners else None, unions[-1] if unions else None, options)
    # A class where a list of them would do too: what is wrong with it stands in the message before.
    last = messages[-2 if "Got value: Namespace(class_path=" in messages[-1] else -1]
    for pattern, explain in _FORMS.items():
        if match := re.search(pattern, last):
            return ParsingError(explain(place, *match.groups()))
    last = _KEY.sub("", last).lstrip(": ")
    return ParsingError(place.says(last)[:_LONGEST])


def user_facing_error(error: Exception) -> str | None:
    """What the user can mend of what went wrong while a command ran; None where it is not the user's."""
    kinds = {kind.__name__ for kind in type(error).__mro__}  # by name: importing Lightning takes seconds
    if (behind := config_error(error)) is not None:
        return one_line(behind)
    if isinstance(error, SyntaxError):  # of a module of the user's own
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ArgumentError | OSError) or "MisconfigurationException" in kinds:
        return one_line(error)
    if "ProcessRaisedException" in kinds:  # torch's, of ddp_spawn: it brings the traceback as text
        return next(reversed(_OURS.findall(str(error))), None)
    if missing := [one_line(cause) for cause in chain(error) if isinstance(cause, ModuleNotFoundError)]:
        extras = metadata("lightning-gans").get_all("Provides-Extra") or []
        # As a word of its own: "lab" is a part of "available".
        if extra := next((name for name in extras if re.search(rf"\b{name}\b", missing[0])), None):
            return f"{extra} is not installed; pip install 'lightning-gans[{extra}]', or choose something else"
        return f"{missing[0]}; install it, or choose something else"
    if isinstance(error, RuntimeError | ValueError):  # torch's own, or what the parser makes of it
        for pattern, line in _RUNNING.items():
            if match := re.search(pattern, one_line(error)):
                return line.format(*match.groups())
    return None


def one_line(error: BaseException) -> str:
    """An error's message on one line; its kind where it says nothing."""
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from, or while."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def config_error(error: BaseException) -> ConfigError | None:
    """The user's error behind an error: the parser wraps what a constructor raises."""
    return next((cause for cause in chain(error) if isinstance(cause, ConfigError)), None)


def _unreadable(file: str) -> ConfigError | None:
    """What is wrong with a file that is missing, is no YAML, or holds no settings; the parser does not say which."""
    try:
        content = yaml.safe_load(file if "\n" in file else Path(file).read_text())
    except FileNotFoundError:
        hint = f"did you mean {near}?" if (near := closest_config(file)) else "lightning_gans configs lists those"
        return ConfigError("--config", file, f"is neither a file nor a shipped config; {hint}")
    except (OSError, UnicodeDecodeError) as error:
        return ConfigError("--config", file, f"cannot be read ({one_line(error)}); give the path of a YAML file")
    except yaml.YAMLError as error:
        what = re.sub(r' in "<unicode string>",', " in", one_line(error))
        return ConfigError("--config", file, f"is not YAML: {what}; correct it there")
    if isinstance(content, dict):
        return None
    return ConfigError("--config", file, "holds no settings; it needs lines such as 'seed_everything: 0'")


def _hint(name: str, candidates: Iterable[str], otherwise: str, prefix: str = "") -> str:
    """What a name was probably meant to be, or what to do."""
    near = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.7)
    return f"did you mean {prefix}{near[0]}?" if near else otherwise


def _known_classes() -> list[str]:
    from lightning_gans.cli.arguments import known_classes  # torch comes with them

    return known_classes()


def _unknown_class(place: _Place, path: str) -> str:
    known = _known_classes()
    if path in known:
        return place.says(f"{path} is a class, but not of the kind that is needed there")
    return place.says(f"there is no class {path!r}; {_hint(path, known, _GIVE_PATH)}")


def _unknown_attribute(place: _Place, module: str, name: str) -> str:
    hint = _hint(name, dir(importlib.import_module(module)), _GIVE_PATH, f"{module}.")
    return place.says(f"there is no {name!r} in {module}; {hint}")


def _unknown_option(place: _Place, *path: str) -> str:
    name = ".".join(path)
    if place.owner is None:
        sections = {option.partition(".")[0] for option in place.options}
        hint = _hint(name.partition(".")[0], sections, "--help lists them")
        return f"--{name}: there is no such setting; {_hint(name, place.options, hint)}"
    from lightning_gans.engine.constructors import constructor_defaults  # torch comes with it

    accepted = sorted(constructor_defaults(import_object(place.owner)))
    setting, kind = f"{place.setting}.{name}".lstrip("."), place.owner.rpartition(".")[2]
    hint = _hint(name, accepted, f"it has {', '.join(accepted)}")
    return f"--{setting}: {kind} has no such setting; {hint}"


def _wrong_type(place: _Place, kind: str, value: str) -> str:
    given = "null" if value == "None" else repr(value)
    line = place.says(f"must be {_readable(place.types or kind)}, not {given}")
    is_class = re.fullmatch(r"[A-Z]\w+|[\w.]+\.[A-Z]\w+", value)
    near = _hint(value, _known_classes(), "") if is_class else ""
    return f"{line}; {near}" if near and value not in near else line


def _no_class(place: _Place, kind: str, value: str) -> str:
    return place.says(f"must be a class, a {kind}, not {value}; {_GIVE_PATH}")


def _unknown_module(place: _Place, module: str) -> str:
    hint = "modules are looked for in this folder and among what is installed; correct the path, or install it"
    return place.says(f"there is no module {module!r}; {hint}")


def _unloadable(place: _Place, given: str) -> str:
    return place.says(f"{given!r} is no file; its settings are given one by one, as --{place.setting}.NAME VALUE")


def _missing(place: _Place, names: str) -> str:
    if names == "data, model":
        return "a config is missing: give --config NAME (lightning_gans configs lists them), or --model and --data"
    prefix = f"{place.setting}." if place.setting else ""
    flag = f"--{prefix}" if prefix or set(names.split(", ")) <= {*place.options} else ""  # or given by its place
    return f"{', '.join(f'{flag}{name}' for name in names.split(', '))}: required, and not given"


_FORMS: dict[str, Callable[..., str]] = {
    r"^Expected a dot import path string: (\S+)$": _unknown_class,
    r"^module '([\w.]+)' has no attribute '(\w+)'$": _unknown_attribute,
    r"^No module named '([\w.]+)'$": _unknown_module,
    r"Option '([\w.]+)\+?' is not accepted": _unknown_option,
    r"^unrecognized arguments: --([\w.]+)": _unknown_option,
    r"Group '([\w.]+)' does not accept option '([\w.]+)'": _unknown_option,
    r"^Expected a (.+)\. Got value: (.*)$": _wrong_type,
    r'Unable to load config "(.*)"': _unloadable,
    r"the following arguments are required: (\w+(?:, \w+)*)": _missing,
    r"^Not a valid subclass of (\w+)\. Got value: (.*?) Subclass types": _no_class,
}
"""How the last message of a chain may read, and what to make of it."""

OUT_OF_MEMORY = re.compile(r"(?:out of memory|can't allocate memory).*?([Tt]ried to allocate [\d.]+ \w+)")
_OF_ANOTHER = "--ckpt_path: its weights do not fit {} as it is configured: "
_RUNNING = {
    r"^Error\(s\) in loading state_dict for (\w+): size mismatch for ([\w.]+)": (
        f"{_OF_ANOTHER}{{}} has another size there"
    ),
    r'^Error\(s\) in loading state_dict for (\w+): .*? key\(s\) in state_dict: "([^"]+)"': (
        f"{_OF_ANOTHER}only one of them has {{}}"
    ),
    OUT_OF_MEMORY.pattern: (
        "out of memory ({}); lower --data.batch_size, or process each batch in parts: "
        "--model.optimization.micro_batches 2"
    ),
}
"""How an error of torch that is the user's may read, and what to make of it."""


def _readable(types: str) -> str:
    """Types as a user would write them.

    Example:
        >>> _readable("<class 'bool'>, <class 'torch.Tensor'>, <class 'NoneType'>, typing.Literal['a', 'b']")
        "bool, Tensor, null, 'a', 'b'"
    """
    bare = re.sub(r"<class '([^']+)'>", r"\1", types)
    bare = re.sub(r"[\w.]+\.(\w+)", r"\1", bare)
    return re.sub(r"Literal\[([^\]]*)\]", r"\1", bare).replace("NoneType", "null")
