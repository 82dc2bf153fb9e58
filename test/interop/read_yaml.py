"""Reads YAML documents with PyYAML, whose YAML is 1.1."""
import json
import sys

import yaml

documents = json.load(sys.stdin)
json.dump([yaml.safe_load(text) for text in documents], sys.stdout, default=repr)
