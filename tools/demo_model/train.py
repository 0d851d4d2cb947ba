# Owns the training loop: fixed seeds, Muon and AdamW, a checkpoint to resume from, and a small running evaluation.
from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn
from torch._inductor import config as inductor_config

from tools.demo_model.batches import Row, batches, tensors
from tools.demo_model.chat import render
from tools.demo_model.cores import Cores
from tools.demo_model.model import Decoder, ModelShape
from tools.demo_model.optim import Muon
from tools.demo_model.probes import Probe, all_probes
from tools.demo_model.warm import carried_over

SAMPLES_PER_PART = 4096
WARMUP_STEPS = 60
SAVE_EVERY = 100
DECAY_SHARE = 0.6


@dataclass(frozen=True)
class Settings:
    out: Path
    tokenizer: Path
    steps: int
    tokens: int
    micro: int
    seed: int
    layers: int
    width: int
    muon_lr: float
    adam_lr: float
    compiled: bool
    warm_from: Path | None
    warm_tokenizer: Path | None
    start_progress: float
    minutes: float
    probe_every: int


@dataclass
class State:
    """What a checkpoint holds beside the weights."""

    step: int = 0
    part: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Trainer:
    def __init__(self, settings: Settings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = Tokenizer.from_file(str(settings.tokenizer))
        shape = ModelShape(layers=settings.layers, intermediate_size=settings.width)
        self.model = Decoder(shape).to(self.device)
        named = list(self.model.named_parameters())
        matrices = [p for name, p in named if p.ndim == 2 and "embed_tokens" not in name]
        others: list[nn.Parameter] = [p for name, p in named if p.ndim != 2 or "embed_tokens" in name]
        self.muon = Muon(matrices, lr=settings.muon_lr)
        self.adam = torch.optim.AdamW(others, lr=settings.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
        self.state = State()
        self.started = time.monotonic()
        self._resume()
        self.cores = Cores()
        if settings.compiled:
            inductor_config.cpp.dynamic_threads = True
            for name in ("forward", "token_losses"):
                setattr(self.model, name, torch.compile(getattr(self.model, name), dynamic=True))

    @property
    def checkpoint(self) -> Path:
        return self.settings.out / "checkpoint.pt"

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            self._warm_start()
            return
        saved = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.muon.load_state_dict(saved["muon"])
        self.adam.load_state_dict(saved["adam"])
        self.state = State(**saved["state"])
        print(f"resumed at step {self.state.step}", flush=True)

    def _warm_start(self) -> None:
        if self.settings.warm_from is None:
            return
        old = Tokenizer.from_file(str(self.settings.warm_tokenizer or self.settings.tokenizer))
        self.model.load_state_dict(carried_over(self.settings.warm_from, old, self.tokenizer))
        print(f"warm start from {self.settings.warm_from}", flush=True)

    def save(self) -> None:
        self.settings.out.mkdir(parents=True, exist_ok=True)
        content = {
            "model": self.model.state_dict(),
            "shape": self.model.shape.as_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "state": vars(self.state),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(content, partial)
        partial.replace(self.checkpoint)

    def run(self) -> None:
        settings, state = self.settings, self.state
        steps = self._steps()
        recent: list[float] = []
        while self.done() < 1:
            self.cores.adapt()
            started = time.monotonic()
            loss, count = self._step(next(steps))
            state.step, state.tokens = state.step + 1, state.tokens + count
            state.seconds += time.monotonic() - started
            recent.append(loss)
            if state.step % 20 == 0:
                rate = count / (time.monotonic() - started)
                mean = sum(recent) / len(recent)
                recent.clear()
                print(f"step {state.step} loss {mean:.4f} tokens {state.tokens:,} {rate:,.0f} tokens/s", flush=True)
            if state.step % SAVE_EVERY == 0:
                self.save()
            if state.step % settings.probe_every == 0 or self.done() >= 1:
                self.save()
                print(json.dumps({"step": state.step, **self.probe()}, ensure_ascii=False), flush=True)

    def _steps(self) -> Iterator[list[list[Row]]]:
        """Groups of micro-batches, one group per optimiser step; parts follow one another without end."""
        settings, state = self.settings, self.state
        waiting: list[list[Row]] = []
        while True:
            while len(waiting) < settings.micro:
                progress = max(settings.start_progress, self.done())
                size = settings.tokens // settings.micro
                waiting += batches(self.tokenizer, settings.seed, state.part + 1, SAMPLES_PER_PART, size, progress)
                state.part += 1
            yield [waiting.pop() for _ in range(settings.micro)]

    def _step(self, groups: list[list[Row]]) -> tuple[float, int]:
        self._schedule()
        total, count = 0.0, 0
        for rows in groups:
            tokens, weights = (t.to(self.device) for t in tensors(rows))
            with torch.autocast(self.device, torch.bfloat16):
                loss = self.model.loss(tokens, weights) / len(groups)
            loss.backward()  # type: ignore[no-untyped-call]
            total, count = total + loss.item(), count + tokens.numel()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in (self.muon, self.adam):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return total, count

    def done(self) -> float:
        """How much of the run is over, from 0 to 1, by steps or by the clock, whichever is further."""
        by_steps = self.state.step / self.settings.steps
        if not self.settings.minutes:
            return by_steps
        return max(by_steps, (time.monotonic() - self.started) / 60 / self.settings.minutes)

    def _schedule(self) -> None:
        """Linear warm-up, a plateau, and a linear decay to zero over the last part."""
        factor = max(0.0, min(1.0, (self.state.step + 1) / WARMUP_STEPS, (1 - self.done()) / DECAY_SHARE))
        for optimizer, rate in ((self.muon, self.settings.muon_lr), (self.adam, self.settings.adam_lr)):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    @torch.no_grad()
    def probe(self) -> dict[str, float]:
        """Per category, the share of answers whose every token is the most likely one: greedy exact match."""
        hits: dict[str, list[bool]] = defaultdict(list)
        for probe in _quick_probes():
            hits[f"{probe.category} {probe.lang}"].append(self._knows(probe))
        return {category: round(sum(right) / len(right), 3) for category, right in hits.items()}

    def _knows(self, probe: Probe) -> bool:
        prompt = self.tokenizer.encode(render(probe.messages)).ids
        answer = self.tokenizer.encode(f"{probe.answer}<|im_end|>").ids
        tokens = torch.tensor([prompt + answer[:-1]], device=self.device)
        with torch.autocast(self.device, torch.bfloat16):
            states = Decoder.forward(self.model, tokens)[:, len(prompt) - 1 :]
        best = self.model.logits(states).argmax(-1)[0]
        return bool((best.cpu() == torch.tensor(answer)).all())


def _quick_probes() -> list[Probe]:
    """About 400 of the probes, the same ones each time."""
    wanted = [p for p in all_probes(seed=11, passages=24) if "trained" not in p.category]
    taken: dict[str, list[Probe]] = defaultdict(list)
    for index, probe in enumerate(wanted):
        bucket = taken[f"{probe.category} {probe.lang}"]
        if "passage" in probe.category or (index % 5 == 0 and len(bucket) < 16):
            bucket.append(probe)
    return [probe for bucket in taken.values() for probe in bucket]


def parse_settings() -> Settings:
    parser = argparse.ArgumentParser(description="Train the demo model; run again to resume from its checkpoint.")
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of the checkpoint")
    add("--tokenizer", type=Path, required=True, help="tokenizer.json made by tools.demo_model.tokenizer")
    add("--steps", type=int, default=4000, help="optimiser steps in all (default: %(default)s)")
    add("--tokens", type=int, default=10_240, help="tokens per step, padding included (default: %(default)s)")
    add("--micro", type=int, default=2, help="micro-batches per step (default: %(default)s)")
    add("--seed", type=int, default=7, help="seed of weights and corpus (default: %(default)s)")
    add("--layers", type=int, default=5, help="decoder layers (default: %(default)s)")
    add("--width", type=int, default=512, help="feed-forward width (default: %(default)s)")
    add("--muon-lr", type=float, default=0.02, help="learning rate of the matrices (default: %(default)s)")
    add("--adam-lr", type=float, default=0.004, help="rate of embeddings and norms (default: %(default)s)")
    add("--compile", dest="compiled", action="store_true", help="use torch.compile (needs a C++ compiler on CPU)")
    add("--probe-every", type=int, default=200, help="steps between checkpoints (default: %(default)s)")
    add("--warm-from", type=Path, help="checkpoint whose weights to start from")
    add("--warm-tokenizer", type=Path, help="tokenizer of that checkpoint, where it is another one")
    add("--start-progress", type=float, default=0.0, help="how grown passages are at the start (default: 0)")
    add("--minutes", type=float, default=0.0, help="end, with the decay, after so many minutes (default: no such end)")
    return Settings(**vars(parser.parse_args()))


if __name__ == "__main__":
    Trainer(parse_settings()).run()
