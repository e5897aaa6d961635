"""What a run leaves in its folder: outputs, run.json, events.jsonl and report.html."""
