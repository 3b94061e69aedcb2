"""The builders of events of clients/java: one for each family, and one method for each event type."""

import functools
import re
from collections.abc import Iterator

from generators import java_contract as java
from generators.java_contract import Field


@functools.cache
def _families() -> tuple[tuple[Field, tuple[str, ...]], ...]:
    """Returns the details of events with the event types that they belong to, as the contract's comments name them."""
    found = []
    for field, comment in java.fields("Event"):
        if not field.HasField("oneof_index") or field.proto3_optional:
            continue
        types: list[str] = []
        for name in re.findall(r"[a-z_]*\.[a-z_]+", comment):
            types.append(name if not name.startswith(".") else types[-1].partition(".")[0] + name)
        found.append((field, tuple(types)))
    return tuple(found)


def builders() -> Iterator[tuple[str, str, str]]:
    """Yields a builder for every family of events, one for events of other types, and the class that gives them."""
    package = f"{java.base()}.event"
    for family, types in _families():
        yield package, *_builder(family, types)
    yield package, "CustomEvent", _custom_builder()
    yield package, "Events", _factory()


def _builder_name(family: Field) -> str:
    return java.simple(family.type_name).removesuffix("Detail") + "Event"


def _builder(family: Field, types: tuple[str, ...]) -> tuple[str, str]:
    name, detail = _builder_name(family), f"{java.contract_package()}.{java.simple(family.type_name)}"
    setters = "\n".join(
        part for field, comment in java.fields(java.simple(family.type_name)) for part in _setters(name, field, comment)
    )
    body = (
        f"{java.doc('Builds events of the types ' + ', '.join(types) + '.', indent='')}"
        f"public final class {name} extends EventBuilder<{name}> {{\n"
        f"  private final {detail}.Builder detail = {detail}.newBuilder();\n"
        f"  private boolean hasDetail;\n\n"
        f"  {name}(String eventType) {{\n    super(eventType);\n  }}\n\n{setters}\n"
        f"  @Override\n  void addDetail({java.contract_package()}.Event.Builder event) {{\n"
        f"    if (hasDetail) {{\n      event.set{java.capital(family.name)}(detail);\n    }}\n  }}\n}}\n"
    )
    return name, body


def _setters(builder: str, field: Field, comment: str) -> Iterator[str]:
    name = java.camel(field.name)
    if field.type == Field.TYPE_ENUM:
        type_, given = f"{java.contract_package()}.{java.simple(field.type_name)}", "value"
    else:
        type_, given = java.SCALARS[field.type][0], "value"
    nullable = not type_[0].islower() or type_ == "String" or field.type == Field.TYPE_ENUM
    doc = java.doc(
        comment, f"@param value the value{', or null to leave it as it is' if nullable else ''}", "@return this"
    )
    yield _setter(builder, doc, name, type_, field, given, nullable=nullable)
    if field.name.endswith("_ms"):
        short = java.camel(field.name.removesuffix("_ms"))
        doc = java.doc(
            comment, "@param value the value, rounded to milliseconds; or null to leave it as it is", "@return this"
        )
        yield _setter(builder, doc, short, "Duration", field, "Rounding.milliseconds(value)", nullable=True)
    if field.name.endswith("_micros"):
        short = java.camel(field.name.removesuffix("_micros"))
        tag = "@param value the amount in units of the currency, rounded to millionths; or null to leave it as it is"
        yield _setter(
            builder,
            java.doc(comment, tag, "@return this"),
            short,
            "BigDecimal",
            field,
            "Rounding.millionths(value)",
            nullable=True,
        )


def _setter(builder: str, doc: str, name: str, type_: str, field: Field, given: str, *, nullable: bool) -> str:
    lines = [f"detail.set{java.capital(field.name)}({given});", "hasDetail = true;"]
    if type_ in ("Duration", "BigDecimal"):
        argument = f'"{field.name}"'
        lines[0] = f"detail.set{java.capital(field.name)}({given.replace('(value)', f'({argument}, value, this)')});"
    if nullable:
        lines = ["if (value != null) {", *(f"  {line}" for line in lines), "}"]
    body = "".join(f"    {line}\n" for line in lines)
    return f"{doc}  public {builder} {name}({type_} value) {{\n{body}    return this;\n  }}\n"


def _custom_builder() -> str:
    setters = "\n".join(
        java.doc(f"Sets the detail, of the kind of {', '.join(types)}.", "@param detail the detail", "@return this")
        + f"  public CustomEvent detail({java.contract_package()}.{java.simple(family.type_name)} detail) {{\n"
        f"    details.set{java.capital(family.name)}(detail);\n    return this;\n  }}\n"
        for family, types in _families()
    )
    event = f"{java.contract_package()}.Event"
    return (
        "/** Builds events of types that the service does not know. */\n"
        ""
        "public final class CustomEvent extends EventBuilder<CustomEvent> {\n"
        f"  private final {event}.Builder details = {event}.newBuilder();\n\n"
        "  CustomEvent(String eventType) {\n    super(eventType);\n  }\n\n"
        f"{setters}\n  @Override\n  void addDetail({event}.Builder event) {{\n"
        "    event.mergeFrom(details.buildPartial());\n  }\n}\n"
    )


def _factory() -> str:
    methods, cases = [], []
    for family, types in _families():
        name = _builder_name(family)
        for type_ in types:
            doc = java.doc(f"Returns a builder of events of the type {type_}.", "@return the builder")
            method = java.camel(type_.replace(".", "_"))
            methods.append(f'{doc}  public static {name} {method}() {{\n    return new {name}("{type_}");\n  }}\n')
            cases.append(f'      case "{type_}":\n')
        cases.append(f"        return new {name}(eventType);\n")
    of_doc = java.doc(
        "Returns a builder of events of a type that is known at run time only: that of its family, or a CustomEvent.",
        "@param eventType the type, such as message.sent",
        "@return the builder",
    )
    custom_doc = java.doc(
        "Returns a builder of events of a type of your own, which the service counts as a custom event.",
        "@param eventType the type, such as order.placed",
        "@return the builder",
    )
    return (
        "/** Builders of events, one for each event type that the service knows. */\n"
        "public final class Events {\n  private Events() {}\n\n"
        + "\n".join(methods)
        + f"\n{custom_doc}  public static CustomEvent custom(String eventType) {{\n"
        "    return new CustomEvent(eventType);\n  }\n"
        f"\n{of_doc}  public static EventBuilder<?> of(String eventType) {{\n    switch (eventType) {{\n"
        + "".join(cases)
        + "      default:\n        return new CustomEvent(eventType);\n    }\n  }\n}\n"
    )
