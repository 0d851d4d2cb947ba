"""Reads users' registration records, in both versions of Xinference's format, into a `Family`. Pure.

Version 1 has `quantizations` and a `prompt_style`, version 2 `quantization` and a `chat_template`; a record may mix them.
Unknown fields are accepted, as in Xinference, whose records have many.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta

from modelyard.catalog.family import OWN_ABILITIES, Defaults, Family, ModelSource, Size, Spec
from modelyard.catalog.index import Catalog
from modelyard.catalog.prompt_styles import CHAT_TEMPLATE, LAYOUTS, PromptStyle, template
from modelyard.catalog.resolve import size_of
from modelyard.catalog.thinking import chat_abilities
from modelyard.core.errors import InvalidParameter, ModelyardError, NotFound, RegistrationInvalid
from modelyard.core.mismatches import reworded
from modelyard.core.templates import PROCESSES, TemplateProblem
from modelyard.core.types import ModelType
from modelyard.core.wording import reason
from modelyard.protocol.sampling import check_parameters

FORMATS = ("pytorch", "ggufv2", "ggmlv3", "gptq", "awq", "fp8", "fp4", "bnb", "mlx", "diffusers", "compressed-tensors")
HUBS = ("huggingface", "modelscope", "openmind_hub", "csghub")
NAME = re.compile(r"[^\W_][\w.-]*")
LONGEST_NAME = 100

Words = str | list[str]
Count = Annotated[int, Meta(ge=1, le=2**40)]
Token = Annotated[int, Meta(ge=0, le=2**31)]


class SourceBody(msgspec.Struct, kw_only=True, frozen=True):
    """The location of a spec's files."""

    model_id: str | None = None
    model_uri: str | None = None
    model_revision: str | None = None
    model_file_name_template: str | None = None
    model_file_name_split_template: str | None = None
    quantization_parts: dict[str, list[str]] | None = None
    multimodal_projectors: list[str] | None = None
    quantization: str | None = None
    quantizations: list[str] | None = None


class SpecBody(SourceBody, kw_only=True, frozen=True):
    """One entry of `model_specs`."""

    model_format: str | None = None
    model_size_in_billions: Size | None = None
    activated_size_in_billions: Size | None = None
    model_hub: str | None = None
    model_src: dict[str, SourceBody] | None = None


class StyleBody(msgspec.Struct, kw_only=True, frozen=True):
    """A `prompt_style` object."""

    style_name: str
    system_prompt: str | None = None
    roles: list[str] | None = None
    intra_message_sep: str | None = None
    inter_message_sep: str | None = None
    stop: Words | None = None
    stop_token_ids: list[Token] | None = None


