"""Gives the fuzzer something to find (see scripts/fuzz-openapi).

Left to itself it asks for things with random ids, and all it ever sees is 404. So every other request names things that
are there: in its path, its query and its body. It acts with a key; where only a session will do, as somebody who has
signed in.
"""

import itertools
import json
import os
import time
import urllib.error
import urllib.request
import uuid

import schemathesis

BASE = os.environ["FUZZ_BASE"]
KEY = "Bearer " + os.environ["FUZZ_KEY"]
LOGIN = {"email": os.environ["FUZZ_EMAIL"], "password": os.environ["FUZZ_PASSWORD"]}
CHATS = "/api/environments/@current/conversations/"
PROJECT = "/api/projects/@current/"
DESK = PROJECT + "conversations/"
ORGANIZATION = "/api/organizations/@current/"
JSON = {"content-type": "application/json", "accept": "application/json"}
# What would keep the rest of the run from what it is to look at.
SWITCHES = {
    "conversations_enabled": True,
    "ai_suggestions": True,
    "is_ai_data_processing_approved": True,
    "ai_credits_exhausted": False,
}

numbers = itertools.count()
# What was made and is still there, by name.
living = {}


def ask(method, path, body=None, headers=None):
    """What the server answers: the headers and the JSON."""
    request = urllib.request.Request(
        BASE + path,
        method=method,
        data=json.dumps(body or {}).encode(),
        headers={**JSON, **({"authorization": KEY} if headers is None else headers)},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers, json.loads(answer.read() or "null")


def send(method, path, body=None, headers=None):
    return ask(method, path, body, headers)[1]


def kept(make):
    """Makes a thing when it is first asked for, and again after it was deleted."""

    def find():
        if make.__name__ not in living:
            living[make.__name__] = make()
        return living[make.__name__]

    find.__name__ = make.__name__
    return find


def word():
    return uuid.uuid4().hex


def sign_in():
    """The headers of somebody who has signed in."""
    headers, _ = ask("POST", "/api/login/", LOGIN, {})
    pairs = [line.split(";")[0] for line in headers.get_all("set-cookie")]
    token = dict(pair.split("=", 1) for pair in pairs)["thicket_csrf"]
    return {"cookie": "; ".join(pairs), "x-csrftoken": token}


@kept
def session():
    return sign_in()


@kept
def me():
    return send("GET", "/api/users/@me/")


@kept
def conversation():
    """One with a finished turn."""
    new = str(uuid.uuid4())
    question = {"content": "How do I pay?", "conversation": new, "trace_id": str(uuid.uuid4())}
    send("POST", CHATS, question)
    return new


def queue_item():
    """One that waits in the conversation."""
    path = CHATS + conversation() + "/queue/"
    send("POST", path + "clear/")
    return send("POST", path, {"content": "And then?"})["messages"][0]["id"]


def new_ticket(**more):
    """One to which its customer has written."""
    made = send("POST", DESK + "tickets/", {"distinct_id": "customer", **more})
    said = {"content": "I cannot pay.", "item_context": {"author_type": "customer"}}
    send("POST", PROJECT + "comments/", {"scope": "conversations_ticket", "item_id": made["id"], **said})
    return made["id"]


@kept
def ticket():
    return new_ticket()


def tag():
    name = word()
    new_ticket(tags=[name])
    return name


def note():
    new = {"message": "Look at this.", "is_private": True}
    return send("POST", f"{DESK}tickets/{ticket()}/reply/", new)["id"]


def comment():
    new = {"scope": "conversations_ticket", "item_id": ticket(), "content": "Hello"}
    return send("POST", PROJECT + "comments/", new)["id"]


@kept
def article():
    return send("POST", DESK + "articles/", {"title": "Paying", "body": "Pay with a card."})["id"]


@kept
def view():
    return send("POST", DESK + "views/", {"name": "All"})["short_id"]


@kept
def macro():
    return send("POST", DESK + "macros/", {"name": "Thanks", "content": "Thank you."})["short_id"]


@kept
def rule():
    new = {"rule_type": "tone", "name": "Short", "content": "Be brief."}
    return send("POST", DESK + "guidance/", new)["id"]


@kept
def draft():
    send("PUT", DESK + "drafts/fuzz/", {"content": "Dear"})
    return "fuzz"


@kept
def person():
    new = {"distinct_ids": [word()], "properties": {"email": "robin@example.com"}}
    return send("POST", PROJECT + "persons/", new)["id"]


def invite():
    return send("POST", ORGANIZATION + "invites/", {"email": word() + "@example.com"})


def mail():
    """An invitation's, which the mail server has refused."""
    before = {it["id"] for it in mails()}
    invite()
    for _ in range(100):
        for it in mails():
            if it["state"] == "failed" and it["id"] not in before:
                return it["id"]
        time.sleep(0.1)
    raise TimeoutError("no mail has failed")


def mails():
    """The newest."""
    return send("GET", DESK + "outbox/?limit=20")["results"]


def invite_token():
    return invite()["link"].rsplit("/", 1)[1]


@kept
def member():
    """The UUID of somebody who belongs to the organisation."""
    joined = {"name": "Robin", "password": "correct horse battery"}
    return send("POST", f"/api/invites/{invite_token()}/", joined, {})["uuid"]


@kept
def role():
    return send("POST", ORGANIZATION + "roles/", {"name": word()})["id"]


def role_member():
    path = f"{ORGANIZATION}roles/{role()}/members/"
    send("POST", path, {"user": member()})
    return member()


def project_key():
    new = {"label": "program", "scopes": ["support_ticket:read"]}
    return send("POST", PROJECT + "project_secret_api_keys/", new)["id"]


def own_key():
    new = {"label": "program", "scopes": ["ticket:read"]}
    return send("POST", "/api/personal_api_keys/", new, session())["id"]


def other_session():
    sign_in()
    return send("GET", "/api/users/@me/sessions/?limit=1")["results"][0]["id"]


# What the open parts of a path name, by the end of the path before and with them.
PARTS = {
    "conversations/{conversation}": conversation,
    "queue/{queue_id}": queue_item,
    "articles/{article_id}": article,
    "persons/{person_id}": person,
    "tickets/{id}": ticket,
    "notes/{message_id}": note,
    "comments/{comment_id}": comment,
    "views/{short_id}": view,
    "macros/{short_id}": macro,
    "quick_actions/{short_id}": macro,
    "guidance/{rule_id}": rule,
    "drafts/{key}": draft,
    "availability/{user_id}": lambda: str(me()["id"]),
    "invites/{invite_id}": lambda: invite()["id"],
    "invites/{token}": invite_token,
    "roles/{role_id}": role,
    "{role_id}/members/{user_id}": role_member,
    "{organization_id}/members/{user_id}": member,
    "project_secret_api_keys/{id}": project_key,
    "personal_api_keys/{key_id}": own_key,
    "sessions/{session_id}": other_session,
    "outbox/{mail_id}": mail,
}

# Members of the query and of the body, by operation, without the prefix of the project.
QUERIES = {
    "GET activity_log/": lambda: {"scope": "Ticket", "item_id": ticket()},
    "GET comments/": lambda: {"scope": "conversations_ticket", "item_id": ticket()},
    "PATCH conversations/tags/": lambda: {"name": tag()},
    "DELETE conversations/tags/": lambda: {"name": tag()},
    "GET conversations/tickets/presence/": lambda: {"ticket_ids": ticket()},
}
BODIES = {
    "POST comments/": lambda: {"scope": "conversations_ticket", "item_id": ticket()},
    "POST conversations/tags/merge/": lambda: {"names": [tag()]},
    "POST conversations/tickets/bulk_update_status/": lambda: {"ids": [ticket()], "status": "open"},
    "POST conversations/tickets/bulk_update_tags/": lambda: {"ids": [ticket()], "action": "add"},
    "POST conversations/tickets/{id}/ai_feedback/": lambda: {"rating": "bad"},
    "POST conversations/tickets/{id}/merge/": lambda: {"target_ticket_id": new_ticket()},
    "POST project_secret_api_keys/": lambda: {"scopes": ["support_ticket:read"]},
    "POST /api/organizations/{organization_id}/roles/{role_id}/members/": lambda: {"user": member()},
    "PATCH /api/organizations/{organization_id}/members/{user_id}/": lambda: {"level": 8},
    "POST /api/personal_api_keys/": lambda: {
        "scopes": ["ticket:read"],
        "scoped_teams": [],
        "scoped_organizations": [],
    },
    "POST /api/login/": lambda: dict(LOGIN),
    "POST /api/environments/{project_id}/conversations/": lambda: {"conversation": conversation()},
}

# These are for people who have signed in.
BY_SESSION = {
    "POST /api/personal_api_keys/",
    "PATCH /api/personal_api_keys/{key_id}/",
    "DELETE /api/personal_api_keys/{key_id}/",
    "POST /api/logout/",
    "POST /api/logout/everywhere/",
}


def operation(case):
    path = case.path.removeprefix("/api/projects/{project_id}/")
    return f"{case.method} {path}"


def name_things(case):
    """Puts what is there into the path, the query and the body."""
    for part, find in PARTS.items():
        name = part.rsplit("{", 1)[1].rstrip("}")
        if (part + "/") in case.path:
            case.path_parameters[name] = find()
            if case.method == "DELETE" and case.path.endswith(part + "/"):
                living.pop(find.__name__, None)
    if operation(case) in QUERIES:
        case.query = {**(case.query or {}), **QUERIES[operation(case)]()}
    if isinstance(case.body, dict) and operation(case) in BODIES:
        case.body.update(BODIES[operation(case)]())
    if operation(case).endswith("/merge/"):
        # It can be merged once.
        living.pop("ticket", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(numbers)
    if case.headers is None:
        case.headers = {}
    if number % 3:
        # Otherwise the answer of the assistant is always a stream.
        case.headers.setdefault("Accept", "application/json")
    # Never oneself by chance: whoever is no admin any more gets no further.
    if number % 2 == 0 or "{organization_id}/members/{user_id}/" in case.path:
        try:
            name_things(case)
        except urllib.error.HTTPError:
            # The fuzzer has deleted something.
            living.clear()
            name_things(case)
    if operation(case) in BY_SESSION:
        case.headers.update(session())
        if "logout" in case.path:
            living.pop("session")
    else:
        case.headers["Authorization"] = KEY


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200 and operation(case) == "PATCH ":
        send("PATCH", PROJECT, SWITCHES)
    if response.status_code == 201 and operation(case) == "POST /api/personal_api_keys/":
        # A person has a hundred at most.
        send("DELETE", f"/api/personal_api_keys/{response.json()['id']}/", None, session())
