"""Where the engines of one project listen, and by which names they reach each other.

This is all that differs between engines that run as processes of one machine and the same engines in
containers: natively everything listens on the loopback interface at ports of the project's own; in a
container an engine listens on every interface of it at a well-known port, and the others call it by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
EVERY_INTERFACE = "0.0.0.0"  # noqa: S104 - of a container, whose network is the project's own


@dataclass(frozen=True)
class AddressBook:
    """The addresses of one project's engines.

    Attributes:
        ports: by name; the part of a name in front of `_` is the engine's.
        hosts: the name by which other engines reach an engine; the loopback interface where none is given.
        contained: this engine runs in a container: it listens for others and logs to its console.
        kafka_outside: the address by which clients outside the containers reach the broker; they get a
            listener of their own, at the port `kafka_outside`.
    """

    ports: Mapping[str, int]
    hosts: Mapping[str, str] = field(default_factory=dict[str, str])
    contained: bool = False
    kafka_outside: str | None = None

    @property
    def bind(self) -> str:
        """The address an engine listens on."""
        return EVERY_INTERFACE if self.contained else LOOPBACK

    def host(self, port_name: str) -> str:
        """The host of whoever owns a port."""
        return self.hosts.get(port_name.partition("_")[0], LOOPBACK)

    def address(self, port_name: str) -> str:
        """`host:port`, as another engine needs it."""
        return f"{self.host(port_name)}:{self.ports[port_name]}"
