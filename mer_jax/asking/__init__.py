"""A client of OpenAI-compatible servers: requests, answers, and the record of both."""
