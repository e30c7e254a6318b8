"""Sums and extremes in an order that vector instructions can follow, the same with or without them."""

from theorycheck.kernels.jit import kernel

FEW = 16  # entries that are as fast to add one by one


@kernel
def fold(x, count):
    """The sum of the first `count` entries: the upper half is added to the lower until few are left.

    Overwrites them.
    """
    while count > FEW:
        half = (count + 1) // 2
        for i in range(count - half):
            x[i] += x[half + i]
        count = half
    total = 0.0
    for i in range(count):
        total += x[i]
    return total


@kernel
def spread(x, count, scratch):
    """Mean and centred sum of squares of the first `count` entries; `scratch` is at least as long."""
    for i in range(count):
        scratch[i] = x[i]
    mean = fold(scratch, count) / count
    for i in range(count):
        scratch[i] = (x[i] - mean) * (x[i] - mean)
    return mean, fold(scratch, count)


@kernel
def range_of(x, low, high):
    """The smallest and the largest entry, found as in `fold`; `low` and `high`, as long, are scratch."""
    count = x.size
    for i in range(count):
        low[i] = high[i] = x[i]
    while count > 1:
        half = (count + 1) // 2
        for i in range(count - half):
            low[i] = min(low[i], low[half + i])
            high[i] = max(high[i], high[half + i])
        count = half
    return low[0], high[0]
