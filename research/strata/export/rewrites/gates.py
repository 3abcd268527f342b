"""A product with a linear layer's result becomes its gate: SwiGLU is linear(x, up, gate=linear(x, gate, "silu")).

The answer stays: linear rounds before it multiplies, as a step of its own would. (Where both factors are NaN, which of
the two NaN it is may differ.)
"""

from ._steps import Steps, binary, changed


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        factors = binary(step, "mul")
        if factors is None:
            continue
        # The later of two: what it multiplies with is there when it runs.
        for made, gate in ((factors[1], factors[0]), (factors[0], factors[1])):
            linear = steps.maker(made, "linear")
            if linear is not None and steps.only_reader(made) is step and linear.inputs[3:] == [None, None]:
                fused = changed(linear, inputs=[*linear.inputs[:3], gate, None], outputs=step.outputs)
                steps.replace(step, [fused], gone=[linear])
                break
    return steps.list()
