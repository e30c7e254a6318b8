"""Chi-squares by the batch: Marsaglia and Tsang's rejection (ACM Trans. Math. Softw. 26, 2000)."""

import math

from theorycheck.kernels import normals, uniforms
from theorycheck.kernels.jit import kernel

SQUEEZE = 0.0331


@kernel
def draw(stream, freedom, out, scratch):
    """Independent χ² variables into `out`, one for each of `freedom`: integers of at least 1, as floats.

    `out` is at least as long, and `scratch` has two rows of that length.
    """
    count = freedom.size
    normal = scratch[0]
    uniform = scratch[1]
    normals.draw(stream, count, normal)
    uniforms.draw(stream, count, uniform)
    for i in range(count):
        # Without a branch, for the sake of vector instructions: the bound below decides nearly all.
        d = max(0.5 * freedom[i], 1.0) - 1.0 / 3.0
        root = 1.0 + normal[i] / math.sqrt(9.0 * d)
        square = normal[i] * normal[i]
        kept = root > 0.0 and uniform[i] < 1.0 - SQUEEZE * square * square
        found = 2.0 * d * (root * root * root) if kept else 0.0
        out[i] = square if freedom[i] == 1.0 else found
    for i in range(count):
        if out[i] == 0.0:
            out[i] = propose(freedom[i], normal[i], uniform[i])
        while out[i] == 0.0:
            normals.draw(stream, 1, normal)
            uniforms.draw(stream, 1, uniform)
            out[i] = propose(freedom[i], normal[0], uniform[0])


@kernel
def propose(freedom, normal, uniform):
    """A χ² variable, or 0 where the proposal is rejected; `freedom` is at least 2, or 1: a squared normal.

    With k = ν/2, d = k − ⅓ and v = (1 + x/√(9d))³, x normal, 2dv is χ² if it is kept with probability
    exp(x²/2 + d − dv + d·log v), which is at least 1 − 0.0331·x⁴.
    """
    if freedom == 1.0:
        return normal * normal
    d = 0.5 * freedom - 1.0 / 3.0
    root = 1.0 + normal / math.sqrt(9.0 * d)
    if root <= 0.0:
        return 0.0
    v = root * root * root
    kept = math.log(uniform) < 0.5 * normal * normal + d * (1.0 - v + math.log(v))
    return 2.0 * d * v if kept else 0.0
