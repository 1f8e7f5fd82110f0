"""What a table says of many values: their mean and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation of a table's column.

    Attributes:
        mean: Arithmetic mean.
        std: With ddof = 1, as in the paper's tables; NaN for a single value or where a value is infinite.
        count: Number of values.
    """

    mean: float
    std: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.std:.2f}"


def summary(values: Iterable[float]) -> Summary:
    """Mean and sample standard deviation.

    Raises:
        TypeError: Not numbers.
        ValueError: No values, or a NaN among them.

    Examples:
        >>> print(summary([20.0, 22.0, 24.0]))
        22.00 ± 2.00
    """
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise TypeError(f"a summary needs a sequence of numbers, got {values!r}: {error}") from None
    if not numbers or any(math.isnan(number) for number in numbers):
        raise ValueError(f"a summary needs at least one number and no NaN, got {numbers}")
    mean = math.fsum(numbers) / len(numbers) if all(map(math.isfinite, numbers)) else sum(numbers)
    if len(numbers) == 1 or not math.isfinite(mean):
        return Summary(mean, math.nan, len(numbers))
    variance = math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)
    return Summary(mean, math.sqrt(variance), len(numbers))
