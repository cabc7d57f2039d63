"""Tokenizers of models of unknown origin, of the class that their files and their family need."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from distill_core import bounded
from distill_core.bounded import MB, Budget
from distill_core.errors import TeacherError
from distill_core.messages import Message, message
from distill_core.teacher.safe_loading import read_json, silence_transformers
from distill_core.tokenization import PROBE, check_tokenizer

# Families whose position numbers begin after the padding's own: they take fewer tokens than their table has rows.
POSITION_OFFSET_FAMILIES = (
    "camembert",
    "data2vec-text",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
)
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "spm.model", "spiece.model",
    "sentencepiece.bpe.model", "special_tokens_map.json", "added_tokens.json", "bpe.codes", "dict.txt",
)  # fmt: skip
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spm.model", "spiece.model", "sentencepiece.bpe.model")
TOKENIZER_LIMIT = 64_000_000  # bytes of a tokenizer file; XLM-R's holds 17 MB
CASED_SHARE = 0.02  # entries with a capital letter in a cased vocabulary; uncased ones have none


def load_tokenizer(folder: Path, config: Any, name: str, notes: list[Message]) -> Any:
    """Tokenizer of the folder, of the class that its files and its family need; appends to `notes`. Raises
    TeacherError."""
    from transformers import AutoTokenizer
    from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

    silence_transformers()
    if not any((folder / file).is_file() for file in VOCABULARIES):
        raise TeacherError(message(
            "{name} comes without a tokenizer (tokenizer.json, vocab.txt or the like).", name=name))  # fmt: skip
    for file in tokenizer_files(folder):
        if file.stat().st_size > TOKENIZER_LIMIT:
            raise TeacherError(message("{file} of {name} holds more than {most:,} MB.", file=file.name, name=name,
                                      most=TOKENIZER_LIMIT // 1_000_000))  # fmt: skip
    if (folder / "tokenizer.json").is_file():
        size = (folder / "tokenizer.json").stat().st_size
        budget = Budget(seconds=5 + size / MB, memory=500 * MB + 15 * size)
        bounded.call(_try_tokenizer, folder / "tokenizer.json", name, name=f"tokenizer.json ({name})", budget=budget)
    options: dict[str, bool] = {}
    if not (folder / "tokenizer.json").is_file() and not _has_case_setting(folder) and _cased(folder / "vocab.txt"):
        # BioBERT, SpanBERT and others ship vocab.txt alone; the default would lower-case every text for them.
        options["do_lower_case"] = False
        notes.append(
            message("The teacher's vocabulary has capital letters and nothing says otherwise, so texts keep theirs.")
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), config=config, trust_remote_code=False, local_files_only=True, **options
        )
        if not _is_length(tokenizer.model_max_length):
            tokenizer.model_max_length = VERY_LARGE_INTEGER
        tokenizer(PROBE)  # its class may have changed what the file says
    except ImportError as error:
        package = next((part for part in ("sacremoses", "sentencepiece", "tiktoken") if part in str(error)), "more")
        raise TeacherError(message("The tokenizer of {name} needs the package {package}: {command}.", name=name,
                                  package=package, command=f"pip install {package}")) from error  # fmt: skip
    except Exception as error:  # tokenizer files are hostile ground: RecursionError and worse
        raise TeacherError(message("The tokenizer of {name} can't be read ({why}).", name=name,
                                  why=library_reason(error))) from error  # fmt: skip
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    _take_space_before_mask(tokenizer)
    if config.model_type == "deberta" and tokenizer.is_fast:
        # transformers 5 puts two [SEP] between the sentences of a pair; DeBERTa was trained with one.
        start, end = f"{tokenizer.cls_token} $A {tokenizer.sep_token}", f"$B:1 {tokenizer.sep_token}:1"
        marks = [
            (tokenizer.cls_token, tokenizer.cls_token_id),
            (tokenizer.sep_token, tokenizer.sep_token_id),
        ]
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=start, pair=f"{start} {end}", special_tokens=marks
        )
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= config.vocab_size:
        raise TeacherError(message(
            "The tokenizer of {name} has word pieces up to number {largest:,}, its model only {n:,}. The files don't "
            "belong together.", name=name, largest=largest, n=config.vocab_size))  # fmt: skip
    return tokenizer


def _try_tokenizer(file: Path, name: str) -> None:
    """Let a tokenizer cut some texts. Raises TeacherError where it can't."""
    try:
        check_tokenizer(file.read_text(encoding="utf-8"))
    except Exception as error:  # tokenizer files are hostile ground
        why = error.args[0] if isinstance(error, ValueError) else library_reason(error)
        raise TeacherError(message(
            "The tokenizer of {name} can't be read ({why}).", name=name, why=why)) from error  # fmt: skip


def library_reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def max_length(config: Any, tokenizer: Any) -> int:
    """Most tokens that the model takes in one text, special ones included."""
    rows = getattr(config, "max_position_embeddings", None) or 512
    if config.model_type in POSITION_OFFSET_FAMILIES:
        rows -= (config.pad_token_id or 0) + 1
    stated = tokenizer.model_max_length
    return min(rows, stated) if stated < 1_000_000 else rows


def _is_length(stated: Any) -> bool:
    return isinstance(stated, int) and not isinstance(stated, bool) and stated > 0


def tokenizer_files(folder: Path) -> list[Path]:
    """Files of the folder that decide how texts are cut into tokens."""
    return [folder / file for file in TOKENIZER_FILES if (folder / file).is_file()]


def _take_space_before_mask(tokenizer: Any) -> None:
    """Let the mask take the space before it, as every byte-level piece of a word does. From vocab.json alone, RoBERTa's
    tokenizer leaves that space as a piece of its own, which its model never saw in training."""
    mask = tokenizer.mask_token
    if not mask or not tokenizer.is_fast:
        return
    with_mask = tokenizer(f"a {mask} a")["input_ids"]
    if [i for i in with_mask if i != tokenizer.mask_token_id] == tokenizer("a a")["input_ids"]:
        return
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    for token in content["added_tokens"]:
        if token["content"] == mask:
            token["lstrip"] = True
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(content))


def _has_case_setting(folder: Path) -> bool:
    file = folder / "tokenizer_config.json"
    return file.is_file() and "do_lower_case" in read_json(file, str(folder.name))


def _cased(vocabulary: Path) -> bool:
    if not vocabulary.is_file() or vocabulary.stat().st_size > TOKENIZER_LIMIT:
        return False
    entries = vocabulary.read_text(encoding="utf-8", errors="replace").splitlines()
    words = [entry for entry in entries if not (entry.startswith("[") and entry.endswith("]"))]
    return sum(entry != entry.lower() for entry in words) > CASED_SHARE * max(1, len(words))
