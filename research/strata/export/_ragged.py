"""Padding removed: a plan over dense [batch, length] inputs and a mask becomes one over the tokens that exist.

    ragged = remove(build, outputs)      # Ragged, or Refused is raised with the reason
    ragged.build, ragged.outputs         # a plan of inputs [N, ...] and cu_seqlens [B+1]
    ragged.inputs(dense)                 # the same request without its padding

What it gives for a token or a sequence is what the dense plan gives, bit for bit, where the mask is ones and then
zeros. That is proved step by step, or the plan is left alone:

* a step that works token by token does so on N tokens as on B * S (the batch becomes 1, the length N: _tokens.py);
* positions that were counted 0 to S - 1 are counted in each sequence;
* attention by runs of S goes by the runs that there are, where its bias is nothing but the mask, or where it is causal
  and sees nothing behind a token: what padding held had weight 0 (docs/attention.md);
* a sum over the length goes over the sequence, where what is summed is 0 for padding: adding 0 changes no sum;
* the mask itself is 1 for every token that exists.
"""

import dataclasses

import torch

from ._dims import Dims
from ._plan import PlanBuilder, Step, Value, live
from ._ragged_operators import Operators, is_integer
from ._tokens import Refused, Tokens
from .lowerings.sources import filled
from .rewrites.masks import Hidden, padding

ENDS = "cu_seqlens"


@dataclasses.dataclass
class Ragged:
    """A plan without padding."""

    build: PlanBuilder
    outputs: list  # (name, Value)
    masks: list  # names of the inputs that say which tokens exist
    rows: dict  # name of an input or output that is there for every token -> the dim along which tokens lie, dense

    def exists(self, dense):
        """Which tokens of a dense request [B, S] do."""
        if self.masks:
            return torch.stack([dense[name] != 0 for name in self.masks]).all(0)
        first = next(dense[name] for name in self.rows if name in dense)
        return torch.ones(first.shape[:2], dtype=torch.bool)

    def honest(self, dense):
        """Whether padding stands behind the tokens alone: where the two plans agree."""
        there = self.exists(dense)
        return not bool((there[:, 1:] & ~there[:, :-1]).any())

    def tokens(self, name, tensor, dense):
        """What an input or output has for the tokens that exist, end to end; whatever is not of tokens as it is."""
        if name not in self.rows:
            return tensor
        return tensor.movedim(self.rows[name], 1)[self.exists(dense)]

    def inputs(self, dense):
        """A dense request without its padding."""
        made = {n: self.tokens(n, t, dense).contiguous() for n, t in dense.items() if n not in self.masks}
        lengths = self.exists(dense).sum(1)
        return made | {ENDS: torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])}


def remove(build, outputs, without_mask=False):
    """A Ragged of a builder's steps and its outputs [(name, Value)].

    Raises Refused with the reason. `without_mask`: also where no input is a mask, so that all tokens exist.
    """
    removal = _Removal(build, outputs)
    try:
        return removal.run(without_mask)
    except Refused as reason:
        reason.has_mask = bool(removal.masks)
        raise


def _axes(build):
    """The dims that are the batch and the length."""
    for value in build.inputs:
        if value.rank >= 2 and all(isinstance(size, str) and size in build.dims.ranges for size in value.shape[:2]):
            batch, length = value.shape[:2]
            if set(build.dims.ranges) != {batch, length}:
                raise Refused(f"the plan has the dims {', '.join(build.dims.ranges)}, not a batch and a length alone")
            return batch, length
    raise Refused("no input is [batch, length, ...]")


