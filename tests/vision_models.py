"""Small random models that see, made in the engine's environment, and what the bare library answers about pictures."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.causal_models import in_engine

MAKE = r'''
import torch, transformers
from pathlib import Path
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TEXT = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 12, "max_position_embeddings": 1024, "initializer_range": 0.3, "bos_token_id": 256, "eos_token_id": 257,
        "pad_token_id": 258}
TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28,
         "patch_size": 7, "initializer_range": 0.3}
SMALL = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}
PATCHES = {"patch_size": 7, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
GRID = [[28, 56], [56, 28], [56, 56]]
TEMPLATE = (
    "{{ '<s>' }}{% for m in messages %}{{ m['role'] }}: {% for part in m['content'] %}{% if part['type'] == 'image' %}PICTURE"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)

def tokenizer(*specials, **named):
    """A token for each byte, so that it knows every language."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        additional_special_tokens=[*specials, *named.values()])
    for name, token in named.items():
        setattr(made, name, token)
        setattr(made, name + "_id", made.convert_tokens_to_ids(token))
    made.chat_template = TEMPLATE.replace("PICTURE", specials[0])
    return made

def text(kind, words, **more):
    return getattr(transformers, kind + "Config")(vocab_size=len(words), **TEXT, **more)

def llava():
    words = tokenizer("<image>")
    tower = transformers.CLIPVisionConfig(projection_dim=32, **TOWER)
    config = transformers.LlavaConfig(
        vision_config=tower, text_config=text("Llama", words), image_token_id=words.convert_tokens_to_ids("<image>"))
    pictures = transformers.CLIPImageProcessorPil(**SMALL)
    return (transformers.LlavaForConditionalGeneration(config),
            transformers.LlavaProcessor(pictures, words, chat_template=words.chat_template, **PATCHES))

def llava_next():
    """Pictures of different shapes have different numbers of tokens."""
    words = tokenizer("<image>")
    tower = transformers.CLIPVisionConfig(projection_dim=32, **TOWER)
    config = transformers.LlavaNextConfig(
        vision_config=tower, text_config=text("Mistral", words, sliding_window=None), image_grid_pinpoints=GRID,
        image_token_id=words.convert_tokens_to_ids("<image>"))
    pictures = transformers.LlavaNextImageProcessorPil(image_grid_pinpoints=GRID, **SMALL)
    return (transformers.LlavaNextForConditionalGeneration(config),
            transformers.LlavaNextProcessor(pictures, words, chat_template=words.chat_template, **PATCHES))

def idefics3():
    """Large pictures are cut into tiles."""
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    words = tokenizer("<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>", *tiles)
    config = transformers.Idefics3Config(
        vision_config=TOWER, text_config=text("Llama", words), image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2, pad_token_id=258)
    pictures = transformers.Idefics3ImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    return (transformers.Idefics3ForConditionalGeneration(config),
            transformers.Idefics3Processor(pictures, words, image_seq_len=4, chat_template=words.chat_template))

def gemma3():
    """Tokens of a picture look at each other in both directions."""
    names = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    words = tokenizer("<start_of_image>", **names)
    words.init_kwargs.update(names)
    config = transformers.Gemma3Config(
        vision_config=TOWER, text_config=text("Gemma3Text", words), mm_tokens_per_image=4, boi_token_index=words.boi_token_id,
        eoi_token_index=words.eoi_token_id, image_token_id=words.image_token_id)
    pictures = transformers.Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    return (transformers.Gemma3ForConditionalGeneration(config),
            transformers.Gemma3Processor(pictures, words, image_seq_length=4, chat_template=words.chat_template))

torch.manual_seed(0)
folder = Path(given["folder"])
model, processor = globals()[given["name"]]()
model.generation_config.pad_token_id = 258
model.save_pretrained(folder)
processor.save_pretrained(folder)
made = str(folder)
'''

BARE = r"""
import base64, io, torch, transformers
from PIL import Image
torch.set_num_threads(1)
processor = transformers.AutoProcessor.from_pretrained(given["path"])
model = transformers.AutoModelForImageTextToText.from_pretrained(given["path"], dtype=torch.float32).eval()
made = []
for parts in given["questions"]:
    files = [base64.b64decode(part.partition(",")[2]) for part in parts if part.startswith("data:")]
    pictures = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    content = [{"type": "image"} if part.startswith("data:") else {"type": "text", "text": part} for part in parts]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = processor(text=[text], images=[pictures] if pictures else None, add_special_tokens=False, return_tensors="pt")
    count = inputs["input_ids"].shape[1]
    ids = model.generate(**inputs, max_new_tokens=given["tokens"], do_sample=False)[0][count:]
    answer = processor.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    made.append([answer, count])
"""


def make(folder: Path, name: str) -> Path:
    """A model of the architecture, in a folder of its own."""
    in_engine(MAKE, folder=str(folder / name), name=name)
    return folder / name


def bare(path: Path, questions: Sequence[Sequence[str]], tokens: int) -> list[tuple[str, int]]:
    """Greedy answers of bare `generate` and the tokens of each prompt; a question is its texts and pictures in order."""
    found = in_engine(BARE, path=str(path), questions=questions, tokens=tokens)
    return [(answer, count) for answer, count in found]


def png(width: int, height: int, seed: int) -> bytes:
    """A picture whose colours depend on the seed."""
    rows = b"".join(
        b"\0" + bytes((x * (seed + 2) + y * 5 + c * 80 * seed) % 256 for x in range(width) for c in range(3))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def data_url(file: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(file).decode()


def message(parts: Sequence[str]) -> dict[str, Any]:
    """A user's message of texts and addresses of pictures."""
    return {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": part}}
            if part.startswith(("data:", "http"))
            else {"type": "text", "text": part}
            for part in parts
        ],
    }


@contextmanager
def picture_host(file: bytes) -> Iterator[str]:
    """A server on loopback that answers every path with a picture; its host and port."""

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "image/png")
            self.send_header("content-length", str(len(file)))
            self.end_headers()
            self.wfile.write(file)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