class ExampleBody(msgspec.Struct, kw_only=True, frozen=True):
    """A message before those of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class RegistrationBody(SpecBody, kw_only=True, frozen=True):
    """A whole record. A model other than an LLM may omit `model_specs`; the record is then its only spec."""

    model_name: str
    version: Annotated[int, Meta(ge=1, le=2)] | None = None
    context_length: Count | None = None
    max_tokens: Count | None = None
    dimensions: Count | None = None
    model_lang: Words | None = None
    language: Words | None = None
    model_ability: Words | None = None
    model_description: str | None = None
    model_family: str | None = None
    architectures: list[str] | None = None
    model_specs: list[SpecBody] | None = None
    prompt_style: str | StyleBody | None = None
    chat_template: str | None = None
    stop: Words | None = None
    stop_token_ids: list[Token] | None = None
    reasoning_start_tag: str | None = None
    reasoning_end_tag: str | None = None
    tool_parser: str | None = None
    type: str | None = None
    multilingual: bool | None = None
    controlnet: list[Defaults] | None = None
    default_model_config: Defaults | None = None
    default_generate_config: Defaults | None = None
    system_prompt: str | None = None
    messages: list[ExampleBody] | None = None
    adapters: list[str] | None = None
    default_context_length: Count | None = None
    runs_on: str | None = None


def parse(type: ModelType, text: str | Mapping[str, Any], catalog: Catalog) -> Family:
    """Decode the family of a record. Raises `RegistrationInvalid` naming the field.

    `catalog` resolves prompt styles that are given as the name of a model.
    """
    sent, body = _decode(text)
    body = _without_template_style(body)
    lender = _borrow(body, catalog)
    if type is ModelType.LLM:
        check_parameters(body.default_generate_config or {})
    style = _style(body, catalog) or (lender.prompt_style if lender else None)
    own = lender.chat_template if lender else _template(body)
    return Family(
        name=_name(body.model_name),
        type=type,
        version=1 if style and not own else body.version or 2,
        description=body.model_description or "",
        languages=_words(body.model_lang or body.language),
        abilities=_abilities(type, body),
        context_length=body.context_length or body.max_tokens or 0,
        dimensions=body.dimensions,
        family=body.model_family or None,
        architectures=body.architectures or [],
        prompt_style=style,
        chat_template=own,
        stop=_words(body.stop) or (lender.stop if lender else []),
        stop_token_ids=body.stop_token_ids or (lender.stop_token_ids if lender else []),
        reasoning_start_tag=body.reasoning_start_tag or None,
        reasoning_end_tag=body.reasoning_end_tag or None,
        tool_parser=body.tool_parser or None,
        rerank_kind=body.type if type is ModelType.RERANK else None,
        multilingual=body.multilingual,
        controlnet=body.controlnet or [],
        system_prompt=body.system_prompt or "",
        messages=[msgspec.structs.asdict(each) for each in body.messages or ()],
        adapters=[local_path(each, f"adapters[{place}]") for place, each in enumerate(body.adapters or ())],
        default_context_length=body.default_context_length,
        runs_on=body.runs_on or None,
        sent=sent,
        specs=_specs(type, body),
    )


PICTURES = re.compile(r"image|vision|picture|video|media", re.IGNORECASE)
"""Words in chat templates that insert pictures into a prompt."""


def check_abilities(family: Family) -> None:
    """Raise `RegistrationInvalid` for an ability that the family's own chat template cannot provide.

    GGUF files need no place for pictures in their template, because llama.cpp inserts the marks of pictures itself.
    """
    template = family.chat_template
    if template is None:
        return
    gguf = any(spec.format == "ggufv2" for spec in family.specs)
    for ability, has in (
        ("tools", "tools" in chat_abilities(template)),
        ("vision", gguf or PICTURES.search(template) is not None),
    ):
        if ability in family.abilities and not has:
            raise RegistrationInvalid(
                f"model_ability: '{ability}' takes a chat_template with a place for {PLACES[ability]}, and this one has none."
            )


PLACES = {"tools": "tools", "vision": "pictures"}


def _decode(given: str | Mapping[str, Any]) -> tuple[dict[str, Any], RegistrationBody]:
    """The record as it was sent, and its known fields."""
    try:
        text = given if isinstance(given, str) else msgspec.json.encode(given)
        sent = msgspec.json.decode(text)
        if not isinstance(sent, dict):
            raise RegistrationInvalid("'model' must be a JSON object.")
        msgspec.json.encode(sent)  # raises for values that listings could not encode
        return sent, msgspec.json.decode(text, type=RegistrationBody)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        where = place.rstrip("`").lstrip(".")
        problem = reworded(problem, RegistrationBody, where)
        raise RegistrationInvalid(f"{where}: {problem}." if where else f"{problem}.") from None
    except (msgspec.DecodeError, UnicodeEncodeError, OverflowError, RecursionError) as error:
        raise RegistrationInvalid(f"'model' is not JSON: {reason(error)}.") from None


def _name(given: str) -> str:
    """Return a model's name. Raises `RegistrationInvalid` for one that does not fit into a URL or a file name."""
    name = unicodedata.normalize("NFC", given)
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name) or ".." in name:
        raise RegistrationInvalid(
            f"model_name {name[:LONGEST_NAME]!r} must begin with a letter or digit and have only letters, digits, "
            f"'.', '-' and '_' after it, {LONGEST_NAME} at most, and no '..'."
        )
    return name


def _words(given: Words | None) -> list[str]:
    """One text or several texts as a list, without empty ones."""
    return [word for word in ([given] if isinstance(given, str) else given or []) if word]


def _abilities(type: ModelType, body: RegistrationBody) -> list[str]:
    """The record's abilities. A language model without any takes them from its files, unless the record has a template."""
    if given := _words(body.model_ability):
        return given
    if type is ModelType.LLM:
        return ["chat"] if body.prompt_style or body.chat_template else []
    return [OWN_ABILITIES[type]] if type in OWN_ABILITIES else []


# Prompts

GENERATION = re.compile(r"{%-?\s*(?:end)?generation\s*-?%}")
"""A tag of transformers, which marks the text of the assistant."""


def _style(body: RegistrationBody, catalog: Catalog) -> PromptStyle | None:
    """The prompt style, given as an object, as a style's name, or as the name of a model that has one."""
    given = body.prompt_style
    if not given:
        return None
    if isinstance(given, str):
        return _style_by_name(given, catalog)
    style = PromptStyle(
        style_name=given.style_name,
        system_prompt=given.system_prompt or "",
        roles=given.roles or [],
        intra_message_sep=given.intra_message_sep or "",
        inter_message_sep=given.inter_message_sep or "",
        stop=None if given.stop is None else _words(given.stop),
        stop_token_ids=given.stop_token_ids,
    )
    try:
        template(style)
    except ModelyardError as error:
        raise RegistrationInvalid(f"prompt_style.style_name: {error.message}") from None
    return style


def _without_template_style(body: RegistrationBody) -> RegistrationBody:
    """The record without a style that only refers to a chat template; its stops become the record's own."""
    style = body.prompt_style
    if not isinstance(style, StyleBody) or style.style_name != CHAT_TEMPLATE:
        return body
    stop, tokens = body.stop or style.stop, body.stop_token_ids or style.stop_token_ids
    return msgspec.structs.replace(body, prompt_style=None, stop=stop, stop_token_ids=tokens)


