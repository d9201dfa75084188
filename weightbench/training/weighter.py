"""The contract of a weighter, and wrappers around it."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from weightbench.errors import BadSpec, Misuse
from weightbench.identity import checksum
from weightbench.registry import (
    WEIGHTERS,
    WRAPPERS,
    Registered,
    is_file_spec,
    load_from_file,
)
from weightbench.spec import (
    Spec,
    Value,
    checked_params,
    defaults_of,
    differing,
    parse_spec,
    types_of,
)
from weightbench.training.keeping import is_kept, restored, state_of
from weightbench.training.loss_hook import loss_on
from weightbench.training.recipe import Recipe
from weightbench.training.run import Batch, Run


class Weighter(abc.ABC):
    """Decides how much each training example counts. :meth:`weigh` is the whole obligation.

    Constructor parameters need defaults; they are what stands in brackets after the name.

    Attributes:
        privileged: declares the use of the training set's true labels; shown, never ranked.
        negative: declares that weights may be negative.
        normalized: the weights of a batch sum to 1 or are all zero, so that the step size is that
            of every other method; False declares that they mean to change it.
        order_dependent: declares that weights depend on the places of the examples in the batch.
        uses_groups: declares that it reads the groups of examples, where a task has them.
        told_noise: declares that it was told the noise rate or matrix, in its constructor, say;
            one that estimates it was not.
        refuses: names of wrappers that make no sense around this one, each with the reason.
    """

    privileged: bool = False
    negative: bool = False
    normalized: bool = True
    order_dependent: bool = False
    uses_groups: bool = False
    told_noise: bool = False
    refuses: ClassVar[Mapping[str, str]] = {}
    spec: Spec | None = None  # what make_weighter built it from

    def begin(self, run: Run) -> None:  # noqa: B027 - a hook that may do nothing
        """Prepare: class counts, a first training phase. Comes before the optimiser is built."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Parameters of the loss, trained with the model by its optimiser, without weight decay."""
        return ()

    def recipe(self, recipe: Recipe) -> Recipe:
        """The schedule to train under; the task's own unless the method is about the schedule."""
        return recipe

    def batches(self, run: Run) -> Iterator[Batch]:
        """Mini-batches to step on; shuffled epochs unless the method is about sampling."""
        return run.epochs(run.recipe.batch_size)

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss of each example, (n, K) and (n,) to (n,); cross-entropy by default.

        One that is defined with a third argument, ``losses(logits, labels, batch)``, is given the
        batch, for what it keeps by ``batch.index`` and the like. It may be asked more than once in
        a step, so it changes nothing: what is to be noted in a step is noted in :meth:`weigh`.
        """
        return F.cross_entropy(logits, labels, reduction="none")

    @abc.abstractmethod
    def weigh(self, batch: Batch) -> Tensor:
        """One weight per example, (n,) float on the batch's device.

        The step minimises ``sum_i w_i * loss_i``: uniform is ``1/n``.
        """

    def end_epoch(self, run: Run) -> None:  # noqa: B027 - a hook that may do nothing
        """Called after each pass-worth of steps."""

    def finish(self, run: Run) -> nn.Module:
        """The network to be judged, after the last step."""
        return run.model

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on from: all of the instance that can be kept (:mod:`.keeping`).

        That is tensors, numbers and text, what has a ``state_dict`` of its own (modules,
        optimisers), and lists, tuples and dicts of these.
        """
        return {name: state_of(value) for name, value in vars(self).items() if is_kept(value)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave.

        Raises:
            Misuse: what has a ``state_dict`` of its own was there then and is not there now.
        """
        for name, value in state.items():
            try:
                setattr(self, name, restored(getattr(self, name, None), value))
            except Misuse as error:
                raise Misuse(f"{type(self).__name__}.{name}: {error}") from None


_DECLARED = {
    "privileged": any, "negative": any, "order_dependent": any, "uses_groups": any,
    "told_noise": any, "normalized": all,
}  # fmt: skip


class Wrapper(Weighter):
    """A weighter around another; every hook is passed on unless it is overridden.

    What it declares adds to what the inner weighter declares: it is ``normalized`` where both are,
    and everything else where either is.

    Constructor: the inner weighter first, then parameters with defaults.
    """

    def __init__(self, inner: Weighter) -> None:
        self.inner = inner

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__(name)
        # Neither class nor instance can hide what the inner one declares, whenever it does so.
        if name not in _DECLARED or not hasattr(self, "inner"):
            return own
        return _DECLARED[name]((own, getattr(self.inner, name)))

    @override
    def begin(self, run: Run) -> None:
        self.inner.begin(run)

    @override
    def parameters(self) -> Iterable[nn.Parameter]:
        return self.inner.parameters()

    @override
    def recipe(self, recipe: Recipe) -> Recipe:
        return self.inner.recipe(recipe)

    @override
    def batches(self, run: Run) -> Iterator[Batch]:
        return self.inner.batches(run)

    @override
    def losses(self, logits: Tensor, labels: Tensor, batch: Batch | None = None) -> Tensor:
        return loss_on(self.inner, batch)(logits, labels)

    @override
    def weigh(self, batch: Batch) -> Tensor:
        return self.inner.weigh(batch)

    @override
    def end_epoch(self, run: Run) -> None:
        self.inner.end_epoch(run)

    @override
    def finish(self, run: Run) -> nn.Module:
        return self.inner.finish(run)


def register_weighter(name: str, cls: type[Weighter], **params: Value) -> None:
    """Register a weighter class under ``name``; ``params`` replace defaults of its constructor."""
    WEIGHTERS.add(name, Registered(cls, params))


def register_wrapper(name: str, cls: type[Wrapper]) -> None:
    """Register a wrapper class: ``+name`` after a weighter's name puts it around that weighter."""
    WRAPPERS.add(name, Registered(cls, {}))


def make_weighter(text: str, **params: Value) -> Weighter:
    """A fresh weighter: ``name[param=value]+wrapper`` or ``path.py:Class[...]+wrapper``.

    Raises:
        BadSpec: it cannot be read, does not exist, has no such parameter, or makes no sense.
    """
    spec = parse_spec(text)
    given = tuple({**dict(spec.params), **params}.items())
    own, weighter = _build(Spec(spec.name, given), _registered(spec.name))
    wrappers: list[Spec] = []
    for wrapper in spec.wrappers:
        _check_fits(wrapper.name, weighter, wrappers)
        written, weighter = _build(wrapper, WRAPPERS.get(wrapper.name), weighter)
        wrappers.append(written)
    weighter.spec = Spec(own.name, own.params, tuple(wrappers))
    return weighter


def _check_fits(wrapper: str, weighter: Weighter, wrappers: Iterable[Spec]) -> None:
    """Raise BadSpec where ``+wrapper`` makes no sense around ``weighter``, with the reason."""
    if any(wrapper == other.name for other in wrappers):
        raise BadSpec(f"+{wrapper} is there twice; once is all it can do")
    for layer in layers_of(weighter):
        if wrapper in layer.refuses:
            raise BadSpec(layer.refuses[wrapper])


def layers_of(weighter: Weighter) -> Iterator[Weighter]:
    """A weighter and all it wraps, the outermost first."""
    yield weighter
    while isinstance(weighter, Wrapper):
        weighter = weighter.inner
        yield weighter


def spec_of(weighter: Weighter) -> Spec:
    """The spec that rebuilds a weighter; its class name where it was not made from a spec."""
    return weighter.spec or Spec(type(weighter).__name__)


def stream_of(weighter: Weighter) -> str:
    """What names its random stream: the classes and parameters of a weighter and of its wrappers.

    Neither the name it is registered by takes part nor the path of its file. Of one that was not
    made from a spec the class alone is known.
    """
    if weighter.spec is None:
        return type(weighter).__name__
    layers, spec = layers_of(weighter), weighter.spec
    names = [_named(next(layers), piece.params, 1) for piece in reversed(spec.wrappers)]
    (*preset,) = presets_of(weighter)
    own = {**dict(*preset), **dict(spec.params)}
    return "+".join(reversed([*names, _named(next(layers), tuple(own.items()), 0)]))


def _named(layer: Weighter, params: Iterable[tuple[str, Value]], inner: int) -> str:
    """A class with those parameters that are not at its own defaults, in order."""
    defaults = defaults_of(type(layer), skip=inner)
    changed = sorted((name, value) for name, value in params if defaults[name] != value)
    return str(Spec(type(layer).__qualname__, tuple(changed)))


def digest_of(weighter: Weighter) -> str:
    """sha256 (hex) of what runs of a weighter and of all it wraps.

    That is their classes with every class in their line of descent, what these refer to in their
    own modules, and the parameters that the weighter's name stands for (``reed-hard``'s beta).
    """
    return checksum(*presets_of(weighter), *map(type, layers_of(weighter)))


def presets_of(weighter: Weighter) -> list[Mapping[str, Value]]:
    """The parameters that a registered name sets, where it sets any."""
    name = spec_of(weighter).name
    known = weighter.spec is not None and not is_file_spec(name)
    preset = WEIGHTERS.get(name).params if known else {}
    return [preset] if preset else []


def _registered(name: str) -> Registered:
    return Registered(load_from_file(name), {}) if is_file_spec(name) else WEIGHTERS.get(name)


def _build(spec: Spec, registered: Registered, *inner: Weighter) -> tuple[Spec, Weighter]:
    """Build what ``spec`` names around ``inner``, if any; also the spec in canonical form."""
    cls, preset = registered
    if not (isinstance(cls, type) and issubclass(cls, Weighter)):
        raise BadSpec(f"{spec.name} is not a class derived from weightbench.Weighter")
    if issubclass(cls, Wrapper) and not inner and "inner" in inspect.signature(cls).parameters:
        raise BadSpec(
            f"{spec.name} is a wrapper, which goes around a weighter: register it from a package, "
            "or put a class that wraps one beside it (docs/write-a-weighter.md, Wrappers)"
        )
    defaults = {**defaults_of(cls, skip=len(inner)), **preset}
    params = checked_params(spec.name, spec.params, defaults, types_of(cls))
    try:
        weighter = cls(*inner, **{**preset, **params})
    except BadSpec:
        raise
    except Exception as error:
        raise BadSpec(f"{spec.name} cannot be built: {type(error).__name__}: {error}") from error
    return Spec(spec.name, differing(params, defaults)), weighter
