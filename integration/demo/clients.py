"""The demo's clients: OpenAI's for the embeddings, Triton's for the digits. Nobody here wrote them."""

import asyncio

import numpy as np
import openai
import tritonclient.http as triton


def embed(url, texts, advance=lambda n: None, clients=16, per_request=1):
    """Vectors float32 [len(texts), D], by so many concurrent clients of /v1/embeddings."""
    return asyncio.run(_embed(url, texts, advance, clients, per_request))


async def _embed(url, texts, advance, clients, per_request):
    vectors = [None] * len(texts)
    starts = iter(range(0, len(texts), per_request))

    async def client():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=5) as api:
            for start in starts:
                # The client asks for base64 by itself: float32 as it is, no digits lost.
                reply = await api.embeddings.create(model="minilm", input=texts[start : start + per_request])
                for item in reply.data:
                    vectors[start + item.index] = np.asarray(item.embedding, np.float32)
                advance(len(reply.data))

    await asyncio.gather(*(client() for _ in range(clients)))
    return np.stack(vectors)


def classify(url, pixels, advance=lambda n: None, per_request=32):
    """Logits [M, 10] of pixels float32 [M, 64], over KServe v2 with binary tensors."""
    client = triton.InferenceServerClient(url.removeprefix("http://"))
    logits = []
    for start in range(0, len(pixels), per_request):
        part = np.ascontiguousarray(pixels[start : start + per_request], np.float32)
        tensor = triton.InferInput("pixels", list(part.shape), "FP32")
        tensor.set_data_from_numpy(part, binary_data=True)
        outputs = [triton.InferRequestedOutput("logits", binary_data=True)]
        logits.append(client.infer("digits", [tensor], outputs=outputs).as_numpy("logits"))
        advance(len(part))
    client.close()
    return np.concatenate(logits)
