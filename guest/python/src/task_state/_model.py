"""The part of pydantic's interface that users of records call, without pydantic.

A model is declared by annotated fields, each with a reader that turns what is given into the field's value. As with
pydantic, a field is checked when a model is made and not when it is assigned.
"""

from __future__ import annotations

import copy
import enum
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[Any], Any]:
        return lambda decorated: decorated


Picked = set[str] | Mapping[str, Any] | None

_M = TypeVar("_M", bound="Model")


class ValidationError(ValueError):
    """A value that a model cannot hold; the text names the field and the value."""


class _Required:
    def __repr__(self) -> str:
        return "..."


REQUIRED = _Required()


class FieldInfo(NamedTuple):
    """What a model knows of one of its fields."""

    #: Turns what is given into the field's value, or raises ``ValueError`` saying what it wants.
    read: Callable[[Any], Any]
    #: Makes the value of a field that is not given; ``REQUIRED`` if it has to be.
    default: Callable[[], Any] | _Required = REQUIRED

    def is_required(self) -> bool:
        """Whether the field has to be given."""
        return isinstance(self.default, _Required)


def field(read: Callable[[Any], Any], default: Callable[[], Any] | _Required = REQUIRED) -> Any:
    """Declare a field of a model."""
    return FieldInfo(read, default)


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Model:
    """A record with pydantic's spelling."""

    #: The fields by name, in order.
    model_fields: ClassVar[dict[str, FieldInfo]] = {}

    if TYPE_CHECKING:
        _given: ClassVar[set[str]]  # of the instance, in truth: no field of the model

    if not TYPE_CHECKING:

        def __init__(self, /, **data: Any) -> None:
            self.__dict__.update(_checked(type(self), data), _given=set(data) & set(self.model_fields))

    def __init_subclass__(cls) -> None:
        """Collect the fields. Raises ``TypeError`` for one that ``field`` does not declare: its value would be lost."""
        for name, annotation in cls.__annotations__.items():
            is_narrowed = name in cls.model_fields and name not in cls.__dict__
            is_field = not (name.startswith("_") or is_narrowed or _is_of_the_class(annotation))
            if is_field and not isinstance(cls.__dict__.get(name), FieldInfo):
                raise TypeError(f"{cls.__name__}.{name}: a record has the fields of the interface and no others")
        own = {name: cls.__dict__[name] for name in cls.__annotations__ if isinstance(cls.__dict__.get(name), FieldInfo)}
        if own:
            cls.model_fields = {**cls.model_fields, **own}
        for name in own:
            delattr(cls, name)

    @property
    def model_fields_set(self) -> set[str]:
        """The fields that were given rather than left to their defaults."""
        return set(self._given)

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in self.model_fields:
                raise ValueError(f'"{type(self).__name__}" object has no field "{name}"')
            self._given.add(name)
            self.__dict__[name] = value

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """The fields with their values."""
        return ((name, getattr(self, name)) for name in self.model_fields)

    def __eq__(self, other: object) -> bool:
        """Whether the other is of the same kind with the same values."""
        if not isinstance(other, Model) or self.model_fields is not other.model_fields:
            return NotImplemented
        return dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """The model as it would be made."""
        return f"{type(self).__name__}({self._shown(', ')})"

    def __str__(self) -> str:
        """The fields with their values."""
        return self._shown(" ")

    def _shown(self, between: str) -> str:
        return between.join(f"{name}={value!r}" for name, value in self)

    @classmethod
    def model_validate(cls: type[_M], obj: Any) -> _M:
        """A model from a mapping, or the same model if it is one. Fields that are not known are left out.

        Raises ``ValidationError``.
        """
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, Mapping):
            raise ValidationError(f"{cls.__name__}: an object is wanted, not {_excerpt(obj)}")
        return cls(**{name: value for name, value in obj.items() if isinstance(name, str)})

    @classmethod
    def model_validate_json(cls: type[_M], json_data: str | bytes | bytearray) -> _M:
        """A model from JSON text. Raises ``ValidationError``."""
        try:
            obj = json.loads(json_data)
        except (ValueError, RecursionError) as error:
            raise ValidationError(f"{cls.__name__}: not JSON: {error}") from None
        return cls.model_validate(obj)

    @classmethod
    def model_construct(cls: type[_M], _fields_set: set[str] | None = None, **values: Any) -> _M:
        """A model of values that are not checked, with defaults for those that are absent."""
        made = cls.__new__(cls)
        known = {name: value for name, value in values.items() if name in cls.model_fields}
        defaults = {n: f.default() for n, f in cls.model_fields.items() if n not in known and callable(f.default)}
        made.__dict__.update({**known, **defaults}, _given=set(known) if _fields_set is None else set(_fields_set))
        return made

    def model_copy(self: _M, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> _M:
        """A copy, with other values for some fields, which are not checked."""
        values = {name: copy.deepcopy(value) if deep else value for name, value in self}
        given = self.model_fields_set | set(update or {})
        return type(self).model_construct(given, **{**values, **(update or {})})

    def __copy__(self: _M) -> _M:
        """A copy that shares the values."""
        return self.model_copy()

    def __deepcopy__(self: _M, _: Any) -> _M:
        """A copy that shares nothing."""
        return self.model_copy(deep=True)

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds."""
        return {**dict(self), "_given": self.model_fields_set}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what a pickle held."""
        self.__dict__.update(state)

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] | str = "python",
        include: Picked = None,
        exclude: Picked = None,
        by_alias: bool | None = None,  # noqa: ARG002 - no field has an alias
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """The fields as a dictionary. Times are text in either mode; in ``json`` enums are too.

        ``include`` and ``exclude`` take names, or a mapping from names to the same for what is inside.
        """
        given = self.model_fields_set
        kept: dict[str, Any] = {}
        for name, value in self:
            default = self.model_fields[name].default
            if (
                not _takes(include, name, when_absent=True)
                or (_takes(exclude, name, when_absent=False) and _inside(exclude, name) is None)
                or (exclude_unset and name not in given)
                or (exclude_defaults and callable(default) and value == default())
                or (exclude_none and value is None)
            ):
                continue
            inner: dict[str, Any] = {
                "include": _inside(include, name),
                "exclude": _inside(exclude, name),
                "exclude_unset": exclude_unset,
                "exclude_defaults": exclude_defaults,
                "exclude_none": exclude_none,
            }
            kept[name] = value.model_dump(mode=mode, **inner) if isinstance(value, Model) else _plain(value, mode)
        return kept

    def model_dump_json(self, *, indent: int | None = None, ensure_ascii: bool = False, **how: Any) -> str:
        """The fields as JSON text, compact unless ``indent`` says otherwise. Takes what ``model_dump`` takes."""
        separators = (",", ":") if indent is None else (",", ": ")
        fields = self.model_dump(mode="json", **how)
        return json.dumps(fields, ensure_ascii=ensure_ascii, separators=separators, indent=indent)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How pydantic, where it is used, reads and writes a field of this type."""
        from pydantic_core import core_schema

        dump = core_schema.plain_serializer_function_ser_schema(
            lambda model, info: model.model_dump(mode=info.mode), info_arg=True
        )
        return core_schema.no_info_plain_validator_function(cls.model_validate, serialization=dump)


def _is_of_the_class(annotation: Any) -> bool:
    return "ClassVar" in (annotation if isinstance(annotation, str) else repr(annotation)).partition("[")[0]


def _checked(cls: type[Model], data: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, info in cls.model_fields.items():
        if name in data:
            try:
                values[name] = info.read(data[name])
            except ValueError as error:
                raise ValidationError(f"{cls.__name__}.{name}: {error}") from None
        elif isinstance(info.default, _Required):
            raise ValidationError(f"{cls.__name__}.{name}: it is missing")
        else:
            values[name] = info.default()
    return values


def _takes(picked: Picked, name: str, *, when_absent: bool) -> bool:
    return when_absent if picked is None else name in picked


def _inside(picked: Picked, name: str) -> Any:
    inside = picked.get(name) if isinstance(picked, Mapping) else None
    return None if inside in (None, True, ...) else inside


def _plain(value: Any, mode: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value if mode == "json" else value
    if isinstance(value, Model):
        return value.model_dump(mode=mode)
    if isinstance(value, Mapping):
        return {key: _plain(inner, mode) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        inner_values = [_plain(inner, mode) for inner in value]
        return inner_values if mode == "json" or isinstance(value, list) else tuple(inner_values)
    return value


def _excerpt(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        text = f"a value of the type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:80]}…"


def read_text(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise ValueError(f"text is wanted, not {_excerpt(value)}")
    return value.value if isinstance(value, enum.Enum) else value


def read_optional_text(value: Any) -> str | None:
    """Text, or None."""
    return None if value is None else read_text(value)


def read_texts(value: Any) -> list[str]:
    """A list of texts."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"a list of texts is wanted, not {_excerpt(value)}")
    return [read_text(item) for item in value]


def read_object(value: Any) -> dict[str, Any]:
    """A dictionary whose keys are text."""
    if not isinstance(value, Mapping):
        raise ValueError(f"an object is wanted, not {_excerpt(value)}")
    return {read_text(key): item for key, item in value.items()}


_E = TypeVar("_E", bound=enum.Enum)


def one_of(kind: type[_E]) -> Callable[[Any], _E]:
    """A reader of an enum, by member or by value."""

    def read(value: Any) -> _E:
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(str(member.value) for member in kind)
            raise ValueError(f"one of {known} is wanted, not {_excerpt(value)}") from None

    return read
