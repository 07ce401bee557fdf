# Stands in for nginx: from a newer Debian, since 'resolve' in an upstream needs 1.27.3.
ARG BASE
FROM ${BASE}
RUN groupadd --system --gid 101 nginx \
    && useradd --system --uid 101 --gid nginx --no-create-home nginx \
    && sed 's/ bookworm / forky /' /etc/apt/sources.list > /etc/apt/sources.list.d/newer.list \
    && printf 'Package: *\nPin: release n=forky\nPin-Priority: 100\n' > /etc/apt/preferences.d/newer \
    && apt-get -o Acquire::Check-Valid-Until=false update -qq \
    && apt-get install --yes -qq --no-install-recommends --target-release forky nginx-light curl \
    && rm -rf /var/lib/apt/lists/*
