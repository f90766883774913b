"""The catalogue of an API like the shop's: its lists with keys and types, in the order to pull them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headrace.errors import HeadraceError
from headrace.feed.pull.json_text import Json

_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"


class CatalogueColumn(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str = Field(pattern=_NAME)
    type: str
    nullable: bool = True


class Resource(BaseModel):
    """One list of the API."""

    model_config = ConfigDict(frozen=True)
    name: str = Field(pattern=_NAME)
    path: str
    key: tuple[str, ...] = Field(min_length=1)
    updated_field: str | None = None
    since_param: str | None = None
    limit_param: str = "limit"
    max_limit: int | None = Field(default=None, ge=1)
    columns: tuple[CatalogueColumn, ...] = Field(min_length=1)


class Catalogue(BaseModel):
    """All lists, what is referred to before what refers."""

    model_config = ConfigDict(frozen=True)
    resources: tuple[Resource, ...] = Field(min_length=1)


def read_catalogue(body: Json) -> Catalogue:
    """The catalogue in an answer; HeadraceError `feed-no-catalogue` if it is none."""
    try:
        return Catalogue.model_validate(body, strict=False)
    except ValidationError as error:
        raise HeadraceError(
            "feed-no-catalogue",
            "the API tells no catalogue of its lists at this address",
            cause=f"{error.error_count()} things are missing or wrong in it",
            hint="give the address of one list and --table",
        ) from error
