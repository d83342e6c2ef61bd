"""What a module names, by where it comes from: read off its code, whatever it is called there.

`from a import b as c` and then `c.d` names a.b and a.b.d; so do `getattr(c, "d")`, `vars(c)["d"]`
and `x = c; x.d`. What is looked up by a name that is worked out at run time shows as `getattr`.
"""

import ast
from collections.abc import Iterator, Mapping

Names = Mapping[str, str]
"""From a name in a module to what it stands for."""


def dotted(tree: ast.AST) -> Iterator[str]:
    """Give all that is imported or looked up in an import, and other names as those of builtins."""
    names = _names(tree)
    for node in ast.walk(tree):
        yield from _imported(node)
        found = _resolved(node, names)
        if found and "." in found:
            yield found
        if isinstance(node, ast.Name) and node.id not in names:
            yield f"builtins.{node.id}"


def attributes(tree: ast.AST) -> Iterator[str]:
    """Give every name that is looked up in anything: as an attribute, or by a written-out text."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name):
                yield name
            case ast.alias(name=name):
                yield name.rpartition(".")[2]
            case _ if (written := _written(node)) is not None:
                yield written[1]


def under(name: str, *places: str) -> bool:
    """Tell whether a name is one of some places, or inside of one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield alias.name
                if alias.asname is None:
                    yield alias.name.partition(".")[0]
        case ast.ImportFrom(module=module, names=names, level=level):
            yield from (f"{'.' * level}{module or ''}.{alias.name}" for alias in names)


def _names(tree: ast.AST) -> dict[str, str]:
    found = dict[str, str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    found[alias.asname or whole] = whole
            case ast.ImportFrom(names=names, module=module, level=level):
                for alias in names:
                    found[alias.asname or alias.name] = f"{'.' * level}{module or ''}.{alias.name}"
    before = -1
    while before != len(found):  # x = y, and then z = x
        before = len(found)
        for node in ast.walk(tree):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.NamedExpr(target=ast.Name(id=name), value=value)
                ):
                    whole_name = _resolved(value, found)
                    if whole_name is not None:
                        found.setdefault(name, whole_name)
    return found


def _resolved(node: ast.AST, names: Names) -> str | None:
    """Say what an expression stands for, if it is a name in an import."""
    match node:
        case ast.Name(id=name):
            return names.get(name)
        case ast.NamedExpr(value=value):
            return _resolved(value, names)
        case ast.Attribute(value=value, attr=name):
            inside = _resolved(value, names)
            return f"{inside}.{name}" if inside else None
        case _ if (written := _written(node)) is not None:
            inside = _resolved(written[0], names)
            return f"{inside}.{written[1]}" if inside else None
    return None


def _written(node: ast.AST) -> tuple[ast.expr, str] | None:
    """Take apart `getattr(x, "name")`, `x.__dict__["name"]` and `vars(x)["name"]`."""
    match node:
        case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name)), *_]):
            return value, name
        case ast.Subscript(
            value=ast.Attribute(value=value, attr="__dict__"), slice=ast.Constant(value=str(name))
        ):
            return value, name
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id="vars"), args=[value]),
            slice=ast.Constant(value=str(name)),
        ):
            return value, name
    return None
