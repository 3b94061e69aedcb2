"""Every setting can be given to the chart of Kubernetes, and secrets only as such."""

import json
from typing import Any

from docs import generate
from server.settings import Settings


def test_every_setting_has_its_place() -> None:
    schema: dict[str, Any] = json.loads((generate.CHART / "values.schema.json").read_text(encoding="utf-8"))[
        "properties"
    ]
    secrets = set(schema["secrets"]["properties"]["values"]["properties"])
    told = set(schema["settings"]["propertyNames"]["enum"])
    fields = Settings.model_fields.items()
    known = {f"TALLYWIRE_{name.upper()}": str(field.annotation) for name, field in fields if not field.validation_alias}
    made = {f"TALLYWIRE_{name.upper()}" for name in generate.CHART_SETS}
    # A new secret is one more name in the schema, and in templates/_env.tpl for the pods that need it.
    assert secrets == {name for name, kind in known.items() if "SecretStr" in kind} | {
        "DATABASE_URL",
        "REDIS_URL",
        "OWNER_DATABASE_URL",
    }
    assert secrets == set(schema["secrets"]["properties"]["from"]["propertyNames"]["enum"])
    assert told | made | secrets >= known.keys()
    assert not told & (made | secrets), "nothing is said twice"
