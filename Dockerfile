# The daemon in a container. It balances the host's traffic, so it uses the host's network and needs three capabilities:
#   NET_RAW    packet sockets
#   NET_ADMIN  routes and neighbours by netlink, the guard that keeps VIP traffic from the host's own stack, offload settings
#   BPF        loading the guard program (older Docker: SYS_ADMIN; without either the guard falls back to nftables)
#
#   docker build -t tsipvs .
#   docker run -d --name tsipvs --network host --cap-add NET_RAW --cap-add NET_ADMIN --cap-add BPF \
#     -v /run/tsipvs:/run/tsipvs tsipvs --interface eth0
#   docker exec tsipvs ipvsadm -Ln

FROM node:24-bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# --ignore-scripts: cap and raw-socket are optional and need libpcap headers; our own native part is built by npm pack below.
RUN npm ci --ignore-scripts
COPY . .
RUN npm pack --pack-destination /tmp && mv /tmp/tsipvs-*.tgz /tmp/tsipvs.tgz

FROM node:24-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*
COPY --from=build /tmp/tsipvs.tgz /tmp/tsipvs.tgz
RUN npm install -g --omit=optional /tmp/tsipvs.tgz && rm /tmp/tsipvs.tgz \
  && ln -s "$(npm prefix -g)/bin/tsipvsadm" /usr/local/sbin/ipvsadm
# SIGTERM ends the daemon cleanly, SIGHUP makes it read its rules again.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tsipvsd"]
