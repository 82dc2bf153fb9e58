"""Reads a JSON array of texts from stdin and prints what configparser makes of each, as files opened in text mode.

An answer is null where the file is refused, else [section, [[option, value or null], ...]] for DEFAULT and every
section in the order of the file; null is a value that cannot be interpolated.
"""

import configparser
import io
import json
import sys


def value_of(parser, section, option):
    try:
        return parser.get(section, option)
    except configparser.InterpolationError:
        return None


def answer(text):
    parser = configparser.ConfigParser()
    try:
        parser.read_file(io.TextIOWrapper(io.BytesIO(text.encode("utf-8")), encoding="utf-8"))
    except configparser.Error:
        return None
    names = [(section, parser.options(section)) for section in parser.sections()]
    names.insert(0, ("DEFAULT", list(parser.defaults())))
    return [[s, [[o, value_of(parser, s, o)] for o in sorted(options)]] for s, options in names]


json.dump([answer(text) for text in json.load(sys.stdin)], sys.stdout)
