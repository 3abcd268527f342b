"""Models from files, for `strata export model.onnx`. A module of its own, because it imports torch."""

import pathlib
import re

ENDINGS = (".onnx", ".pt2")


def dims(words):
    """{name: (smallest, largest) or a size} from ["batch=1..64", "sequence=128"]."""
    made = {}
    for word in words or ():
        match = re.fullmatch(r"(\S+)=(\d+)(?:\.\.(\d+))?", word)
        if not match:
            raise ValueError(f"--dim {word!r} is not like batch=1..64 or sequence=128")
        name, low, high = match[1], int(match[2]), match[3]
        made[name] = int(low) if high is None else (low, int(high))
        if high is not None and not 0 < low <= int(high):
            raise ValueError(f"--dim {word!r}: the smallest is {low} and the largest {high}")
    return made


def exportable(args):
    """What a file and the command line's options say, as a strata.export.Exportable."""
    from strata import export

    path = pathlib.Path(args.source)
    example = example_of(args)
    entry = export.from_onnx(path, dims=dims(args.dim), example=example)
    return export.Exportable({"forward": entry}, name=name_of(path))


def name_of(path):
    return re.sub(r"[^A-Za-z0-9._-]", "_", pathlib.Path(path).stem)


def example_of(args):
    """The tensors of --example, or None."""
    from safetensors.torch import load_file

    return load_file(args.example) if args.example else None


def export_pt2(args, rewrites):
    """Exports an archive of torch.export.save, and returns the bundle's folder."""
    from strata import export

    if args.dim or args.explain:
        raise ValueError("--dim and --explain are not for .pt2 archives, whose dims are as they were saved")
    name = args.name or name_of(args.source)
    path = args.output or f"{name}.bundle"
    print(export.from_pt2(args.source, path=path, name=name, example=example_of(args), rewrites=rewrites,
                          quantize=args.quantize))  # fmt: skip
    return path
