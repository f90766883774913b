"""The contract between the plan and the hops: what a managed thing must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Document = Mapping[str, object]
"""The managed settings of one thing: JSON values only, no secret, nothing the server adds by itself."""


class Resource(Protocol):
    """One managed thing in another system.

    Promise: `read` has no effect; `apply` is idempotent and leaves `read() == desired`; `delete` of what is
    gone already does nothing. Each may raise HeadraceError. Order between resources is the plan's business.
    """

    @property
    def address(self) -> str:
        """Its name for people, unique in a plan: `topic:shop.1.public.orders`."""
        ...

    @property
    def desired(self) -> Document:
        """What should be; pure."""
        ...

    def read(self) -> Document | None:
        """What is, reduced to the keys of `desired`; None when it does not exist."""
        ...

    def apply(self) -> None:
        """Create it, or bring it to `desired`."""
        ...

    def delete(self) -> None:
        """Remove it and restore what it had changed."""
        ...
