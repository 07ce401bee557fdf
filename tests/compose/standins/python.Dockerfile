# Stands in for python:3.11-slim: Debian's Python under the public image's names of commands.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
    && apt-get install --yes -qq --no-install-recommends python3 python3-venv ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/bin/python3 /usr/local/bin/python
