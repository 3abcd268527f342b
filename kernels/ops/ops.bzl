"""THE list of operators: one line for each folder. "cuda" where it has a <name>_cuda.cu."""

OPS = {
    "linear": [],
    "rms_norm": ["cuda"],
}
