"""Places in the small square pictures of Compare, in the pictures' own units."""

SIDE = 220


def x(share: float) -> float:
    """Place across of a share from 0 to 1, right of the numbers of the axis."""
    return 30 + share * (SIDE - 40)


def y(share: float) -> float:
    """Place down of a share from 0 to 1, above the numbers of the axis."""
    return SIDE - 20 - share * (SIDE - 30)
