"""`eegseek classify`: zero-shot classes from prompts."""
