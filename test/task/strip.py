"""stdin: [text]; stdout: {"spaces": the code points that str.strip() removes, "stripped": [text.strip()]}"""
import json
import sys

texts = json.load(sys.stdin)
spaces = [code for code in range(0x110000) if chr(code).strip() == ""]
json.dump({"spaces": spaces, "stripped": [text.strip() for text in texts]}, sys.stdout)
