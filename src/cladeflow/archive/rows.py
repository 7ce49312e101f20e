"""Many rows as one parameter: a JSON array, which the database takes apart itself.

Rows that are sent one by one cost more to send than to write, and a list of parameters is another
statement, to be worded and planned anew, for every number of them.
"""

from typing import Any

from sqlalchemy import JSON, Column, TableValuedAlias, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal


class _Array(FunctionElement[Any]):
    """A JSON array as a table, by the names and types of some columns."""

    name = "array"
    inherit_cache = True
    _traverse_internals = [
        *FunctionElement._traverse_internals,
        ("fields", InternalTraversal.dp_clauseelement_tuple),
    ]

    def __init__(self, parameter: str, fields: tuple[Column[Any], ...]) -> None:
        super().__init__(bindparam(parameter, type_=JSON))
        self.fields = fields


class _Rows(_Array):
    """Its elements are objects, whose keys are the columns' names."""

    inherit_cache = True


class _Values(_Array):
    """Its elements are the values of one column."""

    inherit_cache = True


def rows(parameter: str, *columns: Column[Any]) -> TableValuedAlias:
    """The table that ``parameter`` is: a list of dicts by the columns' names."""
    return _Rows(parameter, columns).table_valued(*columns, name=parameter)


def values(parameter: str, column: Column[Any]) -> TableValuedAlias:
    """The table of one column that ``parameter`` is: the list of its values."""
    return _Values(parameter, (column,)).table_valued(column, name=parameter)


@compiles(_Rows, "postgresql")
def _rows_of_record_set(element: _Rows, compiler: SQLCompiler, **kwargs: Any) -> str:
    quoted, types = compiler.preparer.quote, compiler.dialect.type_compiler_instance
    fields = (f"{quoted(field.name)} {types.process(field.type)}" for field in element.fields)
    array = compiler.process(element.clauses, **kwargs)
    return f"(SELECT * FROM json_to_recordset({array}) AS one ({', '.join(fields)}))"


@compiles(_Rows)
def _rows_of_each(element: _Rows, compiler: SQLCompiler, **kwargs: Any) -> str:
    names = [(field.name, compiler.preparer.quote(field.name)) for field in element.fields]
    fields = (f"json_extract(value, '$.{name}') AS {quoted}" for name, quoted in names)
    array = compiler.process(element.clauses, **kwargs)
    return f"(SELECT {', '.join(fields)} FROM json_each({array}))"


@compiles(_Values, "postgresql")
def _values_of_elements(element: _Values, compiler: SQLCompiler, **kwargs: Any) -> str:
    [field] = element.fields
    type_ = compiler.dialect.type_compiler_instance.process(field.type)
    array = compiler.process(element.clauses, **kwargs)
    name = compiler.preparer.quote(field.name)
    return f"(SELECT CAST(value AS {type_}) AS {name} FROM json_array_elements_text({array}))"


@compiles(_Values)
def _values_of_each(element: _Values, compiler: SQLCompiler, **kwargs: Any) -> str:
    [field] = element.fields
    array = compiler.process(element.clauses, **kwargs)
    return f"(SELECT value AS {compiler.preparer.quote(field.name)} FROM json_each({array}))"
