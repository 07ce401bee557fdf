# Stands in for prom/prometheus: Debian's server, with the public image's user, folder and entry point.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
    && apt-get install --yes -qq --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o nobody -g nogroup /prometheus
VOLUME /prometheus
USER nobody
ENTRYPOINT ["prometheus"]
