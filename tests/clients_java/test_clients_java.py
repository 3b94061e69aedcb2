"""The Java client as its users get it: installed into a repository, used by an empty project, and its examples."""

import asyncio
import os
import pathlib
import pwd
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.conformance import languages
from tests.support import webhook_receivers

pytestmark = pytest.mark.skipif(not languages.are_quick_starts_wanted(), reason="built and tested by .ci/clients")

JAVA = pathlib.Path(__file__).parents[2] / "clients" / "java"
# Java takes the home from the account and not from the environment.
FETCHED = pathlib.Path(pwd.getpwuid(os.getuid()).pw_dir) / ".m2" / "repository"
IMPORTS = (
    "io.github.tallywire.*",
    "io.github.tallywire.answer.Overview",
    "io.github.tallywire.event.Events",
    "java.time.Duration",
)


def _readme(language: str, number: int = 0) -> str:
    """Returns a block of code of the README."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```$", (JAVA / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return str(blocks[number])


async def _run(*command: str, cwd: pathlib.Path, key: str = "") -> str:
    """Returns what a program prints; it must end well."""
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=cwd,
        env={**os.environ, "TALLYWIRE_API_KEY": key},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-10_000:]}\n{done.stderr[-10_000:]}"
    return done.stdout


@pytest.fixture(scope="module")
async def repository(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A Maven repository of its own with the client, beside links to what Maven has fetched already."""
    (java,) = (one for one in languages.all_of_them() if one.name == "java")
    if not (FETCHED / "io" / "grpc").exists():
        await java.make()  # fetches what the links are to
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(FETCHED, folder, copy_function=_link, dirs_exist_ok=True)
    modules = ".,proto,client,servlet,examples"  # examples are not installed
    install = ("mvn", "-B", "-q", f"-Dmaven.repo.local={folder}", "-DskipTests", "-pl", modules, "install")
    await _run(*install, cwd=JAVA)
    return folder


def _link(source: str, target: str) -> None:
    """Links a file, or copies it to another file system. Nothing is written into the repository's files."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture
def project(repository: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """An empty project with the dependency as the README gives it."""
    (tmp_path / "pom.xml").write_text(
        f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>example</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>11</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>{_readme("xml")}</dependencies>
  <build><pluginManagement><plugins>
    <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.14.1</version></plugin>
    <plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.1</version></plugin>
    <plugin><artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version></plugin>
  </plugins></pluginManagement></build>
</project>
""",
        encoding="utf-8",
    )
    return tmp_path


async def test_the_quick_start_as_pasted(
    repository: pathlib.Path, project: pathlib.Path, server: Any, tenant: Any
) -> None:
    source = project / "src" / "main" / "java" / "Example.java"
    source.parent.mkdir(parents=True)
    imports = "".join(f"import {name};\n" for name in IMPORTS)
    source.write_text(
        f"{imports}public class Example {{\n  public static void main(String[] arguments) {{\n"
        f"    String address = arguments[0];\n    String key = arguments[1];\n{_readme('java')}  }}\n}}\n",
        encoding="utf-8",
    )
    maven = ("mvn", "-B", "-q", f"-Dmaven.repo.local={repository}")
    goals = ("compile", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
    await _run(*maven, *goals, cwd=project)
    printed = await _run("java", "-cp", "target/classes:lib/*", "Example", server.address, tenant.key, cwd=project)
    assert printed.split() == ["OptionalLong[1]", "OptionalDouble[5.0]"]
    assert tenant.key not in printed
    assert all(re.search(rf"`{re.escape(name)}`", (JAVA / "README.md").read_text("utf-8")) for name in IMPORTS)


@pytest.mark.usefixtures("repository")
async def test_examples_run(tmp_path: pathlib.Path, server: Any, tenant: Any) -> None:
    program = ("java", "-cp", "examples/target/examples.jar:examples/target/lib/*")

    async def example(name: str, *arguments: str) -> str:
        command = (*program, f"io.github.tallywire.examples.{name}", server.address, *arguments)
        return await _run(*command, cwd=JAVA, key=tenant.key)

    follower = await asyncio.create_subprocess_exec(
        *program,
        "io.github.tallywire.examples.FollowUpdates",
        server.address,
        str(tmp_path / "position"),
        "1",
        cwd=JAVA,
        env={**os.environ, "TALLYWIRE_API_KEY": tenant.key},
        stdout=asyncio.subprocess.PIPE,
    )
    assert follower.stdout is not None
    assert await follower.stdout.readline() == b"listening\n"
    printed = await example("TrackAndRead")
    assert "sent=3," in printed
    assert "refused: feedback.rating" in printed
    assert "messages: 2\nsatisfaction: 5.0\n" in printed
    rest, _ = await follower.communicate()
    assert re.fullmatch(rb"\d+ \d+ changes\n", rest)
    assert (tmp_path / "position").read_text()
    assert "stored: EVENT_STATUS_ACCEPTED\nremaining: no limit\n" in await example("PlainStubs")


@pytest.mark.usefixtures("repository")
async def test_the_server_of_the_examples_tracks_its_requests(server: Any, tenant: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        *("java", "-cp", "examples/target/examples.jar:examples/target/lib/*"),
        *("io.github.tallywire.examples.TomcatServer", server.address),
        cwd=JAVA,
        env={**os.environ, "TALLYWIRE_API_KEY": tenant.key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # what Tomcat says of itself
    )
    assert process.stdout is not None
    listening = (await process.stdout.readline()).decode()
    assert listening.startswith("listening on 127.0.0.1:")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listening.rpartition(":")[2]))
    writer.write(b"GET /orders/7 HTTP/1.0\r\n\r\n")
    assert (await reader.read()).endswith(b"\r\n\r\norder /7")
    writer.close()
    process.terminate()
    said, _ = await process.communicate()
    assert b"sent=1," in said


@pytest.mark.usefixtures("repository")
async def test_the_receiver_of_webhooks_believes_what_is_signed() -> None:
    program = ("java", "-cp", "examples/target/examples.jar:examples/target/lib/*")
    await webhook_receivers.check(*program, "io.github.tallywire.examples.WebhookReceiver", cwd=JAVA)
