"""Composes a one-line description of a family: what it does, its languages and its sizes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelyard.catalog.family import Family
from modelyard.catalog.resolve import size_of
from modelyard.core.types import ModelType

LANGUAGES = {
    "en": "English",
    "zh": "Chinese",
    "ja": "Japanese",
    "jp": "Japanese",
    "ko": "Korean",
    "kr": "Korean",
    "fr": "French",
    "es": "Spanish",
}
"""Language codes of the catalog → names, for the languages that descriptions name."""
NAMED = 4
"""Maximum number of languages that are named; of more, only the number is stated."""
MANY = "multilingual"
COUNTED = re.compile(r"(\d+\+?) languages supported")
UNNAMED = ("auto",)
"""Entries in lists of languages that are not languages."""

SIZES = 3
"""Maximum number of sizes that are listed; of more, the smallest and the largest are stated."""

SENSES = (("vision", "pictures"), ("audio", "sound"), ("video", "videos"))
READS = {"ocr": "reads the text of pictures (OCR)", "docanalyze": "reads the layout and text of documents"}
DRAWS = {
    "text2image": "makes pictures from text",
    "image2image": "changes pictures",
    "inpainting": "fills in masked parts",
}
SPEAKS = {
    "audio2text": "writes down speech",
    "text2audio": "reads text aloud",
    "text2music": "makes music from text",
    "speaker_embedding": "embeddings of voices, which tell speakers apart",
}
VOICES = {
    "text2audio_voice_cloning": "copies a voice from a sample",
    "text2audio_voice_design": "makes a voice from a description",
    "text2audio_emotion_control": "takes moods",
}
FILMS = {
    "text2video": "from text",
    "image2video": "from a picture",
    "firstlastframe2video": "between a first and a last picture",
}


def one_line(family: Family) -> str:
    """Return the family's own description, else one sentence composed of its fields, which begins with its name.

    Empty for a registered family without a description, because its other fields are only what its user claims.
    """
    if family.description or family.sent is not None:
        return family.description
    match family.type:
        case ModelType.LLM:
            parts = _language_model(family)
        case ModelType.EMBEDDING:
            parts = _embedding(family)
        case ModelType.RERANK:
            parts = _rerank(family)
        case ModelType.IMAGE:
            parts = [_some(family, DRAWS | READS) + _purpose(family), *_pipeline(family)]
        case ModelType.AUDIO:
            parts = _audio(family)
        case ModelType.VIDEO:
            parts = [f"makes videos {_some(family, FILMS)}{_purpose(family)}", *_pipeline(family)]
    return f"{family.name}: {', '.join(part for part in parts if part)}."


def _language_model(family: Family) -> list[str]:
    skill = "chat" if "chat" in family.abilities else "text completion"
    if senses := _senses(family.abilities):
        skill += f" about {_all(['text', *senses])}" if skill == "chat" else f" with {_all(senses)}"
    skills = [skill + _purpose(family)]
    if "tools" in family.abilities:
        skills.append("tool calls")
    if "hybrid" in family.abilities:
        skills.append("thinking on request")
    elif "reasoning" in family.abilities:
        skills.append("thinking before the answer")
    return [_all(skills) + _languages(family), _sizes(family), _context(family), _architecture(family)]


def _embedding(family: Family) -> list[str]:
    what = _all(["texts", *_senses([each.removeprefix("embed_") for each in family.abilities])])
    dimensions = f"{family.dimensions:,} dimensions" if family.dimensions else ""
    return [f"embeddings of {what}{_purpose(family)}{_languages(family)}", dimensions, _longest(family)]


def _rerank(family: Family) -> list[str]:
    what = _all(["passages", *_senses([each.removeprefix("rerank_") for each in family.abilities])])
    how = "with a language model" if (family.rerank_kind or "").startswith("LLM") else ""
    return [f"ranks {what} by how well they answer a question{_languages(family)}", how, _longest(family)]


def _audio(family: Family) -> list[str]:
    voices = [text for ability, text in VOICES.items() if ability in family.abilities]
    skill = _some(family, SPEAKS) + _purpose(family) + _languages(family)
    if (
        not family.languages
        and family.multilingual
        and ("audio2text" in family.abilities or "text2audio" in family.abilities)
    ):
        skill += " in several languages"
    return [skill, *voices]


def _pipeline(family: Family) -> list[str]:
    """Facts about the weights of an image or video family."""
    steps = {spec.default_generate_config.get("num_inference_steps") for spec in family.specs}
    step = next(iter(steps)) if len(steps) == 1 else None
    return [
        "" if not step else "in one step" if step == 1 else f"in {step} steps",
        "with ControlNets" if family.controlnet else "",
        "also as GGUF files" if any(spec.gguf for spec in family.specs) else "",
        "with weights for fewer steps" if any(spec.lightning for spec in family.specs) else "",
    ]


def _purpose(family: Family) -> str:
    return f" for {family.purpose}" if family.purpose else ""


def _some(family: Family, names: dict[str, str]) -> str:
    return _all([text for ability, text in names.items() if ability in family.abilities])


def _senses(abilities: Sequence[str]) -> list[str]:
    """The inputs that a model accepts beside text."""
    if "omni" in abilities:
        return [name for _, name in SENSES]
    return [name for sense, name in SENSES if sense in abilities]


def _languages(family: Family) -> str:
    """` in English and Chinese`, or the number of languages; empty if the family lists none."""
    known = [each.lower() for each in family.languages if each.lower() not in UNNAMED]
    if counted := COUNTED.fullmatch(known[0] if len(known) == 1 else ""):
        return f" in {counted[1]} languages"
    if len(known) > NAMED:
        dialects = " and dialects" if any(each.startswith("zh_") for each in known) else ""
        return f" in {len(known)} languages{dialects}"
    names = [LANGUAGES.get(each, each.capitalize()) for each in sorted(known) if each != MANY]
    if MANY in known:
        names.append("many other languages" if names else "many languages")
    return f" in {_all(names)}" if names else ""


def _sizes(family: Family) -> str:
    """`0.5B to 72B`, and the active parameters of a mixture of experts."""
    found = sorted({size for spec in family.specs if (size := size_of(spec.size_in_billions))})
    if not found:
        return ""
    few = len(found) <= SIZES
    text = _all([_billions(size) for size in found]) if few else f"{_billions(found[0])} to {_billions(found[-1])}"
    active = {size_of(spec.activated_size_in_billions) or size_of(spec.size_in_billions) or 0 for spec in family.specs}
    if len(found) == len(active) == 1 and min(active) < found[0]:
        return f"{text} of which {_billions(min(active))} are active"
    return text


def _billions(size: float) -> str:
    if size >= 1000:
        return f"{size / 1000:.3g}T"
    return f"{size:.4g}B" if size >= 0.1 else f"{size * 1000:.3g}M"


def _context(family: Family) -> str:
    count = family.context_length
    return f"{_tokens(count)}{'' if _tokens(count)[-1] in 'KM' else '-token'} context" if count else ""


def _longest(family: Family) -> str:
    return f"up to {_tokens(family.context_length)} tokens" if family.context_length else ""


def _tokens(count: int) -> str:
    """`32K` or `1M` if exact, in multiples of 1,000 or of 1,024."""
    if count >= 10**6 and count % 10**4 == 0:
        return f"{count / 10**6:.4g}M"
    for thousand in (1000, 1024):
        if count >= thousand**2 and count % thousand**2 == 0:
            return f"{count // thousand**2}M"
        if count >= thousand and count % thousand == 0:
            return f"{count // thousand}K"
    return f"{count:,}"


def _architecture(family: Family) -> str:
    """The model class without its task, such as Qwen2 for `Qwen2ForCausalLM`; empty if the sizes differ in it."""
    if len(family.architectures) != 1 or len({spec.size_in_billions for spec in family.specs}) != 1:
        return ""
    name = re.sub(r"(For[A-Z]\w+|LMHeadModel|ChatModel|Model)$", "", family.architectures[0])
    return f"{name} architecture" if name else ""


def _all(parts: Sequence[str]) -> str:
    """Join words as in `a, b and c`."""
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part) if parts else ""
