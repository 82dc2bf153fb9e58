# syntax=docker/dockerfile:1
# ttsctl as an image: docker build -t ttsctl .      (see examples/docker/compose.yaml for how to run it)

FROM node:20-trixie-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node script/build.mjs

# util-linux has flock, which waits for another ttsctl.
FROM node:20-trixie-slim
ENV NODE_ENV=production
WORKDIR /usr/local/lib/ttsctl
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/bin bin
COPY --from=build /build/dist dist
RUN ln -s /usr/local/lib/ttsctl/bin/ttsctl /usr/local/bin/ttsctl && flock --version

# The service's folder, with config.ini in it. Run it as the owner of the store file: --user "$(stat -c %u:%g FILE)".
VOLUME /srv/tts
WORKDIR /srv/tts
USER node
# ttsctl takes SIGTERM itself, also as process 1; `docker run --init` reaps what an exec leaves.
STOPSIGNAL SIGTERM
ENTRYPOINT ["ttsctl"]
CMD ["--help"]
