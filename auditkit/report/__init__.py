"""Pages and summaries, made from a saved record alone: no model, no data, no plugin."""
