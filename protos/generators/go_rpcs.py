"""A method of the Go client for every RPC."""

import re
from typing import Final

from generators import go_face
from generators.contract import Rpc

# What the client has written by hand: streams that outlast servers, and the bidirectional one.
_BY_HAND: Final = ("WatchMetrics", "WatchUpdates", "StreamEvents")
# Streams whose end has to be proved: the function that does.
_CHECKED: Final = {"ExportUser": "wholeExport"}


def text() -> str:
    """Returns the file with all methods, not formatted."""
    body = "\n".join(_methods(rpc) for rpc in go_face.all_rpcs() if rpc.name not in _BY_HAND)
    return (
        f'{go_face.HEADER}package tallywire\n\nimport (\n\t"context"\n\t"iter"\n\t"time"\n\n'
        f'\t"{go_face.MODULE}/answer"\n\t"{go_face.MESSAGES}"\n)\n\n{body}'
    )


def _methods(rpc: Rpc) -> str:
    if rpc.gives_stream:
        return _stream(rpc)
    return _unary(rpc) + (f"\n{_pages(rpc)}" if rpc.rows else "")


def _unary(rpc: Rpc) -> str:
    call = f"method{{path: {_path(rpc)}, kind: {_kind(rpc)}, attempt: {_attempt(rpc)}}}"
    return (
        f"{go_face.comment(rpc.comment)}"
        f"func (c *Client) {rpc.name}(ctx context.Context, request *tallywirev1.{rpc.request}) "
        f"(answer.{rpc.response}, error) {{\n"
        f"\tresponse := new(tallywirev1.{rpc.response})\n"
        f"\tif err := c.call(ctx, {call}, request, response); err != nil {{\n"
        f"\t\treturn answer.{rpc.response}{{}}, err\n\t}}\n"
        f"\treturn answer.New{rpc.response}(response), nil\n}}\n"
    )


def _stream(rpc: Rpc) -> str:
    stream = f"serverStream[tallywirev1.{rpc.response}](ctx, c, {_path(rpc)}, request, answer.New{rpc.response})"
    about = f"{rpc.comment}\n\nThe call begins and ends with the loop; an error is the last pair."
    checked = f"{_CHECKED[rpc.name]}({stream})" if rpc.name in _CHECKED else stream
    return (
        f"{go_face.comment(about)}"
        f"func (c *Client) {rpc.name}(ctx context.Context, request *tallywirev1.{rpc.request}) "
        f"iter.Seq2[answer.{rpc.response}, error] {{\n\treturn {checked}\n}}\n"
    )


def _pages(rpc: Rpc) -> str:
    name = f"All{rpc.name.removeprefix('List')}" if rpc.name.startswith("List") else f"All{rpc.row}s"
    about = (
        f"{name} returns an iterator over the rows of all pages of [Client.{rpc.name}]; request is that of the first "
        "page. A page is asked for when the loop comes to it; an error is the last pair."
    )
    return (
        f"{go_face.comment(about)}"
        f"func (c *Client) {name}(ctx context.Context, request *tallywirev1.{rpc.request}) "
        f"iter.Seq2[answer.{rpc.row}, error] {{\n"
        f"\treturn allRows(ctx, c.{rpc.name}, request, answer.{rpc.response}.{go_face.go_name(rpc.rows)})\n}}\n"
    )


def _path(rpc: Rpc) -> str:
    return f'"/{rpc.path}"'


def _kind(rpc: Rpc) -> str:
    """Returns by which rules the call is tried again."""
    if rpc.service == "EventService" and re.match(r"Track|Correct|Retract", rpc.name):
        return "sendsEvents"
    return "question" if rpc.is_question else "change"


def _attempt(rpc: Rpc) -> str:
    """Returns how long one attempt may take: a single event a third of what anything else may."""
    return f"{10 if rpc.name == 'TrackEvent' else 30} * time.Second"
