"""
The names of the layout of the GPT-SoVITS API service, by Python's own quoting; written apart from ttsctl.

stdin: {"ids": [[user, task]], "quoted": [text]}
stdout: {"names": [{...}], "order": positions in the order of the members, descending, "unquoted": [text]}
"""
import json
import re
import sys
from urllib.parse import quote_plus, unquote_plus


def safe(text):
    return re.sub(r"[^A-Za-z0-9_-]", "_", text) or "anonymous"


def names(user, task):
    u, t = quote_plus(str(user or "")), quote_plus(str(task or ""))
    return {
        "hash": f"tts:task:{u}:{t}",
        "member": f"{u}:{t}",
        "userIndex": f"tts:user:{u}:index",
        "userMember": t,
        "lookup": f"tts:task_lookup:{t}",
        "lookupValue": u,
        "folder": f"{safe(user)}/{safe(task)}",
    }


asked = json.load(sys.stdin)
all_names = [names(user, task) for user, task in asked["ids"]]
members = [entry["member"].encode() for entry in all_names]
order = sorted(range(len(members)), key=lambda i: members[i], reverse=True)
unquoted = [unquote_plus(text) for text in asked["quoted"]]
json.dump({"names": all_names, "order": order, "unquoted": unquoted}, sys.stdout)
