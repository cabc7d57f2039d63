"""Make the built-in teacher from nothing: a word-piece vocabulary and a small BERT, from the teacher's own reviews.

    python scripts/make_teacher.py

It learns from far more labelled texts than a run is given, as a teacher off the Hub has. Seeded; on another machine or
another torch the weights may differ in their last digits.
"""

import argparse
import json
import time
from pathlib import Path

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from distill_core.tasks import reviews
from distill_core.training.loop import fit
from distill_core.training.plan import TrainingPlan

FOLDER = Path(__file__).parent.parent / "distill_core" / "builtin"
SPECIAL = {f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")}
LETTERS = list("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-&")  # so that a stranger's words have pieces, too
LONGEST = 128


def make_tokenizer(texts: list[str], pieces: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=pieces, special_tokens=list(SPECIAL.values()), initial_alphabet=LETTERS, show_progress=False
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=LONGEST,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **SPECIAL,
    )


def make_model(pieces: int, layers: int, hidden: int, pad: int) -> BertForSequenceClassification:
    labels = dict(enumerate(reviews.LABELS))
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=pieces,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 32,
            intermediate_size=4 * hidden,
            max_position_embeddings=LONGEST,
            pad_token_id=pad,
            id2label=labels,
            label2id={label: i for i, label in labels.items()},
        )
    )


def batch_of(ids: list[list[int]], rows: list[int], pad: int) -> dict[str, torch.Tensor]:
    longest = max(len(ids[row]) for row in rows)
    table = torch.tensor([ids[row] + [pad] * (longest - len(ids[row])) for row in rows])
    return {"input_ids": table, "attention_mask": (table != pad).long()}


@torch.no_grad()
def score(model: torch.nn.Module, ids: list[list[int]], labels: torch.Tensor, pad: int) -> dict[str, float]:
    model.eval()
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    logits = torch.empty(len(ids), len(reviews.LABELS))
    for start in range(0, len(order), 256):
        rows = order[start : start + 256]
        logits[rows] = model(**batch_of(ids, rows, pad)).logits
    right = (logits.argmax(1) == labels).float().mean()
    return {"accuracy": right.item(), "loss": cross_entropy(logits, labels).item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=60_000, help="labelled texts to learn from (%(default)s)")
    parser.add_argument("--held-out", type=int, default=2_000, help="more, to pick the best weights (%(default)s)")
    parser.add_argument("--pieces", type=int, default=4_000, help="size of the vocabulary (%(default)s)")
    parser.add_argument("--layers", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--hidden", type=int, default=128, help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--lr", type=float, default=5e-4, help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder to write to (%(default)s)")
    asked = parser.parse_args()

    started = time.monotonic()
    rows = reviews.teacher_rows(asked.seed, asked.texts + asked.held_out)
    tokenizer = make_tokenizer([text for text, _ in rows[: asked.texts]], asked.pieces)
    ids = tokenizer([text for text, _ in rows], truncation=True, max_length=LONGEST)["input_ids"]
    labels = torch.tensor([reviews.LABELS.index(label) for _, label in rows])
    seen, held_ids, held_labels = asked.texts, ids[asked.texts :], labels[asked.texts :]
    torch.manual_seed(asked.seed)
    pad = tokenizer.pad_token_id
    model = make_model(len(tokenizer), asked.layers, asked.hidden, pad)
    print(f"{sum(p.numel() for p in model.parameters()):,} weights, {len(tokenizer):,} pieces, {seen:,} texts")

    def loss(batch: torch.Tensor, step: int) -> torch.Tensor:
        return cross_entropy(model(**batch_of(ids, batch.tolist(), pad)).logits, labels[batch])

    steps = asked.epochs * -(-seen // asked.batch)
    often = steps // (2 * asked.epochs)
    plan = TrainingPlan(steps, asked.batch, asked.lr, weight_decay=0.01, evaluate_every=often, seed=asked.seed)
    for tick in fit(
        model,
        seen,
        loss,
        lambda: score(model, held_ids, held_labels, pad),
        plan,
        lengths=[len(some) for some in ids[:seen]],
    ):
        if tick.scores:
            print(
                f"step {tick.step:,} of {tick.steps:,}: loss {tick.loss:.4f}, held out "
                f"{100 * tick.scores['accuracy']:.1f} %, {tick.left:.0f} s left",
                flush=True,
            )

    model.half().save_pretrained(asked.to)
    tokenizer.save_pretrained(asked.to)
    stored = AutoModelForSequenceClassification.from_pretrained(asked.to, dtype=torch.float32)
    again = AutoTokenizer.from_pretrained(asked.to)
    if again([text for text, _ in rows[:100]])["input_ids"] != ids[:100]:
        raise SystemExit("The tokenizer that was saved doesn't cut the texts as the one that was trained.")
    scores = score(stored, held_ids, held_labels, pad)
    made = {
        "command": "python scripts/make_teacher.py",
        "arguments": {name: value for name, value in vars(asked).items() if name != "to"},
        "texts_seen": seen,
        "weights": sum(p.numel() for p in stored.parameters()),
        "pieces": len(again),
        "held_out_rows": len(held_ids),
        "held_out_accuracy": round(scores["accuracy"], 4),
        "held_out_region": "teacher",
        "versions": {
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }
    (asked.to / "MADE.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    size = (asked.to / "model.safetensors").stat().st_size
    print(f"{100 * scores['accuracy']:.1f} % held out, {size / 1e6:.2f} MB, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
