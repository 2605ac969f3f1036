"""Gives the fuzzer something to find (see scripts/fuzz-openapi).

Left to itself it asks for things with random ids, and all it ever sees is 404. So every other request that names a
conversation, a waiting message, an article or a person names one that is there.
"""

import itertools
import json
import os
import urllib.request
import uuid

import schemathesis

ROOT = os.environ["FUZZ_BASE"] + "/api/environments/@current/conversations/"
PERSONS = os.environ["FUZZ_BASE"] + "/api/projects/@current/persons/"
numbers = itertools.count()
living = {}


def send(method, path, body=None, root=ROOT):
    request = urllib.request.Request(
        root + path,
        method=method,
        data=json.dumps(body or {}).encode(),
        headers={
            "authorization": "Bearer " + os.environ["FUZZ_KEY"],
            "content-type": "application/json",
            "accept": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or "null")


def conversation():
    """One with a finished turn."""
    if "conversation" not in living:
        new = str(uuid.uuid4())
        question = {"content": "How do I pay?", "conversation": new, "trace_id": str(uuid.uuid4())}
        send("POST", "", question)
        living["conversation"] = new
    return living["conversation"]


def queue_item():
    """One that waits in the conversation."""
    path = conversation() + "/queue/"
    send("POST", path + "clear/")
    return send("POST", path, {"content": "And then?"})["messages"][0]["id"]


def article():
    if "article" not in living:
        new = {"title": "Paying", "body": "Pay with a card."}
        living["article"] = send("POST", "articles/", new)["id"]
    return living["article"]


def person():
    if "person" not in living:
        new = {"distinct_ids": [str(uuid.uuid4())], "properties": {"email": "robin@example.com"}}
        living["person"] = send("POST", "", new, root=PERSONS)["id"]
    return living["person"]


@schemathesis.hook
def before_call(context, case, **kwargs):
    number = next(numbers)
    if case.headers is None:
        case.headers = {}
    if number % 3:
        # Otherwise the answer of the assistant is always a stream.
        case.headers.setdefault("Accept", "application/json")
    named = case.path_parameters
    if isinstance(case.body, dict):
        # With that set there would be no more turns to look at.
        case.body.pop("ai_credits_exhausted", None)
    if number % 2:
        return
    if "queue_id" in named:
        named.update(conversation=conversation(), queue_id=queue_item())
    elif "conversation" in named:
        named["conversation"] = conversation()
    elif "article_id" in named:
        named["article_id"] = article()
    elif "person_id" in named:
        named["person_id"] = person()
    elif isinstance(case.body, dict) and "trace_id" in case.body and number % 4:
        case.body["conversation"] = conversation()
    if case.method == "DELETE" and "queue_id" not in named:
        living.pop("conversation" if "conversation" in named else "article", None)
