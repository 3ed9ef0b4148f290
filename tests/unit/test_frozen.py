"""`@frozen` means what the standard decorator means."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import pytest

from runwisp.frozen import frozen


@frozen
class Place:
    name: str
    tags: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Standard:
    name: str
    tags: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)


@frozen
class Town(Place):
    people: int = 0


@frozen
class Nothing:
    pass


@frozen
class Nobody:
    pass


@frozen(kw_only=True)
class Named:
    name: str
    age: int = 0


@frozen(eq=False)
class One:
    name: str


@frozen(kw_only=True, slots=False)
class Half:
    left: int


@frozen(kw_only=True, slots=False)
class OtherHalf:
    right: int


@frozen(kw_only=True, slots=False)
class Whole(Half, OtherHalf):
    """Both."""


def test_equal_are_those_of_one_kind_with_equal_fields() -> None:
    assert Place("a", ("x",)) == Place("a", ("x",))
    assert Place("a", secret="1") != Place("a", secret="2")
    assert Place("a") != Town("a") and Town("a", people=1) != Town("a", people=2)
    assert Nothing() == Nothing()
    assert len({Nothing(), Nobody()}) == 2


def test_equal_ones_are_one_in_a_set() -> None:
    assert len({Place("a"), Place("a"), Place("b"), Town("a"), Nothing(), Nothing()}) == 4
    with pytest.raises(TypeError, match="unhashable"):
        hash(Place("a", ["no", "tuple"]))  # type: ignore[arg-type]


def test_with_eq_false_each_is_equal_to_itself_only() -> None:
    one = One("a")
    assert one != One("a")
    assert len({one, one, One("a")}) == 2


def test_what_is_shown_is_what_the_standard_one_shows_and_no_secret() -> None:
    place, standard = Place("a", ("x",), "word"), Standard("a", ("x",), "word")
    assert repr(place) == repr(standard).replace("Standard", "Place") == "Place(name='a', tags=('x',))"
    assert repr(Nothing()) == "Nothing()"


def test_the_rest_is_the_standard_decorators() -> None:
    assert replace(Place("a"), name="b") == Place("b")
    assert [each.name for each in fields(Town)] == ["name", "tags", "secret", "people"]
    assert not hasattr(Place("a"), "__dict__")
    assert (Place.__doc__, Whole.__doc__) == (None, "Both.")
    assert Whole(left=1, right=2) == Whole(right=2, left=1)
    with pytest.raises(TypeError, match="positional"):
        Named("a")  # type: ignore[call-arg]
    match Place("a", ("x",)):
        case Place(name, tags):
            assert (name, tags) == ("a", ("x",))


def test_that_nothing_is_set_again_is_what_the_type_checker_sees() -> None:
    """It complains of a line that is excused without need."""
    place = Place("a")
    place.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        place.naem = "b"  # type: ignore[attr-defined]


def test_of_a_class_only_its_making_is_compiled() -> None:
    own = {name for name, value in vars(Named).items() if getattr(value, "__module__", "") == __name__}
    assert own == {"__init__"}
    assert (
        Named.__eq__ is Place.__eq__ and Named.__hash__ is Place.__hash__ and Named.__repr__ is Place.__repr__
    )
