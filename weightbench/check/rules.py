"""The rules that plug-ins are checked against: a stable name, what is demanded, how to mend it."""

from __future__ import annotations

import dataclasses
from typing import NoReturn

RULES: dict[str, tuple[str, str]] = {
    # ---- both ------------------------------------------------------------------------------------
    "loads": (
        "It can be imported and made without arguments.",
        "run the file with python; give every constructor parameter a default",
    ),
    "runs": (
        "No hook raises in an ordinary training.",
        "reproduce it: wb.start(TASK, 0, MyWeighter()).train(); wb.normalize detaches",
    ),
    "ends": ("It ends in time.", "look for a loop that waits or never breaks"),
    "survives": (
        "The interpreter survives it.",
        "look for os._exit, native code that crashes, or memory without bound",
    ),
    "global-random": (
        "Nothing draws from the global random streams.",
        "weighters draw from run.generator and build modules by run.build(...); scikit-learn gets "
        "a random_state drawn from it; corruptions draw from the generator they are given",
    ),
    "settings": (
        "Settings of torch and the working folder stay as they are.",
        "use a with block, such as torch.no_grad(), which puts back what it changes",
    ),
    "patches": (
        "Functions and classes of torch and weightbench stay as they are.",
        "override a hook, or derive a class of your own",
    ),
    # ---- the weights -----------------------------------------------------------------------------
    "tensor": ("weigh returns a tensor.", "return torch.as_tensor(weights, device=run.device)"),
    "shape": ("There is one weight per example, (n,).", "reduce or squeeze the other dimensions"),
    "device": ("Weights are where the batch is.", "make them with device=batch.labels.device"),
    "dtype": ("Weights are floating point.", "return weights.float()"),
    "finite": ("No weight is NaN or infinite.", "guard divisions; weightbench.normalize does"),
    "negative": (
        "No weight is below 0, unless declared.",
        "return weightbench.normalize(weights), or declare negative = True",
    ),
    "sum": (
        "The weights of a batch sum to 1 or are all zero, unless declared.",
        "return weightbench.normalize(weights), or declare normalized = False",
    ),
    "losses": (
        "losses(logits, labels) gives (n,) finite losses.",
        'return one loss per example: reduction="none"',
    ),
    # ---- the hooks -------------------------------------------------------------------------------
    "schedule": (
        "recipe() changes nothing but the milestones and, to fewer, steps and evaluations; all the "
        "work of a training keeps within the budget.",
        "dataclasses.replace(recipe, ...) of these alone; for another rate ask for another task, "
        "TASK[lr=0.05]; for less work shorten side trainings, fork(..., steps=...)",
    ),
    "parameters": (
        "parameters() yields nn.Parameters of the loss, none of them the network's.",
        "wrap them in nn.Parameter in begin(); the network's are trained anyway",
    ),
    "batches": (
        "batches(run) yields batches of this run, as the data has them, while there are steps.",
        "loop for ever, and yield what run.batch, run.clean_batch or run.epochs give",
    ),
    "finish": (
        "finish(run) returns a network with finite (n, K) outputs.",
        "return run.model, or a module that is called like it",
    ),
    "by-itself": (
        "The judged network answers for every example by itself.",
        "use no statistics of the batch in eval mode",
    ),
    # ---- what must stay as it is -----------------------------------------------------------------
    "initial-parameters": (
        "The training starts from the parameters that every weighter starts from.",
        "train a copy in begin(): run.fork(...) or run.new_model(...)",
    ),
    "batch-order": (
        "The order of batches is everybody's, unless batches() is overridden.",
        "draw no batches of run.epochs outside batches()",
    ),
    "batch-unchanged": (
        "Inputs, labels and index of the batch stay as they are.",
        "work on a clone; mind methods that end in an underscore",
    ),
    "data-unchanged": (
        "The data set, the training set and the hold-out stay as they are.",
        "work on a clone of run.labels or run.holdout; override losses() to train on other labels",
    ),
    "optimizer": (
        "Rate, momentum and settings of the optimiser are the schedule's.",
        "leave the optimiser alone; a weight already says how far an example pulls",
    ),
    "model-unchanged": (
        "Only the training step changes the network's parameters.",
        "step a copy: copy.deepcopy(batch.model) or batch.alignment()",
    ),
    "running-statistics": (
        "Running statistics move once a step, by the pass of the training step.",
        "of the batch that is yielded read logits or losses, which the step uses again; to look at "
        "others take run.predict(), or copy.deepcopy(run.model).eval()",
    ),
    "gradients": (
        "The network's .grad stays as it is until the step.",
        "use torch.autograd.grad instead of backward()",
    ),
    "mode": (
        "The network stays in training mode, all its parameters trainable.",
        "call run.predict, which puts the mode back, or put it back yourself",
    ),
    # ---- the same again --------------------------------------------------------------------------
    "deterministic": (
        "The same seed gives the same batches, weights and judged network, bit for bit.",
        "draw from run.generator only; share nothing between instances; depend on no clock",
    ),
    "permutation": (
        "Reordering a batch reorders its weights, unless declared.",
        "compute each weight from its own example and whole-batch statistics, or declare "
        "order_dependent = True",
    ),
    "hidden-data": (
        "No batch, weight or judged network depends on true labels, the select or the test split.",
        "use run.labels, run.holdout and batch.clean(); a weighter that must see the true labels "
        "declares privileged = True and is not ranked",
    ),
    "state": (
        "A stopped training goes on with the same batches and weights, from state_dict.",
        "keep what changes on self as tensors, numbers, or what has a state_dict, in lists or "
        "dicts if need be, or extend state_dict and load_state_dict; make modules and optimisers "
        "in begin(); let batches() draw every batch afresh",
    ),
    "memory": (
        "The tensors that are alive do not grow with the steps.",
        "keep no batch, loss or logits on self; .detach() and overwrite",
    ),
    # ---- unusual batches -------------------------------------------------------------------------
    "batch-of-one": ("A batch of one example has valid weights.", "guard std, quantiles and topk"),
    "short-batch": (
        "A batch smaller than recipe.batch_size has valid weights.",
        "use len(batch), not recipe.batch_size",
    ),
    "single-class": (
        "A batch of a single class has valid weights.",
        "count with minlength=run.num_classes and clamp counts at 1",
    ),
    "zero-batch": (
        "A batch of equal examples, all zeros, has valid weights.",
        "guard divisions by a spread or a maximum that may be 0",
    ),
    # ---- tasks -----------------------------------------------------------------------------------
    "data": ("The data set is a weightbench DataSet with a test split.", "see docs/add-a-task.md"),
    "fingerprint": (
        "Every part of the definition can be told from another of its kind.",
        "use plain functions, frozen dataclasses and plain values",
    ),
    "split-deterministic": (
        "The same seed gives the same split and the same corrupted labels.",
        "draw from the generator that is given, and from nothing else",
    ),
    "disjoint": (
        "Training set, hold-out, select split and test split share no example.",
        "draw the hold-out from the pool that is given",
    ),
    "corrupted-labels": (
        "Corrupted labels are int64 in [0, K), one for each example kept, each kept once.",
        "return weightbench.describe(true, given, index, num_classes)",
    ),
    "realised-rate": (
        "Rate and transition matrix are what really happened, not what was meant.",
        "return weightbench.describe(true, given, index, num_classes)",
    ),
    "labels-unchanged": (
        "The corruption leaves the labels it is given as they are.",
        "work on labels.copy()",
    ),
    "model-seeded": (
        "The same seed gives the same initial parameters.",
        "initialise from torch's global stream, which the engine seeds",
    ),
    "model-output": (
        "The network gives (n, K) finite outputs in training and in evaluation mode.",
        "end it with a layer of data.num_classes outputs",
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Finding:
    """A rule that is broken, and by what."""

    rule: str
    detail: str

    @property
    def mend(self) -> str:
        """How to mend it."""
        return RULES[self.rule][1]

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


class Broken(Exception):
    """A finding on its way up."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(rule, detail)
        self.finding = Finding(rule, " ".join(detail.split())[:400])


def broken(rule: str, detail: str) -> NoReturn:
    """Raise :class:`Broken`."""
    raise Broken(rule, detail)