class _Removal(Operators):
    def __init__(self, build, outputs):
        self.old, self.outputs = build, outputs
        self.steps = live(build.steps, [value for _, value in outputs])
        self.batch, length = _axes(build)
        self.plain = Tokens(build, self.batch, length)
        self.masks = self._find_masks()
        self.there, self.gone = (
            Tokens(build, self.batch, length, {v: bool(n) if v.dtype == torch.bool else n for v in self.masks})
            for n in (1, 0)
        )
        self.tokens = "N" if self.batch != "N" else "T"
        self.new = PlanBuilder(_dims(build.dims.ranges, self.batch, length, self.tokens))
        self.made, self.reasons = {}, {}

    def run(self, without_mask):
        if not self.masks and not without_mask:
            raise Refused("no input is a mask of keys that exist")
        self._inputs()
        for step in self.steps:
            self._try(step)
        rows = {v.name: 1 for v in self.old.inputs if v not in self.masks and self.plain.kind(v) == "rows"}
        outputs = []
        for name, value in self.outputs:
            outputs.append((name, self._output(value)))
            if self.plain.kind(value) == "rows":
                rows[name] = self.plain.dim(value)
        return Ragged(self.new, outputs, [v.name for v in self.masks], rows)

    def _find_masks(self):
        """The inputs [batch, length] that an attention takes for a mask of its keys."""
        found = []
        for step in self.steps:
            if step.name == "attention" and not step.view and step.inputs[5] is not None:
                found += [v for v in self._hiding(self.plain, step) or [] if v in self.old.inputs and v not in found]
        return found

    def _hiding(self, tokens, step):
        """The values that a bias hides keys by, where it does nothing else; None where it does."""
        bias = step.inputs[5]
        if tokens.elements.size(bias.shape[2]) != tokens.length:
            return None
        j = tokens.elements.index("j", bias.shape[2])
        head = 0 if bias.shape[1] == 1 else tokens.elements.index("h", bias.shape[1])
        hidden = Hidden(tokens.elements.at(bias, [tokens.row, head, j]), bias.dtype)
        values = [padding(atom, tokens.b, j) if truth else None for atom, truth in hidden.needed]
        return values if hidden.exact and None not in values else None

    def _inputs(self):
        """Inputs of tokens are [N, ...]; inside, all values keep their rank: [1, N, ...]."""
        for value in self.old.inputs:
            if value in self.masks:
                one = True if value.dtype == torch.bool else 1
                self.made[value] = filled(self.new, value.dtype, self.plain.shape(value, self.tokens), one)
                continue
            if value.name == ENDS:
                raise Refused(f"an input is named {ENDS}")
            shape = self.plain.shape(value, self.tokens)
            kind = self.plain.kind(value)
            if kind == "rows" and self.plain.frame(value)[:2] != ["B", "S"]:
                raise Refused(f"input {value.name} has shape {value.shape}, wanted the batch and the length first")
            given = Value(value.name, value.dtype, shape[1:] if kind == "rows" else shape)
            self.new.inputs.append(given)
            self.made[value] = self.new.reshape(given, shape)
        self.ends = Value(ENDS, torch.int64, [f"{self.batch}+1"])
        self.new.inputs.append(self.ends)
        ids = next((v for v in self.new.inputs if v.shape == [self.tokens] and v.dtype == torch.int64), None)
        self.rows = self._numbers()
        like = self.rows if ids is None else ids
        self.positions = self.new.op("segment_positions", [like, self.ends], {},
                                     [self.new.value((torch.int64, [self.tokens]))])[0]  # fmt: skip

    def _numbers(self):
        """0, 1, ..., N - 1."""
        ones = filled(self.new, torch.int64, [self.tokens], 1)
        ends = self.new.op("cumsum", [ones], {}, [self.new.value((torch.int64, [self.tokens]))])[0]
        return self._program("int64 x0; v0 = sub(x0, 1); return v0", [ends], torch.int64, [self.tokens])

    def _program(self, text, inputs, dtype, shape):
        return self.new.op("pointwise", [inputs], {"program": text}, [self.new.value((dtype, shape))])[0]

    def _output(self, value):
        if self.plain.kind(value) == "plain":
            raise Refused("an output is neither of tokens nor of sequences")
        made = self._of(value)
        if self.plain.kind(value) == "batch":
            return made
        at = self.plain.dim(value)
        rest = [size for d, size in enumerate(value.shape) if d != at and self.plain.frame(value)[d] != "B"]
        return self.new.reshape(self._front(made, at), [self.tokens, *rest])

    def _front(self, made, at):
        """The dim of tokens first; what stands before it may stay where it is a 1."""
        if all(size == 1 for size in made.shape[:at]):
            return made
        return self.new.permute(made, [at, *(d for d in range(made.rank) if d != at)])

    def _of(self, value):
        """What stands for a value of the dense plan."""
        if value is None or value.constant:
            return value
        if value not in self.made:
            raise Refused(self.reasons.get(value, f"{value.name} depends on the length itself"))
        return self.made[value]

    def _try(self, step):
        """Converts a step; a reason against it counts only if an output needs the step."""
        before = len(self.new.steps)
        try:
            made = self._step(step)
            self.made.update(zip(step.outputs, made))
        except Refused as reason:
            del self.new.steps[before:]
            self.reasons.update(dict.fromkeys(step.outputs, str(reason)))

    def _step(self, step):
        """The values that stand for a step's outputs."""
        if not step.view and step.name in ("attention", "segment_pool"):  # they read offsets, which are of no kind
            return getattr(self, "_" + step.name)(step)
        kinds = {self.plain.kind(v) for v in [*step.values(), *step.outputs]}
        number = self._known(step)
        if number is not None:
            return [filled(self.new, step.outputs[0].dtype, self._shape(step.outputs[0]), number)]
        if "rows" not in kinds:
            return self._as_it_is(step)
        if step.view:
            return [self._view(step)]
        special = getattr(self, "_" + step.name, None)
        return special(step) if special else self._row_by_row(step)

    def _known(self, step):
        """The number that each element of the step's result is for tokens that exist, or None."""
        (first, *others) = step.outputs
        if others or self.plain.kind(first) != "rows":
            return None
        element = self.there.element(first)
        return element if isinstance(element, (bool, int, float)) else int(element) if is_integer(element) else None

    def _shape(self, value):
        return self.plain.shape(value, self.tokens)

    def _emit(self, step, inputs, attrs=None):
        outputs = [self.new.value((v.dtype, self._shape(v))) for v in step.outputs]
        self.new.steps.append(Step(step.name, inputs, dict(step.attrs) | (attrs or {}), outputs, step.view))
        return outputs

    def _as_it_is(self, step):
        """A step that no token takes part in."""
        for attr in step.attrs.values():
            if step.view and isinstance(attr, str) and self.plain.elements.size(attr).has(self.plain.length):
                raise Refused("a slice that depends on the length")
        return self._emit(step, [[self._of(v) for v in i] if isinstance(i, list) else self._of(i) for i in step.inputs])

    def _view(self, step):
        value, output = step.inputs[0], step.outputs[0]
        kinds = self.plain.kind(value), self.plain.kind(output)
        if step.name == "slice" and kinds == ("rows", "batch"):
            return self._first(step)
        if step.name == "slice" and kinds == ("plain", "rows") and value.constant:
            return self._looked_up(step)
        if kinds == ("plain", "rows") and step.name == "broadcast":
            return self.new.broadcast(self._of(value), self._shape(output))
        if kinds != ("rows", "rows") or not self.plain.same_token(step):
            raise Refused(f"a {step.name} from {value.shape} to {output.shape} moves tokens")
        made = self._of(value)
        if step.name == "permute":
            return self.new.permute(made, step.attrs["dims"])
        if step.name == "slice":
            if any(isinstance(attr, str) for attr in step.attrs.values()):
                raise Refused("a slice that depends on the length")
            return self._emit(step, [made])[0]
        return getattr(self.new, step.name)(made, self._shape(output))

    def _first(self, step):
        """x[:, 0]: the first token of each sequence."""
        value, output = step.inputs[0], step.outputs[0]
        at = self.plain.dim(value)
        if self.plain.frame(value)[at] != "S" or step.attrs["dim"] != at or step.attrs["start"] != 0:
            raise Refused("a token is picked that is not the first of its sequence")
        return self._pool(value, at, "first", output)

    def _pool(self, value, at, mode, output):
        """segment_pool of a value [..., S, ...], as `output`, which has B and no S."""
        rest = [s for d, s in enumerate(value.shape) if d != at and self.plain.frame(value)[d] is None]
        width = 1
        for size in rest:
            width *= size
        rows = self.new.reshape(self._front(self._of(value), at), [self.tokens, width])
        pooled = self.new.value((value.dtype, [self.batch, width]))
        self.new.op("segment_pool", [rows, self.ends], {"mode": mode}, [pooled])
        if self.plain.frame(output)[0] != "B":
            raise Refused("a sum over the length that leaves the batch behind other dims")
        return self.new.reshape(pooled, output.shape)

    def _looked_up(self, step):
        """table[:S], one row for each position."""
        value, output = step.inputs[0], step.outputs[0]
        at = self.plain.dim(output)
        if step.attrs["dim"] != at or step.attrs["start"] != 0 or "step" in step.attrs:
            raise Refused("a table of positions that does not begin at 0")
        front = value.tensor.movedim(at, 0)
        table = self.new.constant(front.reshape(front.shape[0], -1), f"{value.name}.rows")
        made = self.new.value((value.dtype, [self.tokens, table.shape[1]]))
        self.new.op("embedding", [table, self.positions], {}, [made])
        order = list(range(1, at + 1)) + [0] + list(range(at + 1, output.rank))
        wide = self.new.reshape(made, [self.tokens, *(size for d, size in enumerate(output.shape) if d != at)])
        return self.new.permute(wide, order)


def _dims(ranges, batch, length, tokens):
    dims = Dims()
    most = ranges[batch][1] * ranges[length][1]
    dims.ranges = {batch: ranges[batch], tokens: [1, min(most, 2**20)]}
    return dims
