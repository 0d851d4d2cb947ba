"""From hits to an answer: prompts, the talk with the model, citations, and what is kept of it."""
