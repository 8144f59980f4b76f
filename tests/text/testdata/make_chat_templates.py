#!/usr/bin/env python3
"""Writes chat_templates.json: what jinja2 renders, set up as transformers does.

    /usr/bin/python3 tests/text/testdata/make_chat_templates.py

Needs jinja2 3.1 (Debian: python3-jinja2).  The environment is that of
transformers' apply_chat_template(): the immutable sandbox with trim_blocks,
lstrip_blocks, loop controls, a `generation` block, its own `tojson`,
raise_exception() and strftime_now().  Templates are our own, in the styles that
published ones have.

Each template has cases: variables and the text, or `error` where jinja2 raises.
`rows` are single expressions and statements: one per construct.
"""
import datetime
import json
import os

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))
NOW = datetime.datetime(2026, 7, 4, 15, 6, 7)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_render")
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent,
                      separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def case(template, variables):
    row = {"template": template, "variables": variables}
    try:
        row["text"] = environment().from_string(template).render(**variables)
    except Exception as error:  # Whatever jinja2 raises is the answer.
        row["error"] = type(error).__name__
    return row


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a \"city\", in degrees\nCelsius é",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where"},
                "days": {"type": "integer", "enum": [1, 2, 3], "default": 1},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["city"],
        },
    },
}
CLOCK = {"type": "function",
         "function": {"name": "clock", "description": "The time",
                      "parameters": {"type": "object", "properties": {}}}}


def call(arguments, content="", name="get_weather", identity="call00001"):
    return {"role": "assistant", "content": content, "tool_calls": [
        {"id": identity, "type": "function",
         "function": {"name": name, "arguments": arguments}}]}


RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call00001",
          "content": "{\"degrees\": 21}"}

CONVERSATIONS = {
    "one": {"messages": [user("Hello, world!")]},
    "system": {"messages": [system("You are  brief.\n"),
                            user(" Say 'a' \"b\" <c> & é 漢字 🙂\n")]},
    "turns": {"messages": [system("Be kind."), user("Hi"), assistant("Hello! "),
                           user("And?"),
                           assistant("<think>\nHm.\n</think>\n\nAnd what?"),
                           user("Bye")]},
    "answered": {"messages": [user("Hi"), assistant("Hello!")],
                 "add_generation_prompt": False},
    "thoughts": {"messages": [user("Hi"),
                              {"role": "assistant", "content": "Hello!",
                               "reasoning_content": "I greet."},
                              user("More")], "enable_thinking": False},
    "parts": {"messages": [
        {"role": "system", "content": [{"type": "text", "text": "S"}]},
        {"role": "user", "content": [{"type": "text", "text": "a"},
                                     {"type": "image"},
                                     {"type": "text", "text": "b"}]}]},
    "tools": {"messages": [system("S"), user("Weather in Paris?")],
              "tools": [WEATHER, CLOCK]},
    "called": {"messages": [user("Weather in Paris?"),
                            call({"city": "Paris", "days": 2, "x": 1.5,
                                  "ok": True, "none": None, "list": [1, "a"]}),
                            RESULT, assistant("21 degrees."), user("Thanks")],
               "tools": [WEATHER]},
    "called_text": {"messages": [user("Weather?"),
                                 call("{\"city\": \"Paris\"}", None), RESULT],
                    "tools": [WEATHER]},
    "two_users": {"messages": [user("a"), user("b")]},
    "unknown_role": {"messages": [{"role": "critic", "content": "c"}]},
    "documents": {"messages": [user("Hi")],
                  "documents": [{"title": "T", "text": "Text."}]},
}
COMMON = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
          "add_generation_prompt": True, "tools": None, "documents": None}


def read_templates():
    """The templates in chat_templates/, by name."""
    folder = os.path.join(HERE, "chat_templates")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            yield name.removesuffix(".jinja"), file.read()


def read_rows():
    """The rows in chat_template_rows.txt, between lines of ----."""
    path = os.path.join(HERE, "chat_template_rows.txt")
    with open(path, encoding="utf-8", newline="") as file:
        return [row for row in file.read().split("\n----\n") if row]


ROW_VARIABLES = {
    "text": "Hello, World é", "padded": "  a b  ", "number": 7, "real": 2.5,
    "none": None, "yes": True, "list": [3, 1, 2], "empty": [],
    "words": ["b", "A", "c"], "map": {"b": 1, "a": [1, None, "x'y"]},
    "people": [{"name": "Ann", "age": 30, "pet": {"kind": "cat"}},
               {"name": "bob", "age": 25}, {"name": "Cid", "age": 41}],
    "messages": [user("u"), assistant("a"), user("v")],
}


def main():
    templates = []
    for name, template in read_templates():
        for label, conversation in CONVERSATIONS.items():
            row = case(template, {**COMMON, **conversation})
            row["name"] = f"{name}: {label}"
            templates.append(row)
    rows = [case(row, ROW_VARIABLES) for row in read_rows()]
    with open(os.path.join(HERE, "chat_templates.json"), "w",
              encoding="utf-8") as file:
        shared = {"row_variables": ROW_VARIABLES, "conversations": CONVERSATIONS,
                  "common": COMMON, "templates": dict(read_templates())}
        for row in templates:
            row.pop("template")
            row.pop("variables")
        for row in rows:
            row.pop("variables")
        json.dump({**shared, "cases": templates, "rows": rows}, file,
                  ensure_ascii=False, indent=1)
        file.write("\n")
    failed = sum("error" in row for row in templates)
    print(f"{len(templates)} conversations ({failed} refused), "
          f"{len(rows)} rows ({sum('error' in r for r in rows)} refused)")


if __name__ == "__main__":
    main()