def _style_by_name(name: str, catalog: Catalog) -> PromptStyle:
    try:
        if style := catalog.get(name, ModelType.LLM).prompt_style:
            return style
    except NotFound:
        pass
    if any(known.lower() == name.lower() for known in LAYOUTS):
        return PromptStyle(style_name=name)
    raise RegistrationInvalid(
        f"prompt_style: '{name}' is neither a model of the catalog that has a prompt style nor a style; "
        f"the styles are {', '.join(LAYOUTS)}."
    )


def _template(body: RegistrationBody) -> str | None:
    """The chat template, if it is Jinja."""
    text = body.chat_template
    if not text:
        return None
    try:
        PROCESSES.parse(GENERATION.sub("", text))
    except TemplateProblem as problem:
        raise RegistrationInvalid(f"chat_template does not parse: {problem}") from None
    return text


def _borrow(body: RegistrationBody, catalog: Catalog) -> Family | None:
    """The family that `chat_template` names, if it is a name instead of a template; Xinference allows both."""
    name = body.chat_template
    if not name or "{" in name:
        return None
    try:
        return catalog.get(name, ModelType.LLM)
    except NotFound:
        raise RegistrationInvalid(
            f"chat_template: {name[:100]!r} is neither a Jinja template nor the name of a language model in the catalog."
        ) from None


# Specs


def _specs(type: ModelType, body: RegistrationBody) -> list[Spec]:
    bodies: list[SpecBody] | None = body.model_specs
    if not bodies and type is not ModelType.LLM and (body.model_id or body.model_uri or body.model_src):
        return [_spec(body, "", body)]
    if not bodies:
        raise RegistrationInvalid("model_specs: at least one entry is needed.")
    return [_spec(spec, f"model_specs[{place}].", body) for place, spec in enumerate(bodies)]


def _spec(spec: SpecBody, where: str, body: RegistrationBody) -> Spec:
    format = (spec.model_format or "pytorch").lower()
    if format not in FORMATS:
        raise RegistrationInvalid(f"{where}model_format: '{spec.model_format}' is none of {', '.join(FORMATS)}.")
    sources = spec.model_src or {_hub(spec, where): spec}
    return Spec(
        format=format,
        size_in_billions=_size(spec.model_size_in_billions, f"{where}model_size_in_billions"),
        activated_size_in_billions=_size(spec.activated_size_in_billions, f"{where}activated_size_in_billions"),
        quantizations=_quantizations(spec) or ["none"],
        src={hub: _source(source, where, own=source is spec) for hub, source in sources.items()},
        default_model_config=body.default_model_config or {},
        default_generate_config=body.default_generate_config or {},
    )


def _hub(spec: SpecBody, where: str) -> str:
    """`local` for a path, else the named hub."""
    if spec.model_uri:
        return "local"
    hub = spec.model_hub or "huggingface"
    if hub not in HUBS:
        raise RegistrationInvalid(f"{where}model_hub: '{hub}' is none of {', '.join(HUBS)}.")
    return hub


def _size(given: Size | None, where: str) -> Size | None:
    try:
        size = size_of(given)
    except InvalidParameter:
        raise RegistrationInvalid(f"{where}: '{given}' is not a number.") from None
    if size is not None and not 0 < size < 1e6:
        raise RegistrationInvalid(f"{where}: {given} is no size of a model.")
    return given


def _quantizations(source: SourceBody) -> list[str]:
    """The named quantisations; an empty name, as in built-in records, means that there is only one."""
    given = source.quantizations if source.quantizations is not None else [source.quantization or ""]
    return list(dict.fromkeys(name for name in given if name))


def _source(source: SourceBody, where: str, *, own: bool) -> ModelSource:
    path = local_path(source.model_uri, f"{where}model_uri") if source.model_uri else None
    if not path and not source.model_id:
        raise RegistrationInvalid(f"{where}model_uri: either it or model_id must say where the files are.")
    return ModelSource(
        path=path,
        model_id=None if path else source.model_id,
        revision=None if path else source.model_revision or None,
        quantizations=[] if own else _quantizations(source),
        file=source.model_file_name_template or None,
        split_file=source.model_file_name_split_template or None,
        parts=source.quantization_parts or {},
        projectors=source.multimodal_projectors or [],
    )


def local_path(uri: str, where: str) -> str:
    """The absolute path of a `model_uri`. Raises `RegistrationInvalid` for other schemes and relative paths."""
    if not uri.isprintable():
        raise RegistrationInvalid(f"{where}: {uri!r} has characters that no path should have.")
    if "://" in uri:
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise RegistrationInvalid(f"{where}: '{uri}' is not a URI.") from None
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise RegistrationInvalid(
                f"{where}: '{uri}' is not on this machine. Give file:///… or an absolute path, or a hub's model_id."
            )
        uri = unquote(uri.partition("://")[2][len(parts.netloc) :])
    if not uri.startswith("/") or "\0" in uri:
        raise RegistrationInvalid(f"{where}: '{uri}' must be an absolute path.")
    return uri
