"""The LLM judge: prompts, the client of its server, and how its replies become verdicts."""
