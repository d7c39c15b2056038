"""Small tokenizers of three families with the ids and texts that Hugging Face's libraries give:

    python tiny-tokenizers.py > tiny-tokenizers.json

sentencepiece: trained by the sentencepiece package as Llama 2's is (BPE, byte fallback, digits apart), converted by
transformers; `gguf` holds the pieces, scores and types as llama.cpp stores them. metaspace: the same vocabulary with the
space in front of the first piece only, as newer conversions have it. llama3 and qwen2: byte-level, with the
pre-tokenizers of these models. Made with sentencepiece 0.2.3, tokenizers 0.22.2, transformers 5.0.0.
"""

import io
import json

import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.convert_slow_tokenizer import generate_merges

CORPUS = [
    "def add(a, b):\n    return a + b\n",
    "const f = (xs) => xs.map((x) => x + 1).filter((x) => x % 2 === 0);\n",
    "The quick brown fox jumps over the lazy dog, 1234567890 times. It's what we've wanted!\n",
    "for i in range(10):\n        total += values[i]\n\treturn total\n",
    "naïve café, über straße, señor; 東京 and 京都 are cities.\n",
] * 4
TEXTS = [
    "",
    " ",
    "  two spaces",
    "def add(a, b):\n    return a + b",
    "\n\n    indented\n\ttabbed  \n",
    "naïve 🙂 café \U0001f680 東京 ~ ¿qué?",
    "It's 12345 o'clock, WE'VE 9 of 1000000.",
    "<s> spelled </s> inside",
    "trailing space ",
    "a▁b",
    "x = [1, 2, 3]; y='';\r\n\r\nprint(x)",
    "e\u0301 vs é",
    "bell\x07 and \u00a0 non-breaking",
]
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def answers(tokenizer):
    out = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        begun = tokenizer.encode(text, add_special_tokens=True).ids
        out.append(
            {
                "text": text,
                "ids": ids,
                "begun": begun,
                "decoded": tokenizer.decode(ids, skip_special_tokens=True),
            }
        )
    return out


def template(token, number):
    return processors.TemplateProcessing(single=f"{token} $A", special_tokens=[(token, number)])


def sentence_piece():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS),
        model_writer=model,
        model_type="bpe",
        vocab_size=420,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        character_coverage=0.98,
        minloglevel=2,
        num_threads=1,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    size = processor.get_piece_size()
    pieces = [processor.id_to_piece(i) for i in range(size)]
    scores = [processor.get_score(i) for i in range(size)]
    types = []
    for i in range(size):
        kind = 2 if processor.is_unknown(i) else 3 if processor.is_control(i) else 6 if processor.is_byte(i) else 1
        types.append(kind)
    vocab = {piece: i for i, piece in enumerate(pieces)}
    merges = generate_merges(vocab, dict(zip(pieces, scores)))
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = template("<s>", 1)
    config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    first = {
        "tokenizer": json.loads(tokenizer.to_str()),
        "config": config,
        "gguf": {"tokens": pieces, "scores": scores, "types": types},
        "answers": answers(tokenizer),
    }
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    second = {"pre_tokenizer": json.loads(tokenizer.to_str())["pre_tokenizer"], "answers": answers(tokenizer)}
    return first, second


def byte_level(digits, bos, eos, normalizer, ignore_merges):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS.replace("DIGITS", digits)), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[token for token in [bos, eos] if token is not None],
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    config = {"eos_token": eos, "clean_up_tokenization_spaces": False}
    if bos is not None:
        tokenizer.post_processor = template(bos, tokenizer.token_to_id(bos))
        config["bos_token"] = bos
    return {"tokenizer": json.loads(tokenizer.to_str()), "config": config, "answers": answers(tokenizer)}


def main():
    first, second = sentence_piece()
    print(
        json.dumps(
            {
                "sentencepiece": first,
                "metaspace": second,
                "llama3": byte_level(r"\p{N}{1,3}", "<|begin_of_text|>", "<|eot_id|>", None, True),
                "qwen2": byte_level(r"\p{N}", None, "<|im_end|>", normalizers.NFC(), False),
            },
            ensure_ascii=False,
        )
    )


main()
