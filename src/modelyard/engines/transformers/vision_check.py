"""Tests whether a loaded model's vision works with our passes, by comparing a test picture with the model's own forward."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import PromptSource, SamplingParams
from modelyard.engines.transformers.model import Passes
from modelyard.engines.transformers.pictures import made_up
from modelyard.engines.transformers.vision import FAILURES, CannotSee, Sight, load_sight

TEXT_ONLY = "this model takes text only"

log = logging.getLogger(__name__)


def load_and_check_sight(path: str, model: Any, passes: Passes, trust_remote_code: bool) -> tuple[Sight | None, str]:
    """Load the vision and set it in the passes; or None, and the reason why there is none."""
    if getattr(model.config, "vision_config", None) is None:
        return None, TEXT_ONLY
    try:
        sight = load_sight(path, model, trust_remote_code)
        passes.sight = sight
        check(sight, passes)
    except CannotSee as reason:
        passes.sight = None
        log.warning("%s takes text only: %s", type(model).__name__, reason)
        return None, f"the transformers engine takes text only for this model, because {reason}"
    return sight, ""


def check(sight: Sight, passes: Passes) -> None:
    """Raise `CannotSee` if a picture that is read in two parts gives other logits than the model's own forward."""
    text = f"A picture: {sight.placeholder} What is it?"
    pictures = (made_up(),)
    try:
        reference = sight.bare(text, pictures)
        result = through_passes(passes, sight.tokens(text, pictures), pictures, len(reference))
    except (*FAILURES, InvalidParameter) as error:
        passes.reset()
        raise CannotSee(f"a made-up picture fails: {error}") from error
    passes.reset()
    scale = reference.abs().max().clamp(min=1e-6)
    difference = ((result - reference.log_softmax(dim=-1).cpu()).abs().max() / scale.cpu()).item()
    if not difference <= passes.tolerance:
        raise CannotSee(
            f"a made-up picture comes out differently when it is read in parts (by {difference:.2g} of the largest logit)"
        )


def through_passes(passes: Passes, tokens: list[int], pictures: tuple[bytes, ...], vocabulary: int) -> Tensor:
    """Log probabilities after a prompt, by token."""
    middle = len(tokens) // 2
    passes.begin(0, SamplingParams(temperature=0, logprobs=vocabulary), tokens, PromptSource(pictures=pictures))
    passes.read(0, 0, tokens[:middle])
    passes.read(0, middle, tokens[middle:-1])
    (drawn,) = passes.write([tokens[-1]], [len(tokens) - 1])
    found = torch.full((vocabulary,), -torch.inf)
    for token, value in drawn.top if drawn else ():
        found[token] = value
    return found
