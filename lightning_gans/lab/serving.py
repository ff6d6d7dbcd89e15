"""The ``lab`` command: a server for this machine's browser."""

import importlib.util
import ipaddress
import secrets
import socket

from lightning_gans.cli.commands import LabOptions
from lightning_gans.errors import ConfigError


def serve(options: LabOptions) -> None:
    """Serve the lab's pages until Ctrl-C.

    Raises:
        ConfigError: The web framework is not installed, or the address cannot be listened on.
    """
    if importlib.util.find_spec("nicegui") is None:
        raise ConfigError("lab", "nicegui", "is not installed; pip install 'lightning-gans[lab]'")
    _check_address(options)
    token = options.token or (None if is_this_machine(options.host) else secrets.token_urlsafe(16))
    from lightning_gans.lab.app import run  # takes a second and a half

    run(options, token)


def is_this_machine(host: str) -> bool:
    """Whether only this machine itself can reach an address.

    Example:
        >>> is_this_machine("127.0.0.1"), is_this_machine("localhost"), is_this_machine("0.0.0.0")
        (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_address(options: LabOptions) -> None:
    try:
        family, kind, *_, address = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError("--host", options.host, "is no address of this machine") from error
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind(address)
        except PermissionError as error:
            raise ConfigError("--port", options.port, "is not yours to use; take one above 1023") from error
        except OSError as error:
            if options.host != "127.0.0.1" and "assign" in str(error):
                raise ConfigError("--host", options.host, "is no address of this machine") from error
            raise ConfigError("--port", options.port, "is in use; choose another, such as 8081") from error
