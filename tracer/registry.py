"""`mx.registry`: classes found by name, a registry for each base class (initializers, metrics, ...)."""
from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["get_alias_func", "get_create_func", "get_register_func", "get_registry"]

#: The registered classes by their names in lower case, for each base class.
_REGISTRY: dict[type, dict[str, type]] = {}


def get_registry(base_class: type) -> dict[str, type]:
    """A copy of the registry of `base_class`: its registered subclasses by their names in lower case."""
    return _REGISTRY.setdefault(base_class, {}).copy()


def get_register_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A decorator that registers subclasses of `base_class`.

    nickname: what messages call an instance.

    The decorator takes the class and optionally a name, else the class's own. AssertionError for another class;
    UserWarning when the name was taken.

    >>> class Shape: pass
    >>> register = get_register_func(Shape, "shape")
    >>> @register
    ... class Circle(Shape): pass
    >>> list(get_registry(Shape))
    ['circle']
    """
    registry = _REGISTRY.setdefault(base_class, {})

    def register(klass: Any, name: str | None = None) -> Any:
        assert issubclass(klass, base_class), \
            f"Can only register subclasses of {base_class.__name__}, not {klass.__name__}"
        key = (klass.__name__ if name is None else name).lower()
        old = registry.get(key)
        if old is not None:
            warnings.warn(f"New {nickname} {klass.__module__}.{klass.__name__}, registered with name {key}, is "
                          f"overriding existing {nickname} {old.__module__}.{old.__name__}", UserWarning, stacklevel=2)
        registry[key] = klass
        return klass

    register.__doc__ = f"Register a class of {nickname}s, under `name` or the class's own name."
    return register


def get_alias_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function that takes names and returns a decorator, which registers a class under these names."""
    register = get_register_func(base_class, nickname)

    def alias(*aliases: str) -> Callable[[Any], Any]:
        def reg(klass: Any) -> Any:
            for name in aliases:
                register(klass, name)
            return klass

        return reg

    alias.__doc__ = f"Make a decorator that registers a class of {nickname}s under the given names."
    return alias


def get_create_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function that makes an instance of a registered class.

    Its first argument, also called `nickname`, is one of these; further arguments go to the class:

    - the class's name;
    - an instance, which is returned;
    - a dict of the name (under the key `nickname`) and of arguments, or JSON text of such a dict;
    - JSON text of a list: the name, and a dict of arguments.

    AssertionError for a name that is not registered, and for further arguments where none are taken.

    >>> class Shape: pass
    >>> @get_register_func(Shape, "shape")
    ... class Square(Shape):
    ...     def __init__(self, side=1):
    ...         self.side = side
    >>> create = get_create_func(Shape, "shape")
    >>> create("square", side=2).side, create('["square", {"side": 3}]').side
    (2, 3)
    """
    registry = _REGISTRY.setdefault(base_class, {})

    def create(*args: Any, **kwargs: Any) -> Any:
        name, args = (args[0], args[1:]) if args else (kwargs.pop(nickname), ())
        more = bool(args or kwargs)
        if isinstance(name, base_class):
            assert not more, f"{nickname} is already an instance: it takes no further arguments"
            return name
        if isinstance(name, dict):
            return create(**name)
        assert isinstance(name, str), f"{nickname} must be a string or an instance, not {type(name).__name__}"
        if name.startswith(("[", "{")):
            assert not more, f"{nickname} is JSON text, which holds all arguments: {name}"
            given = json.loads(name)
            return create(**given) if isinstance(given, dict) else create(given[0], **given[1])
        assert name.lower() in registry, \
            f"{name.lower()} is not registered. Please register it with {nickname}.register first"
        return registry[name.lower()](*args, **kwargs)

    create.__doc__ = f"Make {nickname} instances from a name, a dict or JSON text. See `mx.registry.get_create_func`."
    return create
