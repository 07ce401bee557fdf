"""The LLM judge: its prompts, the client of its servers, and how replies become verdicts."""
