"""Reads durations as the published service does: from stdin a JSON list of texts, to stdout their seconds."""
import json
import sys

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def seconds(text, default=7 * 86400):
    word = text.strip().lower()
    try:
        if word and word[-1] in UNITS:
            return int(float(word[:-1]) * UNITS[word[-1]])
        return int(word)
    except ValueError:
        return default


json.dump([seconds(text) for text in json.load(sys.stdin)], sys.stdout)
