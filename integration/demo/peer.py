"""sentence-transformers in a process of its own, as one would use it directly: start-up, memory, texts per second.

    python -m integration.demo.peer < texts.json     # prints one JSON object; the vectors go to the file named first
"""

import json
import resource
import sys
import time


def main():
    begin = time.perf_counter()
    import numpy as np
    from sentence_transformers import SentenceTransformer

    from strata.models import bert

    texts = json.load(sys.stdin)
    model = SentenceTransformer(str(bert.minilm_folder()), device="cpu")
    model.encode(texts[:1])
    started = time.perf_counter() - begin
    begin = time.perf_counter()
    vectors = model.encode(texts, batch_size=32, show_progress_bar=False)
    seconds = time.perf_counter() - begin
    np.save(sys.argv[1], vectors)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"startup_s": started, "texts_per_s": len(texts) / seconds, "memory_mib": memory}))


if __name__ == "__main__":
    main()
