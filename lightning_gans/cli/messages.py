"""What the parser of the command line complains about, as one line.

jsonargparse reports the whole tree of types that it tried. Its exceptions are chained, though: each link names one
key of the path to the setting, or one class on the way, and the last one says what is wrong there.
"""

import difflib
import importlib
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

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
_UNION = re.compile(r"^Does not validate against any of the Union subtypes Subtypes: \[(.*)\] Errors:")


class ParsingError(ConfigError):
    """A mistake on the command line or in a config file.

    Args:
        line: The whole message.
    """

    def __init__(self, line: str) -> None:
        ValueError.__init__(self, line)


@dataclass(frozen=True)
class _Place:
    """Where something is wrong: the path of the setting, the class that it belongs to, the types that would do."""

    setting: str
    owner: str | None
    types: str | None
    options: Sequence[str]


def parsing_error(error: Exception, args: Sequence[str], parsers: Iterable[ArgumentParser]) -> ConfigError:
    """The one line that a parser's error comes down to.

    Args:
        error: What the parser raised.
        args: What it was given.
        parsers: Those whose options may have been meant.

    Returns:
        The user's error behind it, if a class raised one; or the new names of what version 0.1 called otherwise; or
        the config file that cannot be read; or else the path of the setting with what is wrong there, and what was
        probably meant.
    """
    if (behind := find_config_error(error)) is not None:
        return behind
    if (renamed := renamed_words(args)) is not None:
        return ParsingError(renamed)
    if (unreadable := _unreadable(config_files(args))) is not None:
        return unreadable
    causes = list(_chain(error))
    messages = [one_line(cause) for cause in causes]
    keys = [match[1] for cause in causes if type(cause) is TypeError and (match := _KEY.search(one_line(cause)))]
    owners = [match[1] or match[2] for message in messages if (match := _OWNER.search(message))]
    unions = [match[1] for message in messages[-2:] if (match := _UNION.search(message))]
    options = [o.lstrip("-") for p in parsers for a in p._actions for o in a.option_strings if o.startswith("--")]
    place = _Place(".".join(keys), owners[-1] if owners else None, unions[-1] if unions else None, options)
    for pattern, explain in _FORMS:
        if match := pattern.search(messages[-1]):
            return ParsingError(explain(place, *match.groups()))
    last = _KEY.sub("", messages[-1]).lstrip(": ")
    return ParsingError((f"{place.setting}: {last}" if place.setting else last)[:_LONGEST])


def config_files(args: Sequence[str]) -> list[str]:
    """The config files that a command names.

    Example:
        >>> config_files(["fit", "--config", "a.yaml", "--config=b.yaml", "-c", "c.yaml"])
        ['a.yaml', 'b.yaml', 'c.yaml']
    """
    return [path for flag, path in pairwise(split_flags(list(args), CONFIG_FLAGS)) if flag in CONFIG_FLAGS]


def _unreadable(files: Iterable[str]) -> ConfigError | None:
    """The first file that is missing, is no YAML, or holds no settings; the parser does not say which one it is."""
    for file in files:
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
        if not isinstance(content, dict):
            return ConfigError("--config", file, "holds no settings; it needs lines such as 'seed_everything: 0'")
    return None


def find_config_error(error: BaseException) -> ConfigError | None:
    """The user's error behind an error: the parser wraps what a constructor raises."""
    return next((cause for cause in _chain(error) if isinstance(cause, ConfigError)), None)


def user_facing_error(error: Exception) -> Exception | None:
    """What the user can mend of what went wrong while a command ran; None where it is not the user's.

    Args:
        error: What reached the command.
    """
    if (behind := find_config_error(error)) is not None:
        return behind
    if isinstance(error, ArgumentError | OSError):
        return error
    if type(error).__name__ == "ProcessRaisedException":  # torch's, of ddp_spawn: it brings the traceback as text
        told = _OURS.findall(str(error))
        return ParsingError(told[-1]) if told else None
    if any(kind.__name__ == "MisconfigurationException" for kind in type(error).__mro__):
        return error  # Lightning's, by name: importing it takes seconds
    if (
        missing := next((cause for cause in _chain(error) if isinstance(cause, ModuleNotFoundError)), None)
    ) is not None:
        return ParsingError(f"{one_line(missing)}; install it, or choose something else")
    if (refused := _refusing_class(error)) is not None:
        return ParsingError(f"model.optimization: {refused} does not take its settings ({one_line(error)})")
    if isinstance(error, RuntimeError | ValueError):  # torch's own, or what the parser makes of it
        for pattern, explain in _RUNNING:
            if match := pattern.search(one_line(error)):
                return ParsingError(explain(*match.groups()))
    return None


