"""What pydantic finds wrong, as one line that names the place and the nearest valid name."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from cladeflow.recipes.parse import nearest


def complaint(kind: type[BaseModel], error: ValidationError) -> str:
    """The first problem of ``error``, which validating a ``kind`` raised."""
    problem = error.errors()[0]
    parts = [part for part in problem["loc"] if part != "[key]"]
    place = ".".join(map(str, parts))
    path, last = parts[:-1], parts[-1] if parts else ""
    if problem["type"] == "extra_forbidden":
        inside = f"{'.'.join(map(str, path))}: " if path else ""
        return f"{inside}unknown key {last!r}{nearest(str(last), _fields(kind, path))}"
    if problem["type"] == "literal_error":
        valid = problem["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        given = str(problem["input"])
        if str(last) == given:  # a key of a mapping
            place = ".".join(str(part) for part in path)
        return f"{place}: unknown {given!r}{nearest(given, valid)}"
    if problem["type"] == "string_pattern_mismatch":
        return f"{place}: {problem['input']!r} is not of the form {problem['ctx']['pattern']}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _fields(kind: type[BaseModel], path: list[Any]) -> list[str]:
    """Names of the fields of the model that lies at ``path`` within ``kind``."""
    for part in path:
        if isinstance(part, str) and part in kind.model_fields:
            inner = _model(kind.model_fields[part].annotation)
            kind = inner or kind
    return list(kind.model_fields)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as ``dict[str, Model]`` or ``Model | None`` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model(arg))), None)
