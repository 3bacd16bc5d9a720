"""How does a service tell systemd that it is well? Datagrams to the socket that NOTIFY_SOCKET names (sd_notify(3)).

Where there is no such socket nothing is sent. May import core.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress


class ServiceManager:
    """The systemd that started this process, if one did. `watchdog` are the seconds after which it takes us for dead.

    What cannot be sent is not an error: nothing that is down stops what is served.
    """

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self.watchdog = watchdog
        self._address = address
        self._told = float("-inf")

    @property
    def interval(self) -> float | None:
        """How often to say that we are alive: twice as often as is asked for (sd_watchdog_enabled(3))."""
        return None if self.watchdog is None else self.watchdog / 2

    def tell_ready(self) -> None:
        """Say that the service has started."""
        self._send("READY=1")

    def tell_alive(self) -> None:
        """Say that the service makes progress; as often as one likes, for it is sent no more often than it is asked."""
        if self.interval is not None and time.monotonic() - self._told >= self.interval / 2:
            self._told = time.monotonic()
            self._send("WATCHDOG=1")

    def tell_stopping(self) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        # An address that begins with @ is one of Linux's abstract ones (unix(7)).
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)


def find_service_manager(environment: MutableMapping[str, str] = os.environ) -> ServiceManager:
    """The systemd that the environment names. Its variables are removed: they are not meant for our own commands."""
    address = environment.pop("NOTIFY_SOCKET", None)
    microseconds, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    asked = address is not None and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
    ours = pid in ("", str(os.getpid()))
    return ServiceManager(address, int(microseconds) / 1_000_000 if asked and ours else None)