def _refusing_class(error: Exception) -> str | None:
    """The optimizer or scheduler of torch that its settings do not suit, if an error was raised there."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("torch.optim.") and frame.f_code.co_name in ("__init__", "get_lr"):
            return type(frame.f_locals.get("self")).__name__
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def one_line(error: BaseException) -> str:
    """An error's message on one line.

    Example:
        >>> one_line(ValueError("two   words"))
        'two words'
    """
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__


def _unknown_class(place: _Place, path: str) -> str:
    near = _nearest(path, _known_classes())
    hint = f"did you mean {near}?" if near else "give its import path (package.module.Class)"
    return f"{place.setting}: there is no class {path!r}; {hint}"


def _unknown_attribute(place: _Place, module: str, name: str) -> str:
    near = _nearest(name, dir(importlib.import_module(module)))
    hint = f"did you mean {module}.{near}?" if near else "give its import path (package.module.Class)"
    return f"{place.setting}: there is no {name!r} in {module}; {hint}"


def _unknown_module(place: _Place, module: str) -> str:
    hint = "modules are looked for in this folder and among what is installed; correct the path, or install it"
    return f"{place.setting}: there is no module {module!r}; {hint}"


def _missing(place: _Place, names: str) -> str:
    if re.fullmatch(r"(\w+)\.data, \1\.model", names):
        return "a config is missing: give --config NAME (lightning_gans configs lists them), or --model and --data"
    prefix = f"{place.setting}." if place.setting else ""
    flags = ", ".join(f"--{prefix}{re.sub(r'^(fit|validate|test|predict)[.]', '', name)}" for name in names.split(", "))
    return f"{flags}: required, and not given"


def _unknown_option(place: _Place, name: str) -> str:
    if place.owner is None:
        near = _nearest(name, place.options) or _nearest(name.partition(".")[0], _first_parts(place.options))
        return f"{name}: there is no such setting; " + _suggestion(near, "--help lists them")
    from lightning_gans.engine.constructors import constructor_defaults  # torch comes with it

    accepted = sorted(constructor_defaults(import_object(place.owner)))
    kind = place.owner.rpartition(".")[2]
    setting = f"{place.setting}.{name}".lstrip(".")
    return f"{setting}: {kind} has no such setting; " + _suggestion(
        _nearest(name, accepted), f"it has {', '.join(accepted)}"
    )


def _unloadable(place: _Place, given: str) -> str:
    section = place.setting.rpartition(".")[2]
    return f"--{section}: {given!r} is no file; its settings are given one by one, as --{section}.NAME VALUE"


def _unknown_in_group(place: _Place, group: str, name: str) -> str:
    return _unknown_option(place, f"{group}.{name}")


def _wrong_type(place: _Place, kind: str, value: str) -> str:
    given = "null" if value == "None" else repr(value)
    line = f"{place.setting}: must be {_readable(place.types or kind)}, not {given}"
    near = _nearest(value, _known_classes()) if re.fullmatch(r"[A-Z]\w+|[\w.]+\.[A-Z]\w+", value) else None
    return f"{line}; did you mean {near}?" if near else line


_FORMS: list[tuple[re.Pattern[str], Callable[..., str]]] = [
    (re.compile(r"^Expected a dot import path string: (\S+)$"), _unknown_class),
    (re.compile(r"^module '([\w.]+)' has no attribute '(\w+)'$"), _unknown_attribute),
    (re.compile(r"^No module named '([\w.]+)'$"), _unknown_module),
    (re.compile(r"Option '([\w.]+)\+?' is not accepted"), _unknown_option),
    (re.compile(r"Subcommand '\w+' does not accept option '([\w.]+)'"), _unknown_option),
    (re.compile(r"^unrecognized arguments: --([\w.]+)"), _unknown_option),
    (re.compile(r"Group '([\w.]+)' does not accept option '([\w.]+)'"), _unknown_in_group),
    (re.compile(r"^Expected a (.+)\. Got value: (.*)$"), _wrong_type),
    (re.compile(r'Unable to load config "(.*)"'), _unloadable),
    (re.compile(r"^the following arguments are required: (.+)$"), _missing),
]
"""How the last message of a chain may read, and what to make of it."""


def _other_shape(model: str, name: str) -> str:
    return f"--ckpt_path: its weights do not fit {model} as it is configured: {name} has another size there"


def _other_parts(model: str, name: str) -> str:
    return f"--ckpt_path: its weights do not fit {model} as it is configured: only one of them has {name}"


def _out_of_memory(tried: str) -> str:
    hint = "lower --data.batch_size, or process each batch in parts: --model.optimization.micro_batches 2"
    return f"out of memory ({tried}); {hint}"


_RUNNING: list[tuple[re.Pattern[str], Callable[..., str]]] = [
    (re.compile(r"^Error\(s\) in loading state_dict for (\w+): size mismatch for ([\w.]+)"), _other_shape),
    (re.compile(r'^Error\(s\) in loading state_dict for (\w+): .*? key\(s\) in state_dict: "([^"]+)"'), _other_parts),
    (re.compile(r"(?:out of memory|can't allocate memory).*?([Tt]ried to allocate [\d.]+ \w+)"), _out_of_memory),
]
"""How an error of torch that is the user's may read, and what to make of it."""


def _suggestion(near: str | None, otherwise: str) -> str:
    return f"did you mean {near}?" if near else otherwise


def _nearest(name: str, candidates: Iterable[str]) -> str | None:
    found = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.7)
    return found[0] if found else None


def _known_classes() -> list[str]:
    from lightning_gans.cli.arguments import known_classes  # torch comes with them

    return known_classes()


def _first_parts(options: Sequence[str]) -> set[str]:
    return {option.partition(".")[0] for option in options}


def _readable(types: str) -> str:
    """Types as a user would write them.

    Example:
        >>> _readable("<class 'bool'>, <class 'torch.Tensor'>, <class 'NoneType'>, typing.Literal['a', 'b']")
        "bool, Tensor, null, 'a', 'b'"
    """
    bare = re.sub(r"<class '([^']+)'>", r"\1", types)
    bare = re.sub(r"[\w.]+\.(\w+)", r"\1", bare)
    return re.sub(r"Literal\[([^\]]*)\]", r"\1", bare).replace("NoneType", "null")
