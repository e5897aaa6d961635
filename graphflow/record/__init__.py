"""The files that a run writes into its folder: outputs, run.json, events.jsonl and report.html."""
