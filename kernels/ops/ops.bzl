"""THE list of operators: one line for each folder. "cuda" where it has a <name>_cuda.cu."""

OPS = {
    "add": [],
    "attention": [],
    "copy": [],
    "cross_entropy": [],
    "embedding": [],
    "gelu": [],
    "l2_normalize": [],
    "layer_norm": [],
    "linear": [],
    "mandelbrot": [],
    "linear_int8": [],
    "reduce": [],
    "reduce_outer": [],
    "rms_norm": ["cuda"],
    "rotary": [],
    "segment_pool": [],
    "segment_positions": [],
    "softmax": [],
}
