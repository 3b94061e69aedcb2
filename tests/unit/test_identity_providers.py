"""The file of identity providers: what is wrong is told in one line, and nothing unsafe is taken."""

import pathlib
from typing import Any

import pytest

from server import errors
from server.tenancy import identity_providers

GOOD = {
    "issuer": "https://login.example.org/realm",
    "audiences": ["tallywire"],
    "organization": "acme",
    "default_role": "viewer",
}


def parsed(**tables: dict[str, Any]) -> Any:
    return identity_providers.parse({"providers": tables}).providers


def test_what_is_not_said_is_safe() -> None:
    [one] = parsed(one=GOOD)
    assert one.algorithms == ("RS256", "ES256")
    assert (one.subject_claim, one.leeway_seconds, one.max_age_seconds) == (("sub",), 30, 86_400)
    assert one.reaches == {"acme"}
    assert one.teams_claim == one.role_claim == ()


def test_claims_may_be_within_others_and_organizations_listed_by_their_own_names() -> None:
    table = {name: value for name, value in GOOD.items() if name != "organization"}
    [one] = parsed(
        one={
            **table,
            "organization_claim": ["tallywire", "tenant"],
            "organizations": ["acme", "beta"],
            "role_claim": "https://example.org/groups",
            "roles": {"b": "admin", "a": "viewer"},
        }
    )
    assert one.organization_claim == ("tallywire", "tenant")
    assert dict(one.organizations) == {"acme": "acme", "beta": "beta"}
    assert one.role_claim == ("https://example.org/groups",)
    assert list(one.roles) == ["b", "a"]  # the order of the file decides


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"algorithms": ["none"]}, "'none' is not allowed"),
        ({"algorithms": ["RS256", "HS256"]}, "'HS256' is not allowed"),
        ({"algorithms": ["ES256K"]}, "'ES256K' is not allowed"),
        ({"algorithms": []}, "algorithms"),
        ({"issuer": "http://login.example.org"}, "issuer must be an https:// address"),
        ({"issuer": "https://ada:secret@login.example.org"}, "issuer must be an https:// address"),
        ({"jwks_url": "file:///etc/passwd"}, "jwks_url must be an https:// address"),
        ({"jwks_url": "http://10.0.0.1/keys"}, "jwks_url must be an https:// address"),
        ({"audiences": []}, "audiences"),
        ({"audience": "tallywire"}, "audience Extra inputs are not permitted"),
        ({"leeway_seconds": 61}, "leeway_seconds"),
        ({"leeway_seconds": "5"}, "leeway_seconds"),
        ({"max_age_seconds": 0}, "max_age_seconds"),
        ({"organization": None}, "needs either organization or organization_claim"),
        ({"organization_claim": "tenant"}, "needs either organization or organization_claim"),
        ({"organization": None, "organization_claim": "tenant"}, "only what is listed can be named"),
        ({"organizations": ["acme"]}, "only what is listed can be named"),
        ({"default_role": None}, "nobody would have a role"),
        ({"default_role": "Root!"}, "'Root!' is no name of a role"),
        ({"role_claim": "groups"}, "role_claim and roles go together"),
        ({"role_claim": "groups", "roles": {"a": "*"}}, "'*' is no name of a role"),
        ({"teams_claim": []}, "teams_claim must be the name of a claim"),
        ({"teams_claim": [1]}, "teams_claim must be the name of a claim"),
        ({"name": "other"}, "is no table with a name"),
    ],
)
def test_what_is_wrong_is_told(changes: dict[str, Any], problem: str) -> None:
    table = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(ValueError, match=r"\[providers\.one\]") as told:
        parsed(one=table)
    assert problem in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, "have the same issuer"),
        ({"issuer": "https://other.example.org"}, "both lead to 'acme'"),
        ({"issuer": "https://other.example.org", "subject_prefix": "b:"}, "both lead to 'acme'"),  # of "", too
    ],
)
def test_two_providers_cannot_be_taken_for_each_other(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parsed(one=GOOD, two={**GOOD, **changes})


def test_two_providers_of_an_organization_have_prefixes() -> None:
    other = {**GOOD, "issuer": "https://other.example.org", "subject_prefix": "b:"}
    assert len(parsed(one={**GOOD, "subject_prefix": "a:"}, two=other)) == 2
    with pytest.raises(ValueError, match="subject_prefix"):
        parsed(one={**GOOD, "subject_prefix": "b:a"}, two=other)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no table"),
        ("providers = 1", "needs 1 to 100 tables"),
        ("[providers]", "needs 1 to 100 tables"),
        ("[providers", "is no TOML"),
        ("x = 1\n[providers.a]", "'x' is not known"),
        ("[providers.a]\n", r"\[providers.a\]: "),
        ("[providers.'A b']\n", "is no table with a name"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: pathlib.Path, text: str, problem: str) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(text)
    with pytest.raises(errors.SetupError, match=problem) as told:
        identity_providers.read(path)
    assert str(told.value).startswith(f"TALLYWIRE_IDENTITY_PROVIDERS={path}: ")
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.SetupError, match="No such file"):
        identity_providers.read(tmp_path / "none.toml")
    assert identity_providers.read(None) == identity_providers.IdentityFile()


HOLDER = {"spiffe_id": "spiffe://example.org/collector", "organization": "acme", "role": "sender"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"spiffe_id": None}, "needs either spiffe_id or common_name"),
        ({"common_name": "collector"}, "needs either spiffe_id or common_name"),
        ({"spiffe_id": "https://example.org"}, "must be like spiffe://"),
        ({"organization": None}, "organization Field required"),
        ({"role": None}, "role Field required"),
        ({"role": "*"}, "'*' is no name of a role"),
        ({"scopes": ["admin"]}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(changes: dict[str, Any], problem: str) -> None:
    table = {name: value for name, value in {**HOLDER, **changes}.items() if value is not None}
    with pytest.raises(ValueError, match=r"\[certificates\.one\]") as told:
        identity_providers.parse({"certificates": {"one": table}})
    assert problem in str(told.value)


def test_a_certificate_stands_for_one_holder() -> None:
    with pytest.raises(ValueError, match="are the same: spiffe:"):
        identity_providers.parse({"certificates": {"one": HOLDER, "two": {**HOLDER, "organization": "other"}}})
