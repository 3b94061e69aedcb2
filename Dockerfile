# One image for the server, the pages, the worker and the migration:
#   docker run IMAGE server serve      (the default)
#   docker run IMAGE server web
#   docker run IMAGE workers
#   docker run IMAGE server migrate

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/tallywire
WORKDIR /build
# The packages first: this layer changes only with the lock file.
COPY requirements-server.txt ./
RUN /opt/tallywire/bin/pip install --require-hashes --only-binary :all: -r requirements-server.txt
COPY pyproject.toml README.md LICENSE ./
COPY clients/python clients/python
COPY server server
COPY workers workers
# Wheels are built by the locked backend, which does not go into the image.
RUN /opt/tallywire/bin/pip install --no-deps --no-build-isolation ./clients/python . \
    && /opt/tallywire/bin/pip uninstall --yes hatchling pathspec pluggy tomlkit trove-classifiers \
    && /opt/tallywire/bin/pip check

FROM python:3.13-slim
LABEL org.opencontainers.image.title="tallywire" \
    org.opencontainers.image.description="A metrics service for AI agents, chatbots and call-centre agents" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 tallywire \
    && useradd --system --uid 10001 --gid tallywire --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin tallywire \
    # A volume that is mounted there first belongs to the service, too.
    && install --directory --owner=tallywire --group=tallywire --mode=0700 /var/lib/tallywire/reports
COPY --from=build /opt/tallywire /opt/tallywire
# Safe path: only what is installed is imported, never a file that lies in the working folder.
ENV PATH=/opt/tallywire/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 50051 8080
STOPSIGNAL SIGTERM
# The server's health over the gRPC health service; for the other commands switch it off, as compose.yaml does.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "server", "health"]
ENTRYPOINT ["python", "-m"]
CMD ["server", "serve"]
