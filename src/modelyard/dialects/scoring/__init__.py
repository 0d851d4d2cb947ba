"""vLLM's `/score` and `/pooling`, Cohere's `/v2/rerank` and OpenAI's `/v1/moderations`, made of rankings, vectors and classes."""
