"""Reports as one HTML page that mail programs show: tables and inline styles, no images, scripts or other files."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from server.reports import layout
from server.reports.document import ReportDocument

MOST_ROWS: Final = 50  # of a table: the other files have all
_MOST_POINTS: Final = 31  # of a chart, which a mail shows as bars: the newest
_SHORT_LABEL: Final = 28  # characters
_FONT: Final = "font-family:'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_MUTED: Final = "color:#565d6b"
_LINE: Final = "border-bottom:1px solid #e2e5ea"
_VERDICTS: Final = {1: "color:#0f766e", -1: "color:#b93a0b", 0: _MUTED}
_ARROWS: Final = {1: "▲ ", -1: "▼ ", 0: ""}
_TABLE: Final = '<table role="presentation" cellpadding="0" cellspacing="0" border="0" width="100%"'


def written(document: ReportDocument) -> bytes:
    """Returns the page of a document."""
    laid = layout.laid_out(document, most_rows=MOST_ROWS)
    body = "".join(_body(laid))
    return (
        f'<!DOCTYPE html><html lang="{escape(laid["locale"])}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light">'
        f"<title>{escape(laid['title'])}</title></head>"
        f'<body style="margin:0;padding:0;background:#f5f6f8;{_FONT};font-size:14px;line-height:1.45;color:#14161a">'
        f'{_TABLE} style="background:#f5f6f8"><tr><td align="center" style="padding:24px 12px">'
        f'{_TABLE} style="max-width:680px;background:#ffffff;border:1px solid #e2e5ea"><tr>'
        f'<td style="padding:28px 28px 32px" dir="auto">{body}</td></tr></table></td></tr></table></body></html>'
    ).encode()


def _body(laid: Mapping[str, Any]) -> Iterator[str]:
    yield f'<div style="font-size:12px;font-weight:600;color:#1f4fc9">{escape(laid["kicker"].upper())}</div>'
    yield f'<h1 style="margin:2px 0 2px;font-size:24px;line-height:1.25">{escape(laid["title"])}</h1>'
    yield f'<div style="{_MUTED};margin-bottom:10px">{escape(laid["period"])}</div>'
    if laid["restricted"]:
        yield f'<p style="margin:0 0 10px;font-weight:600" dir="auto">{escape(laid["restricted"])}</p>'
    for text in filter(str.strip, laid["description"].split("\n")):
        yield _paragraph(text)
    if laid["running"]:
        yield f'<p style="margin:12px 0;padding:10px 12px;background:#fdf3e7">{escape(laid["running"])}</p>'
    if laid["differences"] is not None:
        yield _heading(laid["differences"]["title"])
        yield _paragraph(laid["differences"]["lead"])
        if laid["differences"]["table"] is not None:
            yield _table(laid["differences"]["table"])
    for block in laid["blocks"]:
        yield from _block(block)
    yield _heading(laid["definitions_title"])
    yield _facts(laid["facts"])
    for one in laid["definitions"]:
        yield (
            f'<div style="font-size:12px;margin-top:6px"><b>{escape(one["title"])}</b>'
            f' <span style="{_MUTED}">{escape(one["text"])}</span></div>'
        )


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    if block["title"]:
        yield _heading(block["title"])
    for text in block["paragraphs"]:
        yield _paragraph(text)
    if block["refused"]:
        yield (
            '<p style="margin:8px 0;padding:10px 12px;background:#fbeee9;border-left:3px solid #b93a0b">'
            f"<b>{escape(block['refused'])}</b><br>{escape(block['refusal'])}</p>"
        )
    yield _figures(block["figures"])
    for chart in block["charts"]:
        yield _chart(chart)
    yield _bars([(one["label"], one["value"], one["share"]) for one in block["bars"]])
    yield _bars([(one["name"], f"{one['reached']} · {one['of_first']}", one["share"]) for one in block["stages"]])
    if block["table"] is not None:
        yield _table(block["table"])
    if block.get("empty"):
        yield _small(block["empty"])
    for note in block["notes"]:
        yield _small(note)


def _heading(text: str) -> str:
    return f'<h2 style="margin:28px 0 10px;font-size:17px;line-height:1.3">{escape(text)}</h2>'


def _paragraph(text: str) -> str:
    return f'<p style="margin:0 0 10px" dir="auto">{escape(text)}</p>'


def _small(text: str) -> str:
    return f'<div style="font-size:12px;{_MUTED};margin-top:6px">{escape(text)}</div>'


def _facts(facts: Sequence[Sequence[str]]) -> str:
    rows = "".join(
        f'<tr><td style="{_MUTED};padding:2px 16px 2px 0;white-space:nowrap;vertical-align:top">{escape(name)}</td>'
        f'<td style="padding:2px 0" width="100%">{escape(text)}</td></tr>'
        for name, text in facts
    )
    return f'{_TABLE} style="font-size:12px;margin-bottom:12px">{rows}</table>'


def _figures(figures: Sequence[Mapping[str, Any]]) -> str:
    """Returns cards, two to a row: that fits telephones."""
    if not figures:
        return ""
    rows = []
    for place in range(0, len(figures), 2):
        cells = [_card(one) for one in figures[place : place + 2]]
        if len(cells) == 1:
            cells.append('<td width="50%"></td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'{_TABLE} style="margin:0 -4px">{"".join(rows)}</table>'


def _card(one: Mapping[str, Any]) -> str:
    change = f"{_ARROWS[one['direction']]}{one['change']}"
    hidden = f" ({one['verdict_text']})" if one["verdict_text"] else ""
    was = f' <span style="{_MUTED}">{escape(one["was"])}</span>' if one["was"] else ""
    return (
        '<td width="50%" style="padding:4px;vertical-align:top">'
        '<div style="border:1px solid #e2e5ea;padding:10px 12px">'
        f'<div style="font-size:12px;{_MUTED}">{escape(one["title"])}</div>'
        f'<div style="font-size:21px;font-weight:600">{escape(one["value"])}</div>'
        f'<div style="font-size:12px"><span style="{_VERDICTS[one["verdict"]]}" title="{escape(change + hidden)}">'
        f"{escape(change)}</span>{was}&nbsp;</div></div></td>"
    )


def _chart(chart: Mapping[str, Any]) -> str:
    """Returns the newest points of the first line as bars, with the others as figures beside them."""
    points = chart["points"][-_MOST_POINTS:]
    caption = chart["caption_of_bars"]
    if len(points) < len(chart["points"]):
        caption = f"{caption} · {chart['newest']}"
    headers = "".join(
        f'<td align="right" style="padding:2px 0 4px 10px;{_MUTED};font-size:12px">{escape(line["title"])}</td>'
        for line in chart["lines"]
    )
    rows = "".join(_point(one) for one in points)
    return f'{_TABLE} style="font-size:12px"><tr><td></td><td width="100%"></td>{headers}</tr>{rows}</table>' + _small(
        caption
    )


def _point(one: Mapping[str, Any]) -> str:
    shade = "#a9bfee" if one["partial"] else "#2a5bd7"
    values = "".join(
        f'<td align="right" style="padding:1px 0 1px 10px;white-space:nowrap">{escape(value)}</td>'
        for value in one["values"]
    )
    return (
        f'<tr><td style="padding:1px 8px 1px 0;white-space:nowrap;{_MUTED}">{escape(one["label"])}</td>'
        f'<td width="100%">{_bar(one["share"], shade)}</td>{values}</tr>'
    )


def _bar(share: float, shade: str = "#2a5bd7") -> str:
    width = round(max(0.0, min(1.0, share)) * 100)
    if not width:
        return ""
    return (
        f'<table role="presentation" cellpadding="0" cellspacing="0" border="0" width="{width}%"><tr>'
        f'<td style="background:{shade};height:10px;line-height:10px;font-size:1px">&nbsp;</td></tr></table>'
    )


def _bars(bars: Sequence[tuple[str, str, float]]) -> str:
    if not bars:
        return ""
    rows = "".join(
        f'<tr><td style="padding:3px 10px 3px 0;{_label_style(label)}" dir="auto">{escape(label)}</td>'
        f'<td width="100%">{_bar(share)}</td>'
        f'<td align="right" style="padding:3px 0 3px 10px;white-space:nowrap">{escape(value)}</td></tr>'
        for label, value, share in bars
    )
    return f'{_TABLE} style="font-size:13px">{rows}</table>'


def _label_style(label: str) -> str:
    """Returns how the name of a bar is shown: on one line unless it is long."""
    return "white-space:nowrap" if len(label) <= _SHORT_LABEL else "max-width:240px"


def _table(table: Mapping[str, Any]) -> str:
    aligned = ["right" if one["right"] else "left" for one in table["headers"]]
    heads = "".join(
        f'<th align="{align}" style="padding:5px 8px;border-bottom:1px solid #868d9a;{_MUTED};font-weight:600">'
        f"{escape(one['title'])}</th>"
        for one, align in zip(table["headers"], aligned, strict=True)
    )
    first_foot = len(table["rows"]) - table["foot"]
    rows = []
    for number, row in enumerate(table["rows"]):
        muted = _MUTED if number >= first_foot else ""
        cells = "".join(
            f'<td align="{align}" style="padding:5px 8px;{_LINE};{muted}" dir="auto">{escape(cell)}</td>'
            for cell, align in zip(row, aligned, strict=True)
        )
        rows.append(f"<tr>{cells}</tr>")
    shown = (
        '<table cellpadding="0" cellspacing="0" border="0" width="100%"'
        ' style="font-size:12px;border-collapse:collapse">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
    return shown + (_small(table["more"]) if table["more"] else "")
