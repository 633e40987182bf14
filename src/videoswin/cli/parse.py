"""Options of a verb from a typed function: jsonargparse reads its signature and docstring.

One place decides how every verb looks: required parameters are positionals (a `list` takes one or more), the
others are options; a `bool` that is False by default is a flag; dataclass parameters, required ones too, are
nested options (`--data.train`, and `--data FILE.yaml` for all of them), and the fields of a dataclass that is
the only parameter are the options themselves; `--config FILE.yaml` and `--print_config` always work.
Configuration dataclasses have no `slots`: jsonargparse reads their defaults through `vars()`.
"""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from docstring_parser import parse as parse_docstring
from docstring_parser import parse_from_object
from jsonargparse import ArgumentError, ArgumentParser, Namespace, set_parsing_settings

from videoswin.errors import ConfigError


def call(function: Callable[..., int], arguments: list[str], *, prog: str) -> int:
    """Parse `arguments` for `function`, run it and return its exit code.

    Raises ConfigError, one line, for an unknown option or a value that does not fit, with what is allowed.
    """
    values = parse_values(function, arguments, prog=prog)
    config_type = _only_config(function)
    if config_type is not None:
        return function(config_type(**{field.name: values[field.name] for field in fields(config_type)}))
    return function(**{name: values[name] for name in inspect.signature(function).parameters})


def parse_values(function: Callable[..., int], arguments: list[str], *, prog: str) -> Namespace:
    """The values that `arguments` give the parameters of `function`, and `config`. Raises ConfigError."""
    parser = build_parser(function, prog=prog)
    try:
        given = parser.parse_args([_underscored(argument) for argument in arguments])
        values: Namespace = parser.instantiate(given)
        return values
    except ArgumentError as error:
        raise ConfigError(f"{prog}: {_explain(str(error), parser)}") from error
    except ValueError as error:
        # An optional dataclass (`ClipSpec | None`) that refuses its values: its own message is the clear one.
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from error
        raise


def build_parser(function: Callable[..., int], *, prog: str) -> ArgumentParser:
    """The parser whose options are the parameters of `function`, described by its Google-style docstring, or
    the fields of the one dataclass it takes, described by theirs."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    text = parse_docstring(function.__doc__ or "")
    description = "\n\n".join(part for part in (text.short_description, text.long_description) if part)
    parser = ArgumentParser(prog=prog, description=description, exit_on_error=False)
    config_type = _only_config(function)
    if config_type is not None:
        _add_fields(parser, config_type)
    else:
        _add_parameters(parser, function, {p.arg_name: p.description for p in text.params})
    return parser


def _only_config(function: Callable[..., int]) -> type[Any] | None:
    """The dataclass that is the one parameter of `function`, if that is what it takes."""
    types = typing.get_type_hints(function)
    types.pop("return", None)
    (first, *others) = types.values()
    return first if is_dataclass(first) and isinstance(first, type) and not others else None


def _add_fields(parser: ArgumentParser, config_type: type[Any]) -> None:
    """Options of a configuration: its fields."""
    flags = {field.name for field in fields(config_type) if field.default is False}
    help_of = {p.arg_name: p.description for p in parse_from_object(config_type).params}
    _add_flags(parser, flags, help_of)
    parser.add_class_arguments(config_type, as_group=False, skip=flags)


def _add_parameters(
    parser: ArgumentParser, function: Callable[..., int], help_of: dict[str, str | None]
) -> None:
    types = typing.get_type_hints(function)
    # Given as strings, jsonargparse would resolve them with everything that the module imports for type
    # checking only, which makes --help load torch.
    function.__annotations__ = types
    parameters = inspect.signature(function).parameters
    required = [
        name
        for name, p in parameters.items()
        if p.default is inspect.Parameter.empty and not is_dataclass(types[name])
    ]
    for name in required:
        if typing.get_origin(types[name]) is list:
            parser.add_argument(name, type=typing.get_args(types[name])[0], nargs="+", help=help_of[name])
        else:
            parser.add_argument(name, type=types[name], help=help_of[name])
    flags = {name for name, p in parameters.items() if p.default is False}
    _add_flags(parser, flags, help_of)
    parser.add_function_arguments(function, as_group=False, skip={*required, *flags})


def _add_flags(parser: ArgumentParser, flags: set[str], help_of: dict[str, str | None]) -> None:
    parser.add_argument("--config", action="config", help="A YAML file with any of the options below.")
    for name in sorted(flags):
        parser.add_argument(f"--{name}", action="store_true", help=help_of[name])


def _underscored(argument: str) -> str:
    """`--batch-size=4` as `--batch_size=4`: both spellings of an option are accepted."""
    name, separator, value = argument.partition("=")
    if not name.startswith("--"):
        return argument
    return "--" + name[2:].replace("-", "_") + separator + value


def _explain(message: str, parser: ArgumentParser) -> str:
    """The parser's message as one line, with the nearest option where a name is unknown."""
    line = " ".join(part.strip() for part in message.splitlines() if part.strip())
    unknown = re.search(r"(?:unrecognized arguments: |option ')-*([\w.]+)", line)
    if unknown is None:
        return line
    known = [option.lstrip("-") for action in parser._actions for option in action.option_strings]
    # A key of a configuration file is named without its section, so the last part may be what is near.
    near = difflib.get_close_matches(unknown[1], known, n=1) or [
        option for option in known if difflib.get_close_matches(unknown[1], [option.rpartition(".")[2]])
    ]
    return f"{line} (did you mean --{near[0]}?)" if near else line
