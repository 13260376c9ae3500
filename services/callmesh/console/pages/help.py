"""`/help/keys`: every key and every command, on one page that can be printed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmesh.console.pages.desk import keys
from callmesh.console.web import city_of, page

KEYS = (
    ("Alt+1 … Alt+5", "Take that suggestion: open, classify and transfer in one step"),
    ("Ctrl+Enter", "Take the first suggestion"),
    ("F10", "Three-way call; with an empty form it joins the call that was put through last"),
    ("Esc", "Within five seconds take the transfer back; else leave the field"),
    ("/  ·  Ctrl+/", "To the command line; the second one also from within a field"),
    ("Alt+K", "Open the case and keep it here"),
    ("Alt+P", "Apply a response plan to several agencies; 1 to 9 chooses"),
    ("Alt+N", "New call: clears the form"),
    ("Alt+D", "Start duty: unlocks the sound of the alarm"),
    ("Alt+A", "Acknowledge the alarm"),
    ("?", "This page"),
)
COMMANDS = (
    ("转 燃气", "to gas", "Transfer the draft to an agency"),
    ("签 0123", "ok 0123", "Accept the referral of that case"),
    ("退 0123 原因", "back 0123 why", "Return it: not ours"),
    ("结 0123 结果", "done 0123 result", "Resolve it"),
    ("催 0123", "remind 0123", "Ask for progress"),
    ("准 0123 消防", "grant 0123 fire", "Grant a return, to that agency or to the next one"),
    ("驳 0123 原因", "deny 0123 why", "Deny a return"),
    ("派 0123 燃气", "send 0123 gas", "Transfer it: to the agency named, else by the catalogue"),
    ("撤 0123 原因", "recall 0123 why", "Take it back, with the reason"),
    ("答 0123 内容", "tell 0123 reply", "Answer on the spot: what the caller was told"),
    ("补 0123 内容", "add 0123 words", "Add words to the report"),
    ("并 0123 4567", "fold 0123 4567", "Fold into another case: its number, and why"),
    ("拒 0123 骚扰 说明", "reject 0123 abuse why", "Do not take it up, on a ground of the list"),
    ("销 0123 原因", "cancel 0123 why", "Cancel it, with the reason"),
    ("访 0123 5", "ask 0123 5", "Follow-up: reached, satisfied 1 to 5"),
    ("访 0123 3 未解决", "ask 0123 3 unsolved", "Follow-up: reached, friendly, but not solved"),
    ("未 0123", "missed 0123", "Record a follow-up: nobody answered"),
    ("归 0123", "close 0123", "Close the case"),
    ("重 0123 原因", "redo 0123 why", "Open a new round, with the reason"),
    ("看 0123", "see 0123", "Open its page"),
    ("会 0123", "join 0123", "Three-way call with who leads, or with the agency that is named"),
    ("离 0123", "leave 0123", "Leave the call: caller and agency talk on"),
    ("挂 0123", "hang 0123", "Hang up"),
    ("回 0123", "called 0123", "The caller whose call broke was called back"),
)


async def show(request: Request) -> Response:
    """The page."""
    return page(request, "help.html", transfer=keys(request, city_of(request)), keys=KEYS, commands=COMMANDS)


ROUTES = [Route("/help/keys", show)]
