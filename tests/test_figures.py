"""Numbers as text."""

import pytest

from ttrl_cli.figures import with_error


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (567.1234, 3.2345, "567.1 +- 3.2"),
        (567.1234, None, "567.1234"),
        (567.1234, 0.0, "567.1234 +- 0"),
        (5671.0, 321.0, "5670 +- 320"),
        (0.5, 0.00999, "0.500 +- 0.010"),  # 0.0100 with two digits
        (0.5, 0.0996, "0.50 +- 0.10"),
        (-0.001, 0.32, "0.00 +- 0.32"),
        (-12.34, 1.0, "-12.3 +- 1.0"),
        (1.0, 9.96, "1 +- 10"),
        (1.0, 2.34e-15, "1 +- 2.3e-15"),
        (2e30, 4.56e28, "2e+30 +- 4.6e+28"),
        (5e-324, 5e-324, "4.940656458e-324 +- 4.9e-324"),
    ],
)
def test_a_value_is_rounded_to_the_second_digit_of_its_error(
    value: float, error: float | None, text: str
) -> None:
    """The error has two significant digits, and the value ends at the same place."""
    assert with_error(value, error) == text
